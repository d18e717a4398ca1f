package org.tp4j.tensor;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/**
 * One block of native memory, zeroed and aligned to {@value #ALIGNMENT} bytes. It counts neither against {@code -Xmx}
 * nor against the limit on direct buffers; {@link #liveBytes()} is its account. Freed by {@link #close()}, or by the
 * garbage collector once nothing reaches the block: beyond half of the machine's memory it is asked to look.
 *
 * <p>A block that is closed while somebody uses it refuses every new use, and is freed when the last use ends.
 */
public final class HostMemory implements AutoCloseable {
    /** Alignment of every block's address, in bytes. */
    public static final int ALIGNMENT = 256;

    /** The longest {@link #window}, in bytes. */
    public static final long MAX_WINDOW = 1L << 30;

    private static final AtomicLong LIVE_BYTES = new AtomicLong();
    private static final AtomicLong COLLECT_ABOVE = new AtomicLong();

    private final long address;
    private final long bytes;
    private final Release release;
    private final Cleaner.Cleanable cleanable;

    private HostMemory(Pointer block, long bytes) {
        this.bytes = bytes;
        this.address = (block.address() + ALIGNMENT - 1) & -ALIGNMENT;
        this.release = new Release(block, bytes);
        this.cleanable = NativeSupport.get().cleaner().register(this, release);
    }

    /**
     * A zeroed block.
     *
     * @throws OutOfHostMemoryException if the operating system refuses it
     * @throws NativeLibraryException if JavaCPP's library does not load
     */
    public static HostMemory allocate(long bytes) {
        HostMemory memory = scratch(bytes);
        HugePages.request(memory.address, bytes);
        return memory;
    }

    /**
     * A zeroed block that is filled and used up again and again: it gains nothing from {@link HugePages}, whose library
     * takes longer to load than a small program runs.
     *
     * @throws OutOfHostMemoryException if the operating system refuses it
     */
    public static HostMemory scratch(long bytes) {
        if (bytes < 0) {
            throw new IllegalArgumentException("bytes is " + bytes + ": must not be negative");
        }
        if (bytes > Long.MAX_VALUE - ALIGNMENT) {
            throw new OutOfHostMemoryException(bytes, liveBytes());
        }
        long half = NativeSupport.get().machineBytes() / 2;
        if (bytes > Math.max(half, COLLECT_ABOVE.get()) - liveBytes()) {
            freeUnreachable();
        }
        Pointer block = Pointer.calloc(1, bytes + ALIGNMENT);
        if (block == null || block.isNull()) {
            freeUnreachable();
            block = Pointer.calloc(1, bytes + ALIGNMENT);
        }
        if (block == null || block.isNull()) {
            throw new OutOfHostMemoryException(bytes, liveBytes());
        }
        LIVE_BYTES.addAndGet(bytes);
        return new HostMemory(block, bytes);
    }

    /**
     * Lets the garbage collector, which does not see how much memory its small objects hold, free what nothing reaches;
     * waits until something is freed, but not for long. What is in use after that may grow by a sixteenth of the
     * machine's memory before the collector is asked again.
     */
    private static void freeUnreachable() {
        long before = liveBytes();
        System.gc();
        for (int i = 0; i < 20 && liveBytes() >= before && before > 0; i++) {
            LockSupport.parkNanos(1_000_000);
        }
        COLLECT_ABOVE.set(liveBytes() + NativeSupport.get().machineBytes() / 16);
    }

    /** Bytes in all blocks of this process that are not yet freed. */
    public static long liveBytes() {
        return LIVE_BYTES.get();
    }

    /** Native address of the first byte. Valid while the block is open and reachable. */
    public long address() {
        checkOpen();
        return address;
    }

    /** Size of the block. */
    public long bytes() {
        return bytes;
    }

    /** A native-order view of {@code length} bytes from {@code offset}; it does not keep the block open. */
    ByteBuffer window(long offset, long length) {
        checkOpen();
        if (offset < 0 || length < 0 || length > MAX_WINDOW || offset > bytes - length) {
            throw new IndexOutOfBoundsException(
                    "window of " + length + " bytes at " + offset + " of a block of " + bytes);
        }
        ByteBuffer bytes = new Address(address + offset, length).asByteBuffer();
        return bytes.slice(0, (int) length).order(ByteOrder.nativeOrder()); // JavaCPP makes one byte of none
    }

    /** Begins a use, which {@link #release} ends on every path; false if the block was closed. */
    boolean retain() {
        return release.retain();
    }

    /** Ends a use. */
    void release() {
        try {
            release.end();
        } finally { // the garbage collector must not free what is in use
            Reference.reachabilityFence(this);
        }
    }

    /** Whether the block was closed; it may still be in use. */
    boolean isClosed() {
        return release.isClosed();
    }

    /** Frees the block as soon as nobody uses it; a second call does nothing. */
    @Override
    public void close() {
        cleanable.clean();
    }

    private void checkOpen() {
        if (isClosed()) {
            throw new IllegalStateException("the memory was used after it was closed");
        }
    }

    /** Frees a block when it has been closed and no use of it is left. */
    private static final class Release implements Runnable {
        private static final int CLOSED = 1;
        private static final int USE = 2;

        private final Pointer block;
        private final long bytes;
        /** {@link #USE} for every use, plus {@link #CLOSED} once closed; at CLOSED alone the block is freed. */
        private final AtomicInteger state = new AtomicInteger();

        Release(Pointer block, long bytes) {
            this.block = block;
            this.bytes = bytes;
        }

        boolean isClosed() {
            return (state.get() & CLOSED) != 0;
        }

        /** Begins a use; false if the block was closed. */
        boolean retain() {
            for (int before = state.get(); (before & CLOSED) == 0; before = state.get()) {
                if (state.compareAndSet(before, before + USE)) {
                    return true;
                }
            }
            return false;
        }

        void end() {
            if (state.addAndGet(-USE) == CLOSED) {
                free();
            }
        }

        /** Closes the block. */
        @Override
        public void run() {
            if (state.getAndUpdate(before -> before | CLOSED) == 0) {
                free();
            }
        }

        private void free() {
            Pointer.free(block);
            LIVE_BYTES.addAndGet(-bytes);
        }
    }

    /** A pointer to memory that somebody else owns. */
    private static final class Address extends BytePointer {
        Address(long address, long bytes) {
            super((Pointer) null);
            this.address = address;
            this.limit = bytes;
            this.capacity = bytes;
        }
    }
}
