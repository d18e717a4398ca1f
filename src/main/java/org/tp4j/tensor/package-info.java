/**
 * Matrices in host memory: their dtypes, their off-heap storage, and the files they come from.
 * Knows no device and no rank.
 */
package org.tp4j.tensor;
