/**
 * Matrices in host memory: their dtypes, their off-heap storage, and the {@code .npy} and {@code .safetensors} files they
 * come from and go to. Knows no device and no rank.
 */
package org.tp4j.tensor;
