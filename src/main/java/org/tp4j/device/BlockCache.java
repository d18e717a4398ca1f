package org.tp4j.device;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A stream's memory: blocks in use, and freed ones kept for reuse by size class. Classes are powers of two and their
 * eighths, so that a block is at most an eighth too large. Touched by the stream's thread alone, but for the account.
 *
 * @param <B> the backend's blocks
 */
public final class BlockCache<B extends Block> {
    private static final long SMALLEST = 2048; // whose eighths are one alignment apart
    private static final int CLASSES = 8 * Long.SIZE;

    /** What may be held besides twice the most that was in use at once. */
    private static final long SLACK = 64 << 20;

    private final BlockStore<B> store;
    private final AtomicLong liveBytes;
    private final List<List<B>> free = new ArrayList<>(CLASSES);
    private long usedBytes;
    private long peakBytes;
    private long freeBytes;

    /** An empty cache of a new stream of the store's device. */
    public BlockCache(BlockStore<B> store) {
        this.store = Objects.requireNonNull(store, "store");
        this.liveBytes = store.openAccount();
        for (int i = 0; i < CLASSES; i++) {
            free.add(List.of());
        }
    }

    /**
     * A block of at least {@code bytes} bytes that nobody reads; {@code stream} waits for those who did.
     *
     * @throws OutOfDeviceMemoryException if there is none, even after what was kept for reuse has been freed
     */
    public B take(Stream stream, long bytes) {
        long rounded = roundUp(bytes);
        B block = reuse(stream, free.get(sizeClass(rounded))).orElseGet(() -> allocate(stream, rounded));
        usedBytes += rounded;
        peakBytes = Math.max(peakBytes, usedBytes);
        return block;
    }

    /** Counts {@code bytes} bytes of a matrix in a block as live, until it is given back. */
    public void count(B block, long bytes) {
        block.setLiveBytes(bytes);
        liveBytes.setRelease(liveBytes.getPlain() + bytes);
    }

    /** Takes a block back, to hand it out again once its readers have been enqueued. */
    public void giveBack(B block) {
        liveBytes.setRelease(liveBytes.getPlain() - block.liveBytes());
        block.setLiveBytes(0);
        usedBytes -= block.bytes();
        keep(block);
    }

    /** Frees what is kept for reuse, and what closed streams left, where nobody reads it any more. */
    public void freeUnused(Stream stream) {
        trim(stream);
        store.freeQuarantined(stream);
    }

    /** Frees what nobody reads, once the stream is done with it; the rest goes to the device, which frees it later. */
    public void close(Stream stream) {
        freeUnused(stream);
        free.forEach(store::quarantine);
        abandon();
    }

    /** Lets go of everything without freeing it: for a stream that failed, whose device may still be at work. */
    public void abandon() {
        free.replaceAll(blocks -> List.of());
        freeBytes = 0;
        store.closeAccount(liveBytes);
    }

    private Optional<B> reuse(Stream stream, List<B> blocks) {
        for (int i = blocks.size() - 1; i >= 0; i--) {
            B block = blocks.get(i);
            if (block.isUnread()) {
                blocks.remove(i);
                block.awaitReaders(stream);
                freeBytes -= block.bytes();
                return Optional.of(block);
            }
        }
        return Optional.empty();
    }

    private B allocate(Stream stream, long bytes) {
        long most = 2 * Math.max(peakBytes, usedBytes + bytes) + SLACK;
        if (usedBytes + freeBytes + bytes > most) {
            trim(stream);
        }
        try {
            return store.allocate(bytes);
        } catch (OutOfDeviceMemoryException e) {
            freeUnused(stream);
            return store.allocate(bytes);
        }
    }

    private void trim(Stream stream) {
        List<B> kept = new ArrayList<>();
        free.forEach(kept::addAll);
        List<B> rest = store.freeUnread(stream, kept);
        free.replaceAll(blocks -> List.of());
        freeBytes = 0;
        for (B block : rest) {
            keep(block);
        }
    }

    private void keep(B block) {
        freeBytes += block.bytes();
        int sizeClass = sizeClass(block.bytes());
        if (free.get(sizeClass).isEmpty()) {
            free.set(sizeClass, new ArrayList<>());
        }
        free.get(sizeClass).add(block);
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
