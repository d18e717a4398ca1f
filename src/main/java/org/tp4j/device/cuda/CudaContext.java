package org.tp4j.device.cuda;

import static jcuda.driver.JCudaDriver.cuCtxSetCurrent;
import static jcuda.driver.JCudaDriver.cuDevicePrimaryCtxRetain;
import static jcuda.driver.JCudaDriver.cuGetErrorString;
import static jcuda.driver.JCudaDriver.cuStreamQuery;

import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import org.tp4j.device.DeviceException;
import org.tp4j.device.UnusableDeviceException;

/**
 * One device's primary context, retained from its first use until the process ends, and the judge of every result that
 * the driver gives. Thread-safe.
 *
 * @see <a href="https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__PRIMARY__CTX.html">Primary contexts</a>
 */
final class CudaContext {
    /** After one of these, says NVIDIA's manual, only a new process can go on. */
    private static final Set<Integer> STICKY = Set.of(
            CUresult.CUDA_ERROR_ECC_UNCORRECTABLE,
            CUresult.CUDA_ERROR_NVLINK_UNCORRECTABLE,
            226, // CUDA_ERROR_CONTAINED, newer than this JCuda
            CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
            CUresult.CUDA_ERROR_LAUNCH_TIMEOUT,
            CUresult.CUDA_ERROR_ASSERT,
            CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR,
            CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION,
            CUresult.CUDA_ERROR_MISALIGNED_ADDRESS,
            CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE,
            CUresult.CUDA_ERROR_INVALID_PC,
            CUresult.CUDA_ERROR_LAUNCH_FAILED,
            721, // CUDA_ERROR_TENSOR_MEMORY_LEAK, newer than this JCuda
            CUresult.CUDA_ERROR_EXTERNAL_DEVICE);

    private final CUdevice device;
    private final String name;
    private final AtomicReference<Optional<DeviceException>> death = new AtomicReference<>(Optional.empty());
    private volatile Optional<CUcontext> context = Optional.empty();

    /** @param name how messages call the device */
    CudaContext(CUdevice device, String name) {
        this.device = device;
        this.name = name;
    }

    /**
     * Makes this context the calling thread's.
     *
     * @throws DeviceException if the device failed for good earlier, naming how
     */
    void enter() {
        Optional<DeviceException> first = death.get();
        if (first.isPresent()) {
            throw new DeviceException(
                    name + " cannot be used any more in this process, only in a new one, because earlier "
                            + first.get().getMessage(),
                    first.get());
        }
        check(cuCtxSetCurrent(handle()), () -> "making its context current");
    }

    /** Enters to release something; false if the device is dead, and its driver has released everything or never will. */
    boolean enterToRelease() {
        return !isDead() && cuCtxSetCurrent(handle()) == CUresult.CUDA_SUCCESS;
    }

    /** Whether the device failed for good. */
    boolean isDead() {
        return death.get().isPresent();
    }

    /** The driver's handle, retained when it is first asked for. */
    CUcontext handle() {
        return context.orElseGet(this::retain);
    }

    CUdevice device() {
        return device;
    }

    /**
     * Throws unless {@code result} is success.
     *
     * @param operation what was tried, with its sizes; the message says that it failed
     */
    void check(int result, Supplier<String> operation) {
        if (result != CUresult.CUDA_SUCCESS) {
            throw failure(result, operation.get());
        }
    }

    /**
     * What the driver makes. After a call that failed, JCuda's handle holds what happened to lie on the native stack, which
     * would end the process if it were used: it is handed out after success alone.
     *
     * @param handle an empty one
     * @param call fills it
     * @param operation what is tried, with its sizes
     */
    <H> H made(H handle, ToIntFunction<H> call, Supplier<String> operation) {
        check(call.applyAsInt(handle), operation);
        return handle;
    }

    @Override
    public String toString() {
        return name;
    }

    private DeviceException failure(int result, String operation) {
        String[] text = new String[1];
        boolean known = cuGetErrorString(result, text) == CUresult.CUDA_SUCCESS && text[0] != null;
        DeviceException exception = new DeviceException(name + ": " + operation + " failed with "
                + CUresult.stringFor(result) + " (" + result + (known ? ": " + text[0] : "") + ")");
        if (STICKY.contains(result) && hasFailed()) {
            die(exception);
        }
        return exception;
    }

    private void die(DeviceException cause) {
        death.compareAndSet(Optional.empty(), Optional.of(cause));
    }

    /** Whether it is this device that gives sticky errors: a copy between two gives those of the other one too. */
    private boolean hasFailed() {
        if (context.isEmpty()) {
            return false; // nothing was done on it
        }
        int result = cuCtxSetCurrent(context.get());
        result = result == CUresult.CUDA_SUCCESS ? cuStreamQuery(new CUstream()) : result;
        return STICKY.contains(result);
    }

    private synchronized CUcontext retain() {
        if (context.isEmpty()) {
            CUcontext retained = new CUcontext();
            int result = cuDevicePrimaryCtxRetain(retained, device);
            if (result != CUresult.CUDA_SUCCESS) {
                throw notOpened(result);
            }
            context = Optional.of(retained);
        }
        return context.get();
    }

    private DeviceException notOpened(int result) {
        StartFailure failure = StartFailure.of(result);
        DeviceException exception =
                new UnusableDeviceException(name + " gives no context (" + failure.reason() + ")", failure.mend());
        if (STICKY.contains(result)) {
            die(exception);
        }
        return exception;
    }
}
