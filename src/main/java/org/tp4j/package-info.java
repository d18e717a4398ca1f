/** Tensor parallelism for the JVM. The entry point for the three splits on plain arrays. */
package org.tp4j;
