package org.tp4j.device.cuda;

import static jcuda.driver.CUdevice_P2PAttribute.CU_DEVICE_P2P_ATTRIBUTE_NATIVE_ATOMIC_SUPPORTED;
import static jcuda.driver.JCudaDriver.cuCtxDisablePeerAccess;
import static jcuda.driver.JCudaDriver.cuCtxEnablePeerAccess;
import static jcuda.driver.JCudaDriver.cuDeviceCanAccessPeer;
import static jcuda.driver.JCudaDriver.cuDeviceGetP2PAttribute;

import java.util.ArrayList;
import java.util.List;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceException;

/**
 * Two devices, and what the driver says of their access to each other's memory.
 *
 * @param first the one with the lower number
 * @see <a href="https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__PEER__ACCESS.html">Peer context access</a>
 */
record PeerPair(CudaDevice first, CudaDevice second) {
    /** The two, in either order. */
    static PeerPair of(CudaDevice one, CudaDevice other) {
        return one.index() < other.index() ? new PeerPair(one, other) : new PeerPair(other, one);
    }

    /** Every pair of some devices, which are all of CUDA. */
    static List<PeerPair> among(List<? extends Device> devices) {
        List<PeerPair> pairs = new ArrayList<>();
        for (int i = 0; i < devices.size(); i++) {
            for (Device other : devices.subList(i + 1, devices.size())) {
                pairs.add(of((CudaDevice) devices.get(i), (CudaDevice) other));
            }
        }
        return pairs;
    }

    /** {@code "0-1"}, for other processes. */
    String code() {
        return first.index() + "-" + second.index();
    }

    /** Whether the driver says that each can reach the other. */
    boolean isOffered() {
        return bothWays((answer, from, to) -> cuDeviceCanAccessPeer(answer, from, to));
    }

    /** Whether an NVLink joins them: over PCIe no atomic operation reaches a peer. */
    boolean isLinked() {
        return bothWays((answer, from, to) ->
                cuDeviceGetP2PAttribute(answer, CU_DEVICE_P2P_ATTRIBUTE_NATIVE_ATOMIC_SUPPORTED, from, to));
    }

    /**
     * Lets each reach the other.
     *
     * @throws DeviceException if that is refused; then neither does
     */
    void enable() {
        int result = enable(first, second);
        result = result == CUresult.CUDA_SUCCESS ? enable(second, first) : result;
        if (result != CUresult.CUDA_SUCCESS) {
            disable();
            throw new DeviceException("enabling peer access failed with " + CUresult.stringFor(result));
        }
    }

    /** Lets neither reach the other any more; what would is done. */
    void disable() {
        disable(first, second);
        disable(second, first);
    }

    private static int enable(CudaDevice from, CudaDevice to) {
        from.context().enter();
        int result = cuCtxEnablePeerAccess(to.context().handle(), 0);
        return result == CUresult.CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED ? CUresult.CUDA_SUCCESS : result;
    }

    private static void disable(CudaDevice from, CudaDevice to) {
        if (from.context().enterToRelease()) {
            cuCtxDisablePeerAccess(to.context().handle()); // if it is not enabled, says so, and changes nothing
        }
    }

    /** A question to the driver about what one device can do with another. */
    @FunctionalInterface
    private interface Question {
        int ask(int[] answer, CUdevice from, CUdevice to);
    }

    private boolean bothWays(Question question) {
        CUdevice one = first.context().device();
        CUdevice other = second.context().device();
        return holds(question, one, other) && holds(question, other, one);
    }

    private static boolean holds(Question question, CUdevice from, CUdevice to) {
        int[] answer = new int[1];
        return question.ask(answer, from, to) == CUresult.CUDA_SUCCESS && answer[0] == 1;
    }

    @Override
    public String toString() {
        return "CUDA devices " + first.index() + " and " + second.index();
    }
}
