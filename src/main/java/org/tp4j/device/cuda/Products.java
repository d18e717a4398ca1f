package org.tp4j.device.cuda;

import static jcuda.driver.JCudaDriver.cuStreamQuery;
import static jcuda.jcublas.JCublas2.cublasCreate;
import static jcuda.jcublas.JCublas2.cublasDestroy;
import static jcuda.jcublas.JCublas2.cublasGemmEx_64_new;
import static jcuda.jcublas.JCublas2.cublasSetMathMode;
import static jcuda.jcublas.JCublas2.cublasSetStream;
import static jcuda.jcublas.JCublas2.cublasSetWorkspace;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.driver.CUresult;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasMath;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;
import org.tp4j.device.DeviceException;
import org.tp4j.device.UnusableDeviceException;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.WeightLayout;

/**
 * Matrix products by cuBLAS, with a handle and a workspace that one stream alone uses: then equal calls give equal bits.
 * Both come into being with the first product.
 *
 * @see <a href="https://docs.nvidia.com/cuda/cublas/#results-reproducibility">Results reproducibility</a>
 */
final class Products {
    private static final long WORKSPACE_BYTES = 32 << 20;

    /** What a cuBLAS answers that does not fit the driver or the GPU, whatever is asked of it. */
    private static final Set<Integer> UNFIT = Set.of(
            cublasStatus.CUBLAS_STATUS_NOT_INITIALIZED,
            cublasStatus.CUBLAS_STATUS_ARCH_MISMATCH,
            cublasStatus.CUBLAS_STATUS_NOT_SUPPORTED);

    private final CudaStream stream;
    private Optional<Opened> opened = Optional.empty();

    private record Opened(cublasHandle handle, CudaBlock workspace) {}

    /** A factor in host memory that does not move: for arrays JCuda would hold up the garbage collector in every call. */
    private record Scalar(Pointer single, Pointer wide) {
        static final Scalar ZERO = of(0);
        static final Scalar ONE = of(1);

        private static Scalar of(int value) {
            return new Scalar(Pointer.to(buffer().putFloat(0, value)), Pointer.to(buffer().putDouble(0, value)));
        }

        Pointer pointer(DType dtype) {
            return dtype == DType.F64 ? wide : single;
        }

        private static ByteBuffer buffer() {
            return ByteBuffer.allocateDirect(Double.BYTES).order(ByteOrder.nativeOrder());
        }
    }

    Products(CudaStream stream) {
        this.stream = stream;
    }

    /** Enqueues {@code y = x W^T} or {@code y = x W}; nothing is empty. The context is current. */
    void multiply(Region x, Region w, WeightLayout layout, Region y) {
        if (opened.isEmpty()) {
            opened = Optional.of(open());
        }
        multiply(opened.get().handle(), x, w, layout, y);
    }

    /** Gives the workspace back; nothing is multiplied any more. */
    void releaseWorkspace() {
        opened.ifPresent(own -> stream.giveBack(own.workspace()));
    }

    /** Frees the handle; the stream is idle. */
    void close() {
        if (stream.device().context().enterToRelease()) {
            opened.ifPresent(own -> cublasDestroy(own.handle()));
        }
        opened = Optional.empty();
    }

    /** cuBLAS counts by columns, so that a row-major matrix is its transpose there: y^T = w x^T. */
    private void multiply(cublasHandle handle, Region x, Region w, WeightLayout layout, Region y) {
        boolean outIn = layout == WeightLayout.OUT_IN;
        Supplier<String> operation = () -> "the product of x " + x + " and w " + w + ", " + layout.label();
        check(
                cublasGemmEx_64_new(
                        handle,
                        outIn ? cublasOperation.CUBLAS_OP_T : cublasOperation.CUBLAS_OP_N,
                        cublasOperation.CUBLAS_OP_N,
                        y.columns(),
                        y.rows(),
                        x.columns(),
                        Scalar.ONE.pointer(y.dtype()),
                        w.pointer(),
                        type(w.dtype()),
                        w.stride(),
                        x.pointer(),
                        type(x.dtype()),
                        x.stride(),
                        Scalar.ZERO.pointer(y.dtype()),
                        y.pointer(),
                        type(y.dtype()),
                        y.stride(),
                        compute(x.dtype()),
                        cublasGemmAlgo.CUBLAS_GEMM_DEFAULT),
                operation);
    }

    private Opened open() {
        CudaBlock workspace = stream.take(WORKSPACE_BYTES);
        try {
            return new Opened(openHandle(workspace), workspace);
        } catch (DeviceException e) {
            stream.giveBack(workspace);
            throw e;
        }
    }

    private cublasHandle openHandle(CudaBlock workspace) {
        cublasHandle handle = createHandle();
        try {
            // Setting the stream forgets the workspace: the order matters.
            check(cublasSetStream(handle, new cudaStream_t(stream.handle())), () -> "giving cuBLAS its stream");
            check(
                    cublasSetWorkspace(handle, workspace.pointer(), WORKSPACE_BYTES),
                    () -> "giving cuBLAS its workspace");
            check(
                    cublasSetMathMode(handle, cublasMath.CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION),
                    () -> "setting cuBLAS's math mode");
            return handle;
        } catch (DeviceException e) {
            cublasDestroy(handle);
            throw e;
        }
    }

    private cublasHandle createHandle() {
        cublasHandle handle = new cublasHandle();
        int created = cublasCreate(handle);
        if (created == cublasStatus.CUBLAS_STATUS_ALLOC_FAILED) {
            stream.freeUnused();
            handle = new cublasHandle(); // what a failed call leaves in one is nothing to begin with
            created = cublasCreate(handle);
        }
        check(created, () -> "creating a cuBLAS handle");
        return handle;
    }

    private void check(int status, Supplier<String> operation) {
        if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
            // The device may have failed for good before: then the driver says so, more precisely.
            int result = cuStreamQuery(stream.handle());
            if (result != CUresult.CUDA_ERROR_NOT_READY) {
                stream.device().context().check(result, operation);
            }
            String failure = stream.device() + ": " + operation.get() + " failed with " + cublasStatus.stringFor(status)
                    + " (" + status + ")";
            throw UNFIT.contains(status)
                    ? new UnusableDeviceException(failure, CublasLibrary.MEND_UNFIT)
                    : new DeviceException(failure);
        }
    }

    private static int type(DType dtype) {
        return switch (dtype) {
            case F64 -> cudaDataType.CUDA_R_64F;
            case F32 -> cudaDataType.CUDA_R_32F;
            case F16 -> cudaDataType.CUDA_R_16F;
            case BF16 -> cudaDataType.CUDA_R_16BF;
        };
    }

    private static int compute(DType dtype) {
        return switch (dtype) {
            case F64 -> cublasComputeType.CUBLAS_COMPUTE_64F;
            case F32 -> cublasComputeType.CUBLAS_COMPUTE_32F_PEDANTIC; // never TF32
            case F16, BF16 -> cublasComputeType.CUBLAS_COMPUTE_32F;
        };
    }
}
