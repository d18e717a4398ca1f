package org.tp4j.device;

import java.util.ArrayList;
import java.util.List;

/** A block of a device's memory, as its backend's allocator hands it out. Touched by its stream's thread alone. */
public abstract class Block {
    private final List<ReadGuard> guards = new ArrayList<>(1);
    private long liveBytes;

    protected Block() {}

    /** Size, in bytes. */
    public abstract long bytes();

    /** Notes that other streams read this block; it is not reused before they have. */
    public final void guardBy(ReadGuard readers) {
        for (int i = guards.size() - 1; i >= 0; i--) {
            if (readers.covers(guards.get(i))) {
                guards.remove(i);
            }
        }
        guards.add(readers);
    }

    /** Whether every other stream that reads this block has enqueued that. */
    public final boolean isUnread() {
        for (int i = 0; i < guards.size(); i++) {
            if (!guards.get(i).enqueued()) {
                return false;
            }
        }
        return true;
    }

    /** Makes {@code stream} wait for all that read this block, and forgets them; only if it is {@link #isUnread unread}. */
    public final void awaitReaders(Stream stream) {
        for (int i = guards.size() - 1; i >= 0; i--) {
            guards.remove(i).await(stream);
        }
    }

    /** Bytes of the matrix that lies in this block now. */
    final long liveBytes() {
        return liveBytes;
    }

    final void setLiveBytes(long bytes) {
        liveBytes = bytes;
    }
}
