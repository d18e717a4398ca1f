package org.tp4j.tensor;

import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/**
 * One block of native memory, zeroed and aligned to {@value #ALIGNMENT} bytes. It counts neither against {@code -Xmx}
 * nor against the limit on direct buffers; {@link #liveBytes()} is its account. Freed by {@link #close()}, or by the
 * garbage collector once nothing reaches the block.
 */
public final class HostMemory implements AutoCloseable {
    /** Alignment of every block's address, in bytes. */
    public static final int ALIGNMENT = 256;

    /** The longest {@link #window}, in bytes. */
    public static final long MAX_WINDOW = 1L << 30;

    private static final Cleaner CLEANER = Cleaner.create();
    private static final AtomicLong LIVE_BYTES = new AtomicLong();

    private final long address;
    private final long bytes;
    private final Release release;
    private final Cleaner.Cleanable cleanable;

    private HostMemory(Pointer block, long bytes) {
        this.bytes = bytes;
        this.address = (block.address() + ALIGNMENT - 1) & -ALIGNMENT;
        this.release = new Release(block, bytes);
        this.cleanable = CLEANER.register(this, release);
    }

    /**
     * A zeroed block.
     *
     * @throws OutOfHostMemoryException if the operating system refuses it
     */
    public static HostMemory allocate(long bytes) {
        if (bytes < 0) {
            throw new IllegalArgumentException("bytes is " + bytes + ": must not be negative");
        }
        Pointer block = Pointer.calloc(1, Math.addExact(bytes, ALIGNMENT));
        if (block == null || block.isNull()) {
            throw new OutOfHostMemoryException(bytes, liveBytes());
        }
        LIVE_BYTES.addAndGet(bytes);
        return new HostMemory(block, bytes);
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
        return new Address(address + offset, length).asByteBuffer().order(ByteOrder.nativeOrder());
    }

    /** Whether the block was freed. */
    boolean isClosed() {
        return release.done.get();
    }

    /** Frees the block; a second call does nothing. */
    @Override
    public void close() {
        cleanable.clean();
    }

    private void checkOpen() {
        if (isClosed()) {
            throw new IllegalStateException("the memory was already freed");
        }
    }

    private static final class Release implements Runnable {
        private final Pointer block;
        private final long bytes;
        private final AtomicBoolean done = new AtomicBoolean();

        Release(Pointer block, long bytes) {
            this.block = block;
            this.bytes = bytes;
        }

        @Override
        public void run() {
            if (done.compareAndSet(false, true)) {
                Pointer.free(block);
                LIVE_BYTES.addAndGet(-bytes);
            }
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
