package org.tp4j.device;

import java.util.Optional;

/** A block of a device's memory, as its backend's allocator hands it out. Touched by its stream's thread alone. */
public abstract class Block {
    private Optional<ReadGuard> guard = Optional.empty();
    private long liveBytes;

    protected Block() {}

    /** Size, in bytes. */
    public abstract long bytes();

    /** Notes that other streams read this block; it is not reused before they have. */
    public final void guardBy(ReadGuard readers) {
        guard = Optional.of(guard.filter(previous -> !previous.enqueued())
                .map(previous -> previous.and(readers))
                .orElse(readers));
    }

    /** Who reads this block, if anybody does. */
    public final Optional<ReadGuard> guard() {
        return guard;
    }

    /** Whether no other stream reads this block any more or later. */
    public final boolean isUnread() {
        return guard.map(ReadGuard::enqueued).orElse(true);
    }

    /** Forgets the readers, once a stream has waited for them. */
    public final void clearGuard() {
        guard = Optional.empty();
    }

    /** Bytes of the matrix that lies in this block now. */
    final long liveBytes() {
        return liveBytes;
    }

    final void setLiveBytes(long bytes) {
        liveBytes = bytes;
    }
}
