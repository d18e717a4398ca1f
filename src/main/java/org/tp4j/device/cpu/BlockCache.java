package org.tp4j.device.cpu;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;
import org.tp4j.device.DeviceException;
import org.tp4j.device.Stream;
import org.tp4j.tensor.HostMemory;
import org.tp4j.tensor.OutOfHostMemoryException;

/**
 * A stream's memory: blocks in use, and freed ones kept for reuse by size class. Classes are powers of two and their
 * eighths, so that a block is at most an eighth too large. Touched by the stream's thread alone, but for the account.
 */
final class BlockCache {
    private static final long SMALLEST = 2048; // whose eighths are one alignment apart
    private static final int CLASSES = 8 * Long.SIZE;

    /** What may be held besides twice the most that was in use at once. */
    private static final long SLACK = 64 << 20;

    private final CpuDevice device;
    private final AtomicLong liveBytes;
    private final boolean poisoned;
    private final List<List<CpuBlock>> free = new ArrayList<>(CLASSES);
    private long usedBytes;
    private long peakBytes;
    private long freeBytes;

    BlockCache(CpuDevice device, AtomicLong liveBytes, boolean poisoned) {
        this.device = device;
        this.liveBytes = liveBytes;
        this.poisoned = poisoned;
        for (int i = 0; i < CLASSES; i++) {
            free.add(List.of());
        }
    }

    /** A block of at least {@code bytes} bytes that nobody reads; {@code stream} waits for those who did. */
    CpuBlock take(Stream stream, long bytes) {
        long rounded = roundUp(bytes);
        CpuBlock block = reuse(stream, free.get(sizeClass(rounded))).orElseGet(() -> allocate(rounded));
        usedBytes += rounded;
        peakBytes = Math.max(peakBytes, usedBytes);
        if (poisoned) {
            block.poison();
        }
        return block;
    }

    /** Counts a block's matrix as live. */
    void count(CpuBlock block) {
        liveBytes.setRelease(liveBytes.getPlain() + block.liveBytes());
    }

    /** Takes a block back, to hand it out again once its readers have been enqueued. */
    void giveBack(CpuBlock block) {
        liveBytes.setRelease(liveBytes.getPlain() - block.liveBytes());
        usedBytes -= block.bytes();
        freeBytes += block.bytes();
        int sizeClass = sizeClass(block.bytes());
        if (free.get(sizeClass).isEmpty()) {
            free.set(sizeClass, new ArrayList<>());
        }
        free.get(sizeClass).add(block);
    }

    /** Frees what nobody reads; the rest goes to the device, which frees it later. */
    void close() {
        trim();
        for (List<CpuBlock> blocks : free) {
            blocks.forEach(device::quarantine);
        }
        free.replaceAll(blocks -> List.of());
        freeBytes = 0;
        device.closed(liveBytes);
    }

    private Optional<CpuBlock> reuse(Stream stream, List<CpuBlock> blocks) {
        for (int i = blocks.size() - 1; i >= 0; i--) {
            CpuBlock block = blocks.get(i);
            if (block.isUnread()) {
                blocks.remove(i);
                block.guard().ifPresent(readers -> readers.await(stream));
                block.clearGuard();
                freeBytes -= block.bytes();
                return Optional.of(block);
            }
        }
        return Optional.empty();
    }

    private CpuBlock allocate(long bytes) {
        long most = 2 * Math.max(peakBytes, usedBytes + bytes) + SLACK;
        if (usedBytes + freeBytes + bytes > most) {
            trim();
        }
        try {
            return CpuBlock.owned(HostMemory.allocate(bytes));
        } catch (OutOfHostMemoryException e) {
            trim();
            return allocateAtLast(bytes, e);
        }
    }

    private CpuBlock allocateAtLast(long bytes, OutOfHostMemoryException first) {
        try {
            return CpuBlock.owned(HostMemory.allocate(bytes));
        } catch (OutOfHostMemoryException e) {
            e.addSuppressed(first);
            throw new DeviceException(
                    device.name() + " has no memory for a block of " + bytes + " bytes: its matrices hold "
                            + device.liveBytes() + " bytes; use smaller matrices or more ranks on other machines",
                    e);
        }
    }

    private void trim() {
        Predicate<CpuBlock> freed = block -> {
            boolean gone = block.freeIfUnread();
            if (gone) {
                freeBytes -= block.bytes();
            }
            return gone;
        };
        for (List<CpuBlock> blocks : free) {
            if (!blocks.isEmpty()) {
                blocks.removeIf(freed);
            }
        }
    }

    /** The smallest size of a class that is not below {@code bytes}. */
    static long roundUp(long bytes) {
        long atLeast = Math.max(bytes, SMALLEST);
        long eighth = Long.highestOneBit(atLeast) >>> 3;
        return Math.addExact(atLeast, eighth - 1) & -eighth;
    }

    /** The class of a rounded size. */
    private static int sizeClass(long rounded) {
        int log = Long.SIZE - 1 - Long.numberOfLeadingZeros(rounded);
        return 8 * log + (int) (rounded >>> (log - 3)) - 8;
    }
}
