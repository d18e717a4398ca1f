/**
 * NVIDIA GPUs as devices: the CUDA driver and cuBLAS by way of JCuda, and kernels of our own, shipped as PTX. A stream
 * enqueues and returns; only downloads and synchronize wait for the device. The only package that names JCuda.
 */
package org.tp4j.device.cuda;
