package org.tp4j.device.cpu;

import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.tp4j.device.AllReduceAlgorithm;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.Event;
import org.tp4j.device.Stream;

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

    private static final long BYTES_PER_MEETING_IN_TURNS = 128 << 10;

    private static final int PROCESSORS = Runtime.getRuntime().availableProcessors();

    private final OpenBlas blas;
    private final boolean poisoned;
    private final Set<AtomicLong> liveBytes = ConcurrentHashMap.newKeySet();
    private final Queue<CpuBlock> quarantine = new ConcurrentLinkedQueue<>();

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
    public Stream openStream() {
        AtomicLong live = new AtomicLong();
        liveBytes.add(live);
        return new CpuStream(this, blas, new BlockCache(this, live, poisoned));
    }

    @Override
    public Event createEvent() {
        return new CpuEvent();
    }

    @Override
    public long liveBytes() {
        return liveBytes.stream().mapToLong(AtomicLong::get).sum();
    }

    @Override
    public AllReduceAlgorithm allReduceAlgorithm(long bytes, int ranks) {
        boolean inTurns = ranks > PROCESSORS;
        long meeting = inTurns ? BYTES_PER_MEETING_IN_TURNS : BYTES_PER_MEETING;
        boolean twoShot = ranks > 1 && bytes >= meeting / (ranks - 1);
        return twoShot ? AllReduceAlgorithm.TWO_SHOT : AllReduceAlgorithm.ONE_SHOT;
    }

    /** Keeps a block of a closing stream until its readers are done. */
    void quarantine(CpuBlock block) {
        quarantine.add(block);
    }

    /** Forgets the account of a stream that closed, unless it still counts something; frees what nobody reads any more. */
    void closed(AtomicLong live) {
        if (live.get() == 0) {
            liveBytes.remove(live);
        }
        quarantine.removeIf(CpuBlock::freeIfUnread);
    }

    @Override
    public String toString() {
        return name();
    }
}
