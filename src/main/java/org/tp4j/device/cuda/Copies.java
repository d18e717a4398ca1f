package org.tp4j.device.cuda;

import static jcuda.driver.JCudaDriver.cuMemcpy2DAsync;
import static jcuda.driver.JCudaDriver.cuMemcpy3DPeerAsync;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoDAsync;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoHAsync;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoDAsync;
import static jcuda.driver.JCudaDriver.cuMemcpyPeerAsync;

import jcuda.Pointer;
import jcuda.driver.CUDA_MEMCPY2D;
import jcuda.driver.CUDA_MEMCPY3D_PEER;
import jcuda.driver.CUmemorytype;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;

/**
 * Asynchronous copies of equal bits. Each enqueues on a stream whose context is current, and takes the one-dimensional
 * call where the elements lie without gaps.
 *
 * @see <a href="https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__MEM.html">Memory management</a>
 */
final class Copies {
    private Copies() {}

    /** On one device. */
    static void onDevice(CUstream stream, Region source, Region target) {
        CudaContext context = target.device().context();
        if (source.isPacked() && target.isPacked()) {
            elements(stream, source, target);
            return;
        }
        CUDA_MEMCPY2D copy = rows(source);
        copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
        copy.srcDevice = source.pointer();
        copy.srcPitch = source.strideBytes();
        copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
        copy.dstDevice = target.pointer();
        copy.dstPitch = target.strideBytes();
        int result = cuMemcpy2DAsync(copy, stream);
        // A driver may refuse a pitch that cuMemAllocPitch did not give.
        if (result == CUresult.CUDA_ERROR_INVALID_VALUE) {
            for (long row = 0; row < source.rows(); row++) {
                elements(stream, source.part(row, 0, 1, source.columns()), target.part(row, 0, 1, target.columns()));
            }
            return;
        }
        context.check(result, () -> "a copy of the rows of " + source);
    }

    /** Of packed regions on one device. */
    private static void elements(CUstream stream, Region source, Region target) {
        target.device()
                .context()
                .check(
                        cuMemcpyDtoDAsync(target.pointer(), source.pointer(), source.byteSize(), stream),
                        () -> "a copy of " + source);
    }

    /** From one device to another; the stream is of either. */
    static void betweenDevices(CudaContext current, CUstream stream, Region source, Region target) {
        if (source.isPacked() && target.isPacked()) {
            current.check(
                    cuMemcpyPeerAsync(
                            target.pointer(),
                            target.device().context().handle(),
                            source.pointer(),
                            source.device().context().handle(),
                            source.byteSize(),
                            stream),
                    () -> "a copy of " + source + " from " + source.device() + " to " + target.device());
            return;
        }
        CUDA_MEMCPY3D_PEER copy = new CUDA_MEMCPY3D_PEER();
        copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
        copy.srcDevice = source.pointer();
        copy.srcContext = source.device().context().handle();
        copy.srcPitch = source.strideBytes();
        copy.srcHeight = source.rows();
        copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
        copy.dstDevice = target.pointer();
        copy.dstContext = target.device().context().handle();
        copy.dstPitch = target.strideBytes();
        copy.dstHeight = target.rows();
        copy.WidthInBytes = source.rowBytes();
        copy.Height = source.rows();
        copy.Depth = 1;
        current.check(
                cuMemcpy3DPeerAsync(copy, stream),
                () -> "a copy of the rows of " + source + " from " + source.device() + " to " + target.device());
    }

    /** From packed elements in pinned host memory. */
    static void fromHost(CUstream stream, Pointer source, Region target) {
        CudaContext context = target.device().context();
        if (target.isPacked()) {
            context.check(
                    cuMemcpyHtoDAsync(target.pointer(), source, target.byteSize(), stream),
                    () -> "a copy of " + target + " to the device");
            return;
        }
        CUDA_MEMCPY2D copy = rows(target);
        copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_HOST;
        copy.srcHost = source;
        copy.srcPitch = target.rowBytes();
        copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
        copy.dstDevice = target.pointer();
        copy.dstPitch = target.strideBytes();
        context.check(cuMemcpy2DAsync(copy, stream), () -> "a copy of the rows of " + target + " to the device");
    }

    /** To packed elements in pinned host memory. */
    static void toHost(CUstream stream, Region source, Pointer target) {
        CudaContext context = source.device().context();
        if (source.isPacked()) {
            context.check(
                    cuMemcpyDtoHAsync(target, source.pointer(), source.byteSize(), stream),
                    () -> "a copy of " + source + " to the host");
            return;
        }
        CUDA_MEMCPY2D copy = rows(source);
        copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
        copy.srcDevice = source.pointer();
        copy.srcPitch = source.strideBytes();
        copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_HOST;
        copy.dstHost = target;
        copy.dstPitch = source.rowBytes();
        context.check(cuMemcpy2DAsync(copy, stream), () -> "a copy of the rows of " + source + " to the host");
    }

    private static CUDA_MEMCPY2D rows(Region shape) {
        CUDA_MEMCPY2D copy = new CUDA_MEMCPY2D();
        copy.WidthInBytes = shape.rowBytes();
        copy.Height = shape.rows();
        return copy;
    }
}
