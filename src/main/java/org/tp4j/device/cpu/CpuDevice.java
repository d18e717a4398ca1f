package org.tp4j.device.cpu;

import org.tp4j.device.AllReduceAlgorithm;
import org.tp4j.device.BlockCache;
import org.tp4j.device.BlockStore;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.Event;
import org.tp4j.device.OutOfDeviceMemoryException;
import org.tp4j.device.Stream;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMemory;
import org.tp4j.tensor.OutOfHostMemoryException;

/** The host's processor. */
final class CpuDevice implements Device {
    /**
     * How many bytes a rank sums in the time of one meeting: of ranks that run on processors of their own, and of ranks
     * that must take turns on them. Two-shot all-reduce reads {@code (ranks - 1) bytes} less per rank than one-shot, and
     * meets once more. Microseconds of an all-reduce with its filling and reading, on two processors:
     *
     * <pre>
     * KiB                   4     8    16    32    64   128
     * 2 ranks, one-shot   0.8   1.2   2.0   3.7   6.6  12.3
     *          two-shot   0.8   1.2   1.9   3.6   6.2  10.5
     * 4 ranks, one-shot   5.4   6.3   8.4  12.5  21.7  39.2
     *          two-shot   8.4   9.1  10.8  13.8  19.0  28.4
     * 8 ranks, one-shot  16.2  19.2  25.8  40.8  70.8 132.6
     *          two-shot  24.7  25.8  28.9  34.0  43.3  65.5
     * </pre>
     */
    private static final long BYTES_PER_MEETING = 16 << 10;

    /**
     * Up to here ranks with a processor each sum copies in memory that peers know: at 4 KiB that takes nine tenths of the
     * time where processors share a cache, and two thirds where they do not.
     */
    private static final long EAGER_BYTES = 16 << 10;

    private static final long BYTES_PER_MEETING_IN_TURNS = 128 << 10;

    private static final int PROCESSORS = Runtime.getRuntime().availableProcessors();

    private final OpenBlas blas;
    private final boolean poisoned;
    private final Store store = new Store();

    CpuDevice(OpenBlas blas, boolean poisoned) {
        this.blas = blas;
        this.poisoned = poisoned;
    }

    @Override
    public DeviceKind kind() {
        return DeviceKind.CPU;
    }

    @Override
    public int index() {
        return 0;
    }

    @Override
    public String name() {
        return "CPU " + Processor.model() + ", " + blas.name();
    }

    @Override
    public String model() {
        return Processor.model();
    }

    @Override
    public Stream openStream() {
        return new CpuStream(this, blas, new BlockCache<>(store), poisoned);
    }

    @Override
    public Event createEvent() {
        return new CpuEvent();
    }

    @Override
    public long liveBytes() {
        return store.liveBytes();
    }

    @Override
    public double roundoff(DType dtype) {
        return dtype.accumulator().unitRoundoff();
    }

    @Override
    public AllReduceAlgorithm allReduceAlgorithm(long bytes, int ranks) {
        boolean inTurns = ranks > PROCESSORS;
        long meeting = inTurns ? BYTES_PER_MEETING_IN_TURNS : BYTES_PER_MEETING;
        if (ranks > 1 && bytes >= meeting / (ranks - 1)) {
            return AllReduceAlgorithm.TWO_SHOT;
        }
        return ranks > 1 && bytes <= EAGER_BYTES ? AllReduceAlgorithm.EAGER : AllReduceAlgorithm.ONE_SHOT;
    }

    @Override
    public String toString() {
        return name();
    }

    /** Memory outside of the Java heap. */
    private final class Store extends BlockStore<CpuBlock> {
        @Override
        protected CpuBlock allocate(long bytes) {
            try {
                return CpuBlock.owned(HostMemory.allocate(bytes));
            } catch (OutOfHostMemoryException e) {
                throw new OutOfDeviceMemoryException(CpuDevice.this, bytes, e);
            }
        }

        @Override
        protected void free(CpuBlock block) {
            block.free();
        }
    }
}
