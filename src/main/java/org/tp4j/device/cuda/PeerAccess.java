package org.tp4j.device.cuda;

import static jcuda.driver.CUstream_flags.CU_STREAM_NON_BLOCKING;
import static jcuda.driver.JCudaDriver.cuCtxEnablePeerAccess;
import static jcuda.driver.JCudaDriver.cuDeviceCanAccessPeer;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamDestroy;
import static jcuda.driver.JCudaDriver.cuStreamQuery;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import org.tp4j.device.DeviceException;
import org.tp4j.device.Finding;
import org.tp4j.tensor.DType;

/**
 * Which devices reach each other's memory, for each ordered pair and each way. What the driver promises is tried with
 * real bytes before it is relied on, once for each pair: there are machines whose driver promises what their chipset
 * does not keep. Thread-safe.
 */
final class PeerAccess {
    private static final System.Logger LOG = System.getLogger(PeerAccess.class.getName());

    private static final int WORDS = 4096;
    private static final long BYTES = 4L * WORDS;
    private static final Duration LIMIT = Duration.ofSeconds(30);

    private final Map<Pair, Boolean> copies = new ConcurrentHashMap<>();
    private final Map<Pair, Boolean> inPlace = new ConcurrentHashMap<>();

    private volatile List<CudaDevice> devices = List.of();

    private record Pair(CudaDevice from, CudaDevice to) {}

    /** Says, once, between which devices there are pairs. */
    void among(List<CudaDevice> all) {
        devices = List.copyOf(all);
    }

    /** For each other device, what reaches it from this one, and what is done instead. */
    List<Finding> tried(CudaDevice device) {
        return devices.stream()
                .filter(other -> other != device)
                .map(other -> tried(device, other))
                .toList();
    }

    private Finding tried(CudaDevice device, CudaDevice other) {
        String thing = "to " + other.index();
        boolean copies = copies(device, other);
        boolean inPlace = inPlace(device, other);
        if (copies && inPlace) {
            return Finding.found(thing, "copies arrive directly, and kernels reach its memory");
        }
        return Finding.missing(
                thing,
                (copies ? "copies arrive directly" : "copies go through host memory, because direct ones do not arrive")
                        + (inPlace
                                ? ", and kernels reach its memory"
                                : ", and what kernels need of it is copied, because they do not reach its memory"),
                "nothing needs it, but it would be faster: nvidia-smi topo -p2p r says what the machine allows");
    }

    /** Whether the driver's copies from one device to another arrive. */
    boolean copies(CudaDevice from, CudaDevice to) {
        return from == to || copies.computeIfAbsent(new Pair(from, to), PeerAccess::tryCopy);
    }

    /** Whether kernels on one device read and write the memory of another. */
    boolean inPlace(CudaDevice kernels, CudaDevice memory) {
        return kernels == memory || inPlace.computeIfAbsent(new Pair(kernels, memory), PeerAccess::tryInPlace);
    }

    private static boolean tryCopy(Pair pair) {
        try (Trial from = new Trial(pair.from());
                Trial to = new Trial(pair.to())) {
            from.fill(1);
            from.finish();
            to.fill(2);
            Copies.betweenDevices(to.device.context(), to.stream, from.words(), to.words());
            return to.holds(1);
        }
    }

    private static boolean tryInPlace(Pair pair) {
        CudaDevice kernels = pair.from();
        CudaDevice memory = pair.to();
        int[] promised = new int[1];
        kernels.context()
                .check(
                        cuDeviceCanAccessPeer(
                                promised,
                                kernels.context().device(),
                                memory.context().device()),
                        () -> "asking whether " + kernels + " reaches " + memory);
        if (promised[0] == 0) {
            return false;
        }
        kernels.context().enter();
        int result = cuCtxEnablePeerAccess(memory.context().handle(), 0);
        if (result != CUresult.CUDA_SUCCESS && result != CUresult.CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED) {
            return false;
        }
        try (Trial near = new Trial(kernels);
                Trial far = new Trial(memory)) {
            near.fill(1);
            far.fill(2);
            far.finish();
            near.copyByKernel(far, near);
            boolean reads = near.holds(2);
            near.fill(3);
            near.copyByKernel(near, far);
            near.finish();
            return reads && far.holds(3);
        }
    }

    /** Some memory on one device, filled with words that tell which fill they are of. */
    private static final class Trial implements AutoCloseable {
        final CudaDevice device;
        final CUstream stream = new CUstream();
        private final DevicePointer memory = new DevicePointer();
        private final PinnedMemory host;

        Trial(CudaDevice device) {
            this.device = device;
            CudaContext context = device.context();
            this.host = new PinnedMemory(context, BYTES);
            int result = cuStreamCreate(stream, CU_STREAM_NON_BLOCKING);
            if (result == CUresult.CUDA_SUCCESS) {
                result = cuMemAlloc(memory, BYTES);
            }
            if (result != CUresult.CUDA_SUCCESS) {
                close();
            }
            context.check(result, () -> "allocating " + BYTES + " bytes and a stream to try peer access with");
        }

        void enter() {
            device.context().enter();
        }

        Region words() {
            return Region.line(device, memory, DType.F32, WORDS);
        }

        /** Enqueues it; enters this device. */
        void fill(int number) {
            enter();
            host.bytes().asIntBuffer().put(pattern(number));
            Copies.fromHost(stream, host.pointer(), words());
        }

        boolean holds(int number) {
            int[] found = new int[WORDS];
            enter();
            Copies.toHost(stream, words(), host.pointer());
            finish();
            host.bytes().asIntBuffer().get(found);
            return Arrays.equals(found, pattern(number));
        }

        /** Enqueues it on this device. */
        void copyByKernel(Trial from, Trial to) {
            enter();
            new ReduceKernel(device.kernels())
                    .launch(
                            stream,
                            DType.F32,
                            List.of(from.memory),
                            List.of(to.memory),
                            0,
                            WORDS,
                            WORDS,
                            ReduceKernel.Addends.NONE);
        }

        /** Waits for this device. */
        void finish() {
            new HostWait(device.context(), LIMIT, () -> "a trial of peer access").until(() -> cuStreamQuery(stream));
        }

        /** Frees everything; what the device may still be at work on, because it does not end, stays. */
        @Override
        public void close() {
            if (comesToRest()) {
                host.close();
                device.context().enterToRelease();
                cuMemFree(memory); // of nothing it does nothing
                cuStreamDestroy(stream);
            }
        }

        /** Waits for this device, although the thread may be interrupted. */
        private boolean comesToRest() {
            boolean interrupted = Thread.interrupted();
            try {
                finish();
                return true;
            } catch (DeviceException e) {
                LOG.log(System.Logger.Level.DEBUG, "a trial of peer access did not end", e);
                return false;
            } finally {
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
            }
        }

        /** The bits of floats between 1 and 2, so that a sum of one keeps them. */
        private static int[] pattern(int number) {
            int[] words = new int[WORDS];
            for (int i = 0; i < WORDS; i++) {
                words[i] = Float.floatToRawIntBits(1) | (number * WORDS + i);
            }
            return words;
        }
    }
}
