/**
 * The host's processor as a device: memory off the heap, products by OpenBLAS, everything else in plain Java. A stream
 * runs each operation at once, on the thread that enqueues it. The only package that names OpenBLAS.
 */
package org.tp4j.device.cpu;
