package org.tp4j.device.cuda;

import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
import static jcuda.driver.JCudaDriver.cuDeviceGetAttribute;
import static jcuda.driver.JCudaDriver.cuDeviceGetName;
import static jcuda.driver.JCudaDriver.cuDeviceGetPCIBusId;
import static jcuda.driver.JCudaDriver.cuDeviceGetUuid;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuMemGetInfo;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.CUuuid;
import org.tp4j.device.AllReduceAlgorithm;
import org.tp4j.device.BlockCache;
import org.tp4j.device.BlockStore;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceException;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.Event;
import org.tp4j.device.Finding;
import org.tp4j.device.OutOfDeviceMemoryException;
import org.tp4j.device.Stream;
import org.tp4j.tensor.DType;

/** One GPU. */
final class CudaDevice implements Device {
    private static final int MOST_NAME_BYTES = 256;

    /** The oldest generation that the shipped PTX runs on, 10 major + minor. */
    static final int OLDEST_CAPABILITY = 75;

    /**
     * Up to so many bytes one-shot all-reduce is faster: it meets once, and reads {@code (ranks - 1) bytes} on every rank
     * where two-shot, which meets twice, reads and writes about {@code 2 bytes}. For two ranks that is never more; for
     * more, the limits are those of vLLM's custom all-reduce (csrc/custom_all_reduce.cuh).
     */
    private static final long ONE_SHOT_BYTES_UP_TO_4_RANKS = 512 << 10;

    private static final long ONE_SHOT_BYTES_BEYOND = 256 << 10;

    private final int index;
    private final String name;
    private final int capability;
    private final int multiprocessors;
    private final CudaContext context;
    private final Kernels kernels;
    private final PeerAccess peers;
    private final Store store = new Store();

    /** @param libraries what drives it, for the name */
    CudaDevice(CUdevice device, int index, String libraries, PeerAccess peers) {
        this.index = index;
        this.capability = capability(device);
        this.multiprocessors = attribute(device, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
        this.name = "CUDA device " + index + ", " + product(device) + ", compute capability " + version(capability)
                + ", " + libraries;
        this.context = new CudaContext(device, "CUDA device " + index);
        this.kernels = new Kernels(context, multiprocessors);
        this.peers = peers;
    }

    @Override
    public DeviceKind kind() {
        return DeviceKind.CUDA;
    }

    @Override
    public int index() {
        return index;
    }

    @Override
    public String name() {
        return name;
    }

    /** @see <a href="https://docs.nvidia.com/cuda/cublas/#results-reproducibility">Results reproducibility</a> */
    @Override
    public String model() {
        return "compute capability " + version(capability) + " with " + multiprocessors + " multiprocessors";
    }

    @Override
    public void start() {
        context.handle();
    }

    @Override
    public List<Finding> examine() {
        List<Finding> findings = new ArrayList<>();
        findings.add(memory());
        findings.add(kernels.tried());
        findings.addAll(peers.examine(this));
        return findings;
    }

    @Override
    public void connect(List<Device> world) {
        peers.connect(world.stream()
                .filter(CudaDevice.class::isInstance)
                .map(CudaDevice.class::cast)
                .distinct()
                .toList());
    }

    @Override
    public Stream openStream() {
        return new CudaStream(this, new BlockCache<>(store));
    }

    @Override
    public Event createEvent() {
        return new CudaEvent(context);
    }

    @Override
    public long liveBytes() {
        return store.liveBytes();
    }

    /** Tensor cores, which multiply 16-bit numbers, truncate (Fasi, Higham, Mikaitis, Pranesh, PeerJ CS 7:e330, 2021). */
    @Override
    public double roundoff(DType dtype) {
        boolean truncates = dtype == DType.F16 || dtype == DType.BF16;
        return (truncates ? 2 : 1) * dtype.accumulator().unitRoundoff();
    }

    @Override
    public AllReduceAlgorithm allReduceAlgorithm(long bytes, int ranks) {
        long most = ranks <= 2 ? Long.MAX_VALUE : ranks <= 4 ? ONE_SHOT_BYTES_UP_TO_4_RANKS : ONE_SHOT_BYTES_BEYOND;
        return bytes <= most ? AllReduceAlgorithm.ONE_SHOT : AllReduceAlgorithm.TWO_SHOT;
    }

    private Finding memory() {
        long[] free = new long[1];
        long[] total = new long[1];
        context.enter();
        context.check(cuMemGetInfo(free, total), () -> "asking for its memory");
        return Finding.found("memory", (total[0] >> 20) + " MiB, " + (free[0] >> 20) + " MiB of them free");
    }

    /** Its generation, 10 major + minor. */
    int capability() {
        return capability;
    }

    /** Where it sits and which one it is, if the driver says so. */
    Optional<String> identity() {
        String[] address = new String[1];
        CUuuid uuid = new CUuuid();
        boolean known = cuDeviceGetPCIBusId(address, MOST_NAME_BYTES, context.device()) == CUresult.CUDA_SUCCESS
                && cuDeviceGetUuid(uuid, context.device()) == CUresult.CUDA_SUCCESS;
        return known ? Optional.of(address[0] + " " + HexFormat.of().formatHex(uuid.bytes)) : Optional.empty();
    }

    CudaContext context() {
        return context;
    }

    Kernels kernels() {
        return kernels;
    }

    PeerAccess peers() {
        return peers;
    }

    @Override
    public String toString() {
        return "CUDA device " + index;
    }

    /** A device's generation, 10 major + minor. */
    static int capability(CUdevice device) {
        return 10 * attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
                + attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    }

    private static int attribute(CUdevice device, int attribute) {
        int[] value = new int[1];
        int result = cuDeviceGetAttribute(value, attribute, device);
        if (result != CUresult.CUDA_SUCCESS) {
            throw new DeviceException("asking for attribute " + attribute + " of a CUDA device failed with "
                    + CUresult.stringFor(result));
        }
        return value[0];
    }

    /** {@code "8.0"} of 80. */
    static String version(int capability) {
        return capability / 10 + "." + capability % 10;
    }

    private static String product(CUdevice device) {
        byte[] text = new byte[MOST_NAME_BYTES];
        int result = cuDeviceGetName(text, text.length, device);
        if (result != CUresult.CUDA_SUCCESS) {
            throw new DeviceException("asking for the name of a CUDA device failed with " + CUresult.stringFor(result));
        }
        String padded = new String(text, StandardCharsets.UTF_8);
        return padded.substring(0, padded.indexOf(0));
    }

    /** The device's global memory. The calling thread is a stream's, and the context is current. */
    private final class Store extends BlockStore<CudaBlock> {
        @Override
        protected CudaBlock allocate(long bytes) {
            DevicePointer pointer = new DevicePointer();
            int result = cuMemAlloc(pointer, bytes);
            if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
                throw new OutOfDeviceMemoryException(
                        CudaDevice.this, bytes, new DeviceException("cuMemAlloc gave " + CUresult.stringFor(result)));
            }
            context.check(result, () -> "allocating " + bytes + " bytes");
            return new CudaBlock(pointer, bytes);
        }

        @Override
        protected void free(CudaBlock block) {
            if (context.enterToRelease()) {
                cuMemFree(block.pointer());
            }
        }
    }
}
