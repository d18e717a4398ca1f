package org.tp4j.tensor;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A matrix that lies in a file, row by row, and is read when it is copied out: each copy reads its own elements, straight
 * into where they are to be. The file stays open until {@link #close}, also if it is renamed, replaced or removed; while
 * it is open it must not be written to.
 */
public final class FileMatrix implements MatrixSource {
    /** How many bytes can be copied in the time that asking for some takes: gaps up to here are read rather than left out. */
    private static final long WORTH_ASKING = 16 << 10;

    /** The most that is read on the way to where it belongs. */
    private static final int STAGED_BYTES = 1 << 20;

    private final Body body;
    private final long firstRow;
    private final long firstColumn;
    private final long rows;
    private final long columns;

    /** What a matrix and its views share: packed elements from {@code offset} of a file on. */
    private record Body(
            InputFile file, long offset, DType dtype, ByteOrder order, long columns, AtomicBoolean closed) {}

    private FileMatrix(Body body, long firstRow, long firstColumn, long rows, long columns) {
        this.body = body;
        this.firstRow = firstRow;
        this.firstColumn = firstColumn;
        this.rows = rows;
        this.columns = columns;
    }

    /** A matrix of packed elements from {@code offset} on, all of them in the file, which is closed with the matrix. */
    FileMatrix(InputFile file, long offset, DType dtype, ByteOrder order, long rows, long columns) {
        this(new Body(file, offset, dtype, order, columns, new AtomicBoolean()), 0, 0, rows, columns);
    }

    @Override
    public DType dtype() {
        return body.dtype;
    }

    @Override
    public long rows() {
        return rows;
    }

    @Override
    public long columns() {
        return columns;
    }

    /** Rows {@code [from, to)}, a view of the same open file. */
    @Override
    public FileMatrix rows(long from, long to) {
        Objects.checkFromToIndex(from, to, rows);
        return new FileMatrix(body, firstRow + from, firstColumn, to - from, columns);
    }

    /** Columns {@code [from, to)}, a view of the same open file. */
    @Override
    public FileMatrix columns(long from, long to) {
        Objects.checkFromToIndex(from, to, columns);
        return new FileMatrix(body, firstRow, firstColumn + from, rows, to - from);
    }

    @Override
    public void copyTo(HostMatrix destination) {
        checkOpen();
        if (destination.dtype() != dtype() || destination.rows() != rows || destination.columns() != columns) {
            throw new IllegalArgumentException(
                    "from " + this + " to " + destination + ": shapes and dtypes must be equal");
        }
        if (rows == 0 || columns == 0) {
            return;
        }
        HostMatrix.Lease lease = destination.lease();
        try {
            if (destination.rowStride() == columns) {
                readPacked(destination);
            } else {
                readStrided(destination);
            }
        } catch (IOException e) {
            throw failure(e);
        } finally {
            lease.close();
        }
    }

    @Override
    public void copyTo(ByteBuffer packed) {
        checkOpen();
        long bytes = byteSize();
        if (bytes > packed.remaining()) {
            throw new BufferOverflowException();
        }
        if (bytes == 0) {
            return;
        }
        try {
            read(0, rows, packed.slice(packed.position(), (int) bytes));
        } catch (IOException e) {
            throw failure(e);
        }
        packed.position(packed.position() + (int) bytes);
    }

    /** All elements in host memory; the caller closes them. */
    public HostMatrix read() {
        checkOpen();
        HostMatrix copy = HostMatrix.allocate(dtype(), rows, columns);
        try {
            copyTo(copy);
            return copy;
        } catch (RuntimeException | Error e) {
            copy.close();
            throw e;
        }
    }

    /** Closes the file, for every view of it. A second call does nothing. */
    @Override
    public void close() {
        if (body.closed.compareAndSet(false, true)) {
            body.file.closeQuietly();
        }
    }

    @Override
    public String toString() {
        return dtype() + " " + shape();
    }

    private void readPacked(HostMatrix destination) throws IOException {
        for (long row = 0; row < rows; ) {
            ByteBuffer some = destination.packedBytes(row, rows - row);
            long count = some.remaining() / rowBytes();
            read(row, count, some);
            row += count;
        }
    }

    private void readStrided(HostMatrix destination) throws IOException {
        if (rowBytes() > WORTH_ASKING) {
            for (long row = 0; row < rows; row++) {
                read(row, 1, destination.bytes(row, 0, (int) columns));
            }
            return;
        }
        long most = STAGED_BYTES / rowBytes();
        try (HostMatrix stage = HostMatrix.allocate(dtype(), Math.min(most, rows), columns)) {
            for (long row = 0; row < rows; row += most) {
                long count = Math.min(most, rows - row);
                read(row, count, stage.packedBytes(0, count));
                stage.rows(0, count).copyTo(destination.rows(row, row + count));
            }
        }
    }

    /** Reads {@code count} rows into a buffer that holds just them. */
    private void read(long row, long count, ByteBuffer packed) throws IOException {
        boolean unbroken = columns == body.columns || count == 1;
        boolean straight = body.order == ByteOrder.nativeOrder();
        if (straight && unbroken) {
            body.file.read(position(row, 0), packed);
        } else if (straight && (body.columns - columns) * elementBytes() > WORTH_ASKING) {
            int rowBytes = (int) rowBytes();
            for (int i = 0; i < count; i++) {
                body.file.read(position(row + i, 0), packed.slice(i * rowBytes, rowBytes));
            }
        } else if (unbroken) {
            readOtherOrder(position(row, 0), packed);
        } else {
            pick(row, count, packed);
        }
    }

    /** Reads neighbouring elements whose bytes must be turned round. */
    private void readOtherOrder(long position, ByteBuffer packed) throws IOException {
        int most = Math.min(STAGED_BYTES, packed.remaining());
        try (HostMemory stage = HostMemory.allocate(most)) {
            for (int done = 0; done < packed.limit(); done += most) {
                int length = Math.min(most, packed.limit() - done);
                ByteBuffer bytes = stage.window(0, length);
                body.file.read(position + done, bytes);
                put(bytes.flip(), packed.slice(done, length));
            }
        }
    }

    /** Reads rows together with the gaps between them, as far as they fit into the stage, and leaves the gaps out. */
    private void pick(long row, long count, ByteBuffer packed) throws IOException {
        long stride = body.columns * elementBytes();
        long most = Math.max(1, STAGED_BYTES / stride);
        if (stride > STAGED_BYTES) { // long rows whose bytes must be turned round: a row at a time has no gap
            for (int i = 0; i < count; i++) {
                readOtherOrder(position(row + i, 0), packed.slice((int) (i * rowBytes()), (int) rowBytes()));
            }
            return;
        }
        int rowBytes = (int) rowBytes();
        try (HostMemory stage = HostMemory.allocate(Math.min(most, count) * stride)) {
            for (long done = 0; done < count; done += most) {
                long some = Math.min(most, count - done);
                ByteBuffer span = stage.window(0, (some - 1) * stride + rowBytes);
                body.file.read(position(row + done, 0), span);
                for (long i = 0; i < some; i++) {
                    put(
                            span.slice((int) (i * stride), rowBytes),
                            packed.slice((int) ((done + i) * rowBytes), rowBytes));
                }
            }
        }
    }

    private void put(ByteBuffer stored, ByteBuffer destination) {
        if (body.order == ByteOrder.nativeOrder()) {
            destination.put(stored);
        } else {
            ElementBytes.copy(stored.order(body.order), destination.order(ByteOrder.nativeOrder()), dtype().bytes());
        }
    }

    private long position(long row, long column) {
        return body.offset + ((firstRow + row) * body.columns + firstColumn + column) * elementBytes();
    }

    private long elementBytes() {
        return dtype().bytes();
    }

    private long rowBytes() {
        return columns * elementBytes();
    }

    private UncheckedIOException failure(IOException cause) {
        MatrixFileException sentence = MatrixFileException.reading(body.file.path(), cause);
        return new UncheckedIOException(sentence.getMessage(), sentence);
    }

    private void checkOpen() {
        if (body.closed.get()) {
            throw new IllegalStateException(
                    "the matrix " + this + " of " + body.file.path() + " was used after it was closed");
        }
    }
}
