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
     * From how many bytes a two-shot all-reduce is the faster one. It reads every part once where one-shot reads it once
     * per rank, but its ranks meet twice. A meeting costs about what a rank needs to sum this much.
     */
    private static final long TWO_SHOT_BYTES = 32 << 10;

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
        return ranks > 1 && bytes >= TWO_SHOT_BYTES ? AllReduceAlgorithm.TWO_SHOT : AllReduceAlgorithm.ONE_SHOT;
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
