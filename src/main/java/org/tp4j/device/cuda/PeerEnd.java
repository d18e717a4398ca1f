package org.tp4j.device.cuda;

import static jcuda.driver.CUstream_flags.CU_STREAM_NON_BLOCKING;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuMemsetD8Async;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamDestroy;
import static jcuda.driver.JCudaDriver.cuStreamQuery;

import java.nio.IntBuffer;
import java.time.Duration;
import java.util.List;
import jcuda.driver.CUstream;
import org.tp4j.device.DeviceException;
import org.tp4j.tensor.DType;

/** One device in a trial: words that no other device has, a place for those of the other end, and a stream. */
final class PeerEnd {
    /** The most that is moved at a time. */
    static final long BYTES = 16 << 20;

    private static final int FLOAT_ONE = Float.floatToRawIntBits(1);
    private static final Duration LIMIT = Duration.ofSeconds(5);

    private final CudaDevice device;
    private final CudaContext context;
    private final CUstream stream;
    private final DevicePointer memory;
    private final PinnedMemory host;

    /** What it makes before it fails stays until the process ends. */
    PeerEnd(CudaDevice device) {
        this.device = device;
        this.context = device.context();
        context.enter();
        this.stream = context.made(
                new CUstream(),
                made -> cuStreamCreate(made, CU_STREAM_NON_BLOCKING),
                () -> "creating a stream to try peer access with");
        this.memory = context.made(
                new DevicePointer(),
                made -> cuMemAlloc(made, 2 * BYTES),
                () -> "allocating " + 2 * BYTES + " bytes to try peer access with");
        this.host = new PinnedMemory(context, PinnedMemory.LARGEST);
        fill();
        if (!movesByKernel(this, this, PinnedMemory.LARGEST)) {
            throw new DeviceException(device + ": a kernel wrote wrong words to its own device's memory");
        }
    }

    /** Whether a copy on a stream of this device, which is one of the two, takes the words of one end to the other. */
    boolean copies(PeerEnd from, PeerEnd to, long bytes) {
        to.clear(bytes);
        to.finishFor(this);
        context.enter();
        Copies.betweenDevices(context, stream, from.words(bytes), to.place(bytes));
        finishFor(to);
        return to.holdsWordsOf(from, bytes);
    }

    /** Whether a kernel on this device, which is one of the two, does so. */
    boolean movesByKernel(PeerEnd from, PeerEnd to, long bytes) {
        to.clear(bytes);
        to.finishFor(this);
        context.enter();
        new ReduceKernel(device.kernels())
                .launch(
                        stream,
                        DType.F32,
                        List.of(from.words(bytes).pointer()),
                        List.of(to.place(bytes).pointer()),
                        0,
                        bytes / Float.BYTES,
                        bytes / Float.BYTES,
                        ReduceKernel.Addends.NONE);
        finishFor(to);
        return to.holdsWordsOf(from, bytes);
    }

    private Region words(long bytes) {
        return Region.line(device, memory, DType.F32, bytes / Float.BYTES);
    }

    private Region place(long bytes) {
        return Region.line(device, memory.plus(BYTES), DType.F32, bytes / Float.BYTES);
    }

    private void fill() {
        Region words = words(BYTES);
        Tile.forEach(words.dtype(), words.rows(), words.columns(), tile -> {
            writeWords(tile, host);
            Copies.fromHost(stream, host.pointer(), tile.of(words));
            finish();
        });
    }

    private void clear(long bytes) {
        context.enter();
        context.check(
                cuMemsetD8Async(place(bytes).pointer(), (byte) 0, bytes, stream), () -> "clearing " + bytes + " bytes");
    }

    private boolean holdsWordsOf(PeerEnd other, long bytes) {
        context.enter();
        boolean[] equal = {true};
        Region place = place(bytes);
        Tile.forEach(place.dtype(), place.rows(), place.columns(), tile -> {
            Copies.toHost(stream, tile.of(place), host.pointer());
            finish();
            equal[0] &= other.isWords(tile, host);
        });
        return equal[0];
    }

    private void writeWords(Tile tile, PinnedMemory to) {
        IntBuffer words = to.bytes().asIntBuffer();
        for (long i = tile.column(); i < tile.column() + tile.columns(); i++) {
            words.put(word(i));
        }
    }

    private boolean isWords(Tile tile, PinnedMemory found) {
        IntBuffer words = found.bytes().asIntBuffer();
        for (long i = tile.column(); i < tile.column() + tile.columns(); i++) {
            if (words.get() != word(i)) {
                return false;
            }
        }
        return true;
    }

    /** The bits of a float between 1 and 2, so that a sum of one keeps them, at every place another for every device. */
    private int word(long place) {
        return FLOAT_ONE | ((((device.index() + 1) << 18) ^ (int) place) & 0x7f_ffff);
    }

    /** Waits for this device, unless the next one to work is the same one: its stream is in order. */
    private void finishFor(PeerEnd next) {
        if (next != this) {
            finish();
        }
    }

    /** Waits for this device. */
    private void finish() {
        new HostWait(context, LIMIT, () -> "a trial of peer access").until(() -> cuStreamQuery(stream));
    }

    /** Frees everything; nothing is at work on it. */
    void close() {
        if (context.enterToRelease()) {
            host.close();
            cuMemFree(memory);
            cuStreamDestroy(stream);
        }
    }

    @Override
    public String toString() {
        return device.toString();
    }
}
