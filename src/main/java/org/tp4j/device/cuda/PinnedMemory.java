package org.tp4j.device.cuda;

import static jcuda.driver.JCudaDriver.CU_MEMHOSTALLOC_PORTABLE;
import static jcuda.driver.JCudaDriver.cuMemFreeHost;
import static jcuda.driver.JCudaDriver.cuMemHostAlloc;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;

/** Host memory that every device may copy from and to while the host goes on. */
final class PinnedMemory implements AutoCloseable {
    /** The most that is moved at a time. */
    static final long LARGEST = 4 << 20;

    private static final long SMALLEST = 64 << 10;

    private final CudaContext context;
    private final Pointer pointer;
    private final long capacity;
    private final ByteBuffer bytes;

    /** At least {@code atLeast} bytes, which are at most {@value #LARGEST}. */
    PinnedMemory(CudaContext context, long atLeast) {
        this.context = context;
        this.capacity = Math.max(SMALLEST, Long.highestOneBit(2 * atLeast - 1));
        context.enter();
        this.pointer = context.made(
                new Pointer(),
                made -> cuMemHostAlloc(made, capacity, CU_MEMHOSTALLOC_PORTABLE),
                () -> "allocating " + capacity + " bytes of pinned host memory");
        this.bytes = pointer.getByteBuffer(0, capacity).order(ByteOrder.nativeOrder());
    }

    Pointer pointer() {
        return pointer;
    }

    long capacity() {
        return capacity;
    }

    /** The whole memory, position 0. */
    ByteBuffer bytes() {
        bytes.clear();
        return bytes;
    }

    @Override
    public void close() {
        if (context.enterToRelease()) {
            cuMemFreeHost(pointer);
        }
    }
}
