package org.tp4j.device.cuda;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import jcuda.driver.CUstream;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.MatrixSource;

/**
 * Copies between host matrices and a stream's device, through two pieces of pinned memory: while the device moves one,
 * the host fills or empties the other. Belongs to one stream.
 */
final class HostTransfers implements AutoCloseable {
    /** How long an upload waits for the device to have taken what was uploaded before. */
    private static final Duration UPLOAD_LIMIT = Duration.ofSeconds(60);

    private final CudaContext context;
    private final CUstream stream;
    private final Slot[] slots = {new Slot(), new Slot()};
    private int turn;

    HostTransfers(CudaContext context, CUstream stream) {
        this.context = context;
        this.stream = stream;
    }

    /** Pinned memory that the device may be moving, and what is to be done with it then. */
    private final class Slot {
        private Optional<PinnedMemory> memory = Optional.empty();
        private Optional<CudaEvent> moved = Optional.empty();
        private Optional<Consumer<ByteBuffer>> whenMoved = Optional.empty();
        private String what = "nothing";
        private boolean moving;

        /** Room for so many bytes, which the device may still be moving. */
        PinnedMemory room(long bytes, Duration limit) {
            if (memory.isEmpty() || memory.get().capacity() < bytes) {
                finish(limit);
                memory.ifPresent(PinnedMemory::close);
                memory = Optional.empty();
                memory = Optional.of(new PinnedMemory(context, bytes));
            }
            if (moved.isEmpty()) { // now, because a failure must not come between a copy and its mark
                moved = Optional.of(new CudaEvent(context));
            }
            return memory.get();
        }

        /** Notes that the device has been told to move the memory. */
        void enqueued(String name, Optional<Consumer<ByteBuffer>> afterwards) {
            moving = true; // first: a failing record leaves the memory in use
            what = name;
            whenMoved = afterwards;
            moved.orElseThrow().record(stream, () -> what);
        }

        /** Waits until the device has moved the memory, and does with it what is to be done. */
        void finish(Duration limit) {
            if (moving) {
                moved.orElseThrow().awaitOnHost(limit, () -> what);
                moving = false;
                Optional<Consumer<ByteBuffer>> afterwards = whenMoved;
                whenMoved = Optional.empty();
                afterwards.ifPresent(
                        action -> action.accept(memory.orElseThrow().bytes()));
            }
        }

        /** As {@link #finish}, if anything is to be done. */
        void empty(Duration limit) {
            if (whenMoved.isPresent()) {
                finish(limit);
            }
        }

        /** Forgets what was to be done with the memory, but not that the device may be moving it. */
        void disregard() {
            whenMoved = Optional.empty();
        }

        void close() {
            moved.ifPresent(CudaEvent::close);
            memory.ifPresent(PinnedMemory::close);
            moved = Optional.empty();
            memory = Optional.empty();
            whenMoved = Optional.empty();
            moving = false;
        }
    }

    /** Enqueues copies of a host's or a file's matrix, tile by tile; it is not needed any more when this returns. */
    void upload(MatrixSource source, TileTarget target) {
        String what = "the upload of " + source;
        Tile.forEach(source.dtype(), source.rows(), source.columns(), tile -> {
            Slot slot = next();
            slot.finish(UPLOAD_LIMIT); // before the host writes there
            PinnedMemory room = slot.room(tile.bytes(source.dtype()), UPLOAD_LIMIT);
            tile.of(source).copyTo(room.bytes());
            target.enqueue(tile, room);
            slot.enqueued(what, Optional.empty());
        });
    }

    /** Where one tile of an upload goes. */
    @FunctionalInterface
    interface TileTarget {
        /** Enqueues the copy of packed elements from pinned memory. */
        void enqueue(Tile tile, PinnedMemory elements);
    }

    /** Copies a matrix to the host; has happened when this returns. */
    void download(Region source, HostMatrix target, Duration limit) {
        String what = "the download of " + source;
        try {
            Tile.forEach(source.dtype(), source.rows(), source.columns(), tile -> {
                Slot slot = next();
                slot.empty(limit);
                PinnedMemory room = slot.room(tile.bytes(source.dtype()), limit); // the device writes there in its turn
                Copies.toHost(stream, tile.of(source), room.pointer());
                slot.enqueued(what, Optional.of(bytes -> write(bytes, tile, target)));
            });
            next().empty(limit);
            next().empty(limit);
        } finally {
            for (Slot slot : slots) {
                slot.disregard(); // after a failure the target may be gone
            }
        }
    }

    /** Frees the pinned memory; the stream is idle. */
    @Override
    public void close() {
        for (Slot slot : slots) {
            slot.close();
        }
    }

    private Slot next() {
        turn = 1 - turn;
        return slots[turn];
    }

    private static void write(ByteBuffer bytes, Tile tile, HostMatrix target) {
        HostMatrix.Lease lease = target.lease();
        try {
            forEachRun(target, tile, run -> {
                int length = run.remaining();
                run.put(0, bytes, bytes.position(), length);
                bytes.position(bytes.position() + length);
            });
        } finally {
            lease.close();
        }
    }

    /** Runs of rows that follow each other without a gap in the host's memory, or else single rows. */
    private static void forEachRun(HostMatrix host, Tile tile, Consumer<ByteBuffer> action) {
        boolean packed = host.rowStride() == tile.columns();
        long end = tile.row() + tile.rows();
        for (long row = tile.row(); row < end; ) {
            if (packed) {
                ByteBuffer run = host.packedBytes(row, end - row);
                row += run.remaining() / (tile.columns() * host.dtype().bytes());
                action.accept(run);
            } else {
                action.accept(host.bytes(row, tile.column(), (int) tile.columns()));
                row++;
            }
        }
    }
}
