package org.tp4j.tensor;

import java.nio.Buffer;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import java.util.Objects;

/**
 * A row-major matrix in host memory outside the Java heap.
 *
 * <p>Sizes are {@code long}; memory over 2 GiB is reached through row-aligned segments of at most 1 GiB. {@link #rows}
 * and {@link #columns} give views that share the memory. {@link #close} frees it for all of them, and a closed
 * matrix refuses every access; a matrix that is never closed is freed when nothing reaches it any more. Buffers
 * and addresses that it gives out are valid while it, or a view of it, is open and reachable. Threads may read and write
 * disjoint elements at the same time.
 */
public final class HostMatrix implements MatrixSource {
    private final Storage storage;
    private final long firstRow;
    private final long firstColumn;
    private final long rows;
    private final long columns;

    private HostMatrix(Storage storage, long firstRow, long firstColumn, long rows, long columns) {
        this.storage = storage;
        this.firstRow = firstRow;
        this.firstColumn = firstColumn;
        this.rows = rows;
        this.columns = columns;
    }

    /**
     * A matrix of zeros, (rows, columns).
     *
     * @throws IllegalArgumentException if a size is negative, the bytes overflow or a row has more than 1 GiB
     * @throws OutOfHostMemoryException if the operating system refuses the memory
     */
    public static HostMatrix allocate(DType dtype, long rows, long columns) {
        long bytes = byteSize(dtype, rows, columns);
        Storage.rowBytes(dtype, columns);
        return on(HostMemory.allocate(bytes), dtype, rows, columns);
    }

    /**
     * A packed matrix at the start of {@code memory}; closing it closes the memory.
     *
     * @throws IllegalArgumentException if the memory is too small
     */
    public static HostMatrix on(HostMemory memory, DType dtype, long rows, long columns) {
        long bytes = byteSize(dtype, rows, columns);
        if (bytes > memory.bytes()) {
            throw new IllegalArgumentException("a " + dtype + " matrix " + shape(rows, columns) + " needs " + bytes
                    + " bytes, but the memory has " + memory.bytes());
        }
        return new HostMatrix(new Storage(memory, dtype, rows, columns), 0, 0, rows, columns);
    }

    /** An f32 copy of {@code values}, whose rows must have equal lengths. */
    public static HostMatrix of(float[][] values) {
        int columns = values.length == 0 ? 0 : values[0].length;
        HostMatrix matrix = allocate(DType.F32, values.length, columns);
        for (int row = 0; row < values.length; row++) {
            checkRowLength(row, values[row].length, columns);
            matrix.write(row, 0, values[row], 0, columns);
        }
        return matrix;
    }

    /** An f64 copy of {@code values}, whose rows must have equal lengths. */
    public static HostMatrix of(double[][] values) {
        int columns = values.length == 0 ? 0 : values[0].length;
        HostMatrix matrix = allocate(DType.F64, values.length, columns);
        for (int row = 0; row < values.length; row++) {
            checkRowLength(row, values[row].length, columns);
            matrix.write(row, 0, values[row], 0, columns);
        }
        return matrix;
    }

    /** An f32 copy of the row-major elements from the buffer's position; the position does not move. */
    public static HostMatrix of(FloatBuffer values, int rows, int columns) {
        long count = Math.multiplyFull(rows, columns);
        if (rows < 0 || columns < 0 || count > values.remaining()) {
            throw new IllegalArgumentException("a matrix " + shape(rows, columns) + " needs " + count
                    + " floats, but the buffer has " + values.remaining());
        }
        HostMatrix matrix = allocate(DType.F32, rows, columns);
        float[] line = new float[columns];
        for (int row = 0; row < rows; row++) {
            values.get(values.position() + row * columns, line);
            matrix.write(row, 0, line, 0, columns);
        }
        return matrix;
    }

    @Override
    public DType dtype() {
        return storage.dtype;
    }

    @Override
    public long rows() {
        return rows;
    }

    @Override
    public long columns() {
        return columns;
    }

    /** Elements from the start of one row to the start of the next, in memory. */
    public long rowStride() {
        return storage.columns;
    }

    /** Rows {@code [from, to)}, sharing this matrix's memory. */
    @Override
    public HostMatrix rows(long from, long to) {
        Objects.checkFromToIndex(from, to, rows);
        return new HostMatrix(storage, firstRow + from, firstColumn, to - from, columns);
    }

    /** Columns {@code [from, to)}, sharing this matrix's memory. */
    @Override
    public HostMatrix columns(long from, long to) {
        Objects.checkFromToIndex(from, to, columns);
        return new HostMatrix(storage, firstRow, firstColumn + from, rows, to - from);
    }

    /** One element, exactly. */
    public double get(long row, long column) {
        Objects.checkIndex(row, rows);
        Objects.checkIndex(column, columns);
        int at = storage.index(firstRow + row, firstColumn + column);
        Buffer segment = storage.segment(firstRow + row);
        storage.retain();
        try {
            return switch (dtype()) {
                case F64 -> ((DoubleBuffer) segment).get(at);
                case F32 -> ((FloatBuffer) segment).get(at);
                case F16 -> Float16.toFloat(((ShortBuffer) segment).get(at));
                case BF16 -> BFloat16.toFloat(((ShortBuffer) segment).get(at));
            };
        } finally {
            storage.release();
        }
    }

    /** Stores {@code value}, rounded once to the dtype. */
    public void set(long row, long column, double value) {
        Objects.checkIndex(row, rows);
        Objects.checkIndex(column, columns);
        int at = storage.index(firstRow + row, firstColumn + column);
        Buffer segment = storage.segment(firstRow + row);
        storage.retain();
        try {
            switch (dtype()) {
                case F64 -> ((DoubleBuffer) segment).put(at, value);
                case F32 -> ((FloatBuffer) segment).put(at, (float) value);
                case F16 -> ((ShortBuffer) segment).put(at, Float16.fromDouble(value));
                case BF16 -> ((ShortBuffer) segment).put(at, BFloat16.fromDouble(value));
            }
        } finally {
            storage.release();
        }
    }

    /** Copies elements of one row into {@code destination}; exact unless this matrix is f64, then rounded once. */
    public void read(long row, long column, float[] destination, int offset, int length) {
        checkRun(row, column, length);
        int at = storage.index(firstRow + row, firstColumn + column);
        Buffer segment = storage.segment(firstRow + row);
        storage.retain();
        try {
            switch (dtype()) {
                case F64 -> {
                    DoubleBuffer doubles = (DoubleBuffer) segment;
                    for (int i = 0; i < length; i++) {
                        destination[offset + i] = (float) doubles.get(at + i);
                    }
                }
                case F32 -> ((FloatBuffer) segment).get(at, destination, offset, length);
                case F16 -> {
                    ShortBuffer halves = (ShortBuffer) segment;
                    for (int i = 0; i < length; i++) {
                        destination[offset + i] = Float16.toFloat(halves.get(at + i));
                    }
                }
                case BF16 -> {
                    ShortBuffer halves = (ShortBuffer) segment;
                    for (int i = 0; i < length; i++) {
                        destination[offset + i] = BFloat16.toFloat(halves.get(at + i));
                    }
                }
            }
        } finally {
            storage.release();
        }
    }

    /** Copies elements of one row into {@code destination}, exactly. */
    public void read(long row, long column, double[] destination, int offset, int length) {
        checkRun(row, column, length);
        int at = storage.index(firstRow + row, firstColumn + column);
        Buffer segment = storage.segment(firstRow + row);
        storage.retain();
        try {
            switch (dtype()) {
                case F64 -> ((DoubleBuffer) segment).get(at, destination, offset, length);
                case F32 -> {
                    FloatBuffer floats = (FloatBuffer) segment;
                    for (int i = 0; i < length; i++) {
                        destination[offset + i] = floats.get(at + i);
                    }
                }
                case F16 -> {
                    ShortBuffer halves = (ShortBuffer) segment;
                    for (int i = 0; i < length; i++) {
                        destination[offset + i] = Float16.toFloat(halves.get(at + i));
                    }
                }
                case BF16 -> {
                    ShortBuffer halves = (ShortBuffer) segment;
                    for (int i = 0; i < length; i++) {
                        destination[offset + i] = BFloat16.toFloat(halves.get(at + i));
                    }
                }
            }
        } finally {
            storage.release();
        }
    }

    /** Stores {@code source} into one row, each element rounded once to the dtype. */
    public void write(long row, long column, float[] source, int offset, int length) {
        checkRun(row, column, length);
        int at = storage.index(firstRow + row, firstColumn + column);
        Buffer segment = storage.segment(firstRow + row);
        storage.retain();
        try {
            switch (dtype()) {
                case F64 -> {
                    DoubleBuffer doubles = (DoubleBuffer) segment;
                    for (int i = 0; i < length; i++) {
                        doubles.put(at + i, source[offset + i]);
                    }
                }
                case F32 -> ((FloatBuffer) segment).put(at, source, offset, length);
                case F16 -> {
                    ShortBuffer halves = (ShortBuffer) segment;
                    for (int i = 0; i < length; i++) {
                        halves.put(at + i, Float16.fromFloat(source[offset + i]));
                    }
                }
                case BF16 -> {
                    ShortBuffer halves = (ShortBuffer) segment;
                    for (int i = 0; i < length; i++) {
                        halves.put(at + i, BFloat16.fromFloat(source[offset + i]));
                    }
                }
            }
        } finally {
            storage.release();
        }
    }

    /** Stores {@code source} into one row, each element rounded once to the dtype. */
    public void write(long row, long column, double[] source, int offset, int length) {
        checkRun(row, column, length);
        int at = storage.index(firstRow + row, firstColumn + column);
        Buffer segment = storage.segment(firstRow + row);
        storage.retain();
        try {
            switch (dtype()) {
                case F64 -> ((DoubleBuffer) segment).put(at, source, offset, length);
                case F32 -> {
                    FloatBuffer floats = (FloatBuffer) segment;
                    for (int i = 0; i < length; i++) {
                        floats.put(at + i, (float) source[offset + i]);
                    }
                }
                case F16 -> {
                    ShortBuffer halves = (ShortBuffer) segment;
                    for (int i = 0; i < length; i++) {
                        halves.put(at + i, Float16.fromDouble(source[offset + i]));
                    }
                }
                case BF16 -> {
                    ShortBuffer halves = (ShortBuffer) segment;
                    for (int i = 0; i < length; i++) {
                        halves.put(at + i, BFloat16.fromDouble(source[offset + i]));
                    }
                }
            }
        } finally {
            storage.release();
        }
    }

    /** Native address of an element; valid while this matrix is open and reachable. */
    public long address(long row, long column) {
        Objects.checkIndex(row, rows);
        Objects.checkIndex(column, columns);
        storage.checkOpen();
        return storage.memory.address()
                + Math.multiplyExact((firstRow + row) * storage.columns + firstColumn + column, (long) dtype().bytes());
    }

    /** The native-order bytes of {@code length} elements of one row, as a buffer whose position is 0. */
    public ByteBuffer bytes(long row, long column, int length) {
        checkRun(row, column, length);
        storage.checkOpen();
        int size = dtype().bytes();
        ByteBuffer segment = storage.bytes[(int) ((firstRow + row) / storage.rowsPerSegment)];
        int start = storage.index(firstRow + row, firstColumn + column) * size;
        return segment.slice(start, length * size).order(ByteOrder.nativeOrder());
    }

    /**
     * The native-order bytes of the elements of several rows from {@code row} on, where rows follow each other without a
     * gap: as many as lie in one segment, but at most {@code most}.
     */
    public ByteBuffer packedBytes(long row, long most) {
        Objects.checkIndex(row, rows);
        if (columns != rowStride()) {
            throw new IllegalStateException(
                    "rows of " + columns + " elements lie " + rowStride() + " apart: they have no packed bytes");
        }
        storage.checkOpen();
        long absolute = firstRow + row;
        long count = Math.min(storage.rowsPerSegment - absolute % storage.rowsPerSegment, Math.min(most, rows - row));
        int start = storage.index(absolute, 0) * dtype().bytes();
        long length = count * columns * dtype().bytes();
        ByteBuffer segment = storage.bytes[(int) (absolute / storage.rowsPerSegment)];
        return segment.slice(start, Math.toIntExact(length)).order(ByteOrder.nativeOrder());
    }

    /** The f32 elements of the segment that holds {@code row}; {@link #indexInSegment} gives where. */
    public FloatBuffer floats(long row) {
        storage.checkOpen();
        return (FloatBuffer) storage.segment(firstRow + row);
    }

    /** The f64 elements of the segment that holds {@code row}; {@link #indexInSegment} gives where. */
    public DoubleBuffer doubles(long row) {
        storage.checkOpen();
        return (DoubleBuffer) storage.segment(firstRow + row);
    }

    /** The f16 or bf16 bit patterns of the segment that holds {@code row}; {@link #indexInSegment} gives where. */
    public ShortBuffer halves(long row) {
        storage.checkOpen();
        return (ShortBuffer) storage.segment(firstRow + row);
    }

    /** Where an element is in {@link #floats}, {@link #doubles} or {@link #halves} of its row. */
    public int indexInSegment(long row, long column) {
        return storage.index(firstRow + row, firstColumn + column);
    }

    @Override
    public void copyTo(HostMatrix destination) {
        if (destination.dtype() != dtype() || destination.rows() != rows || destination.columns() != columns) {
            throw new IllegalArgumentException(
                    "from " + this + " to " + destination + ": shapes and dtypes must be equal");
        }
        storage.retain();
        try {
            destination.storage.retain();
            try {
                for (long row = 0; row < rows && columns > 0; row++) {
                    destination.bytes(row, 0, (int) columns).put(bytes(row, 0, (int) columns));
                }
            } finally {
                destination.storage.release();
            }
        } finally {
            storage.release();
        }
    }

    @Override
    public void copyTo(ByteBuffer packed) {
        if (byteSize() > packed.remaining()) {
            throw new BufferOverflowException();
        }
        boolean unbroken = columns == rowStride();
        storage.retain();
        try {
            for (long row = 0; row < rows && columns > 0; ) {
                ByteBuffer run = unbroken ? packedBytes(row, rows - row) : bytes(row, 0, (int) columns);
                row += run.remaining() / (columns * dtype().bytes());
                packed.put(run);
            }
        } finally {
            storage.release();
        }
    }

    /** A new owned matrix with the same elements, packed, each rounded once to {@code dtype}. */
    public HostMatrix to(DType dtype) {
        HostMatrix copy = allocate(dtype, rows, columns);
        if (columns == 0) {
            return copy;
        }
        int block = (int) Math.min(columns, 1 << 12);
        double[] doubles = new double[block];
        float[] floats = new float[block];
        boolean exactInFloat = dtype() != DType.F64;
        for (long row = 0; row < rows; row++) {
            for (long column = 0; column < columns; column += block) {
                int length = (int) Math.min(block, columns - column);
                if (exactInFloat) {
                    read(row, column, floats, 0, length);
                    copy.write(row, column, floats, 0, length);
                } else {
                    read(row, column, doubles, 0, length);
                    copy.write(row, column, doubles, 0, length);
                }
            }
        }
        return copy;
    }

    /** The elements as Java arrays, each rounded to f32 if this matrix is f64. */
    public float[][] toFloats() {
        float[][] values = new float[Math.toIntExact(rows)][Math.toIntExact(columns)];
        for (int row = 0; row < values.length; row++) {
            read(row, 0, values[row], 0, values[row].length);
        }
        return values;
    }

    /** The elements in row-major order in a buffer of their own, each rounded to f32 if this matrix is f64. */
    public FloatBuffer toFloatBuffer() {
        float[] values = new float[Math.toIntExact(Math.multiplyExact(rows, columns))];
        for (int row = 0; row < rows; row++) {
            read(row, 0, values, (int) (row * columns), (int) columns);
        }
        return FloatBuffer.wrap(values);
    }

    /** The elements as Java arrays, exactly. */
    public double[][] toDoubles() {
        double[][] values = new double[Math.toIntExact(rows)][Math.toIntExact(columns)];
        for (int row = 0; row < values.length; row++) {
            read(row, 0, values[row], 0, values[row].length);
        }
        return values;
    }

    /**
     * Keeps the memory from being freed until the lease ends, although this matrix may be closed meanwhile: for whoever uses
     * {@linkplain #address addresses} or buffers while others may close it.
     *
     * @throws IllegalStateException if the matrix was closed
     */
    public Lease lease() {
        storage.retain();
        return new Lease(storage.memory);
    }

    /** Frees the memory, for every view of it, as soon as nobody is using it. A second call does nothing. */
    @Override
    public void close() {
        storage.close();
    }

    @Override
    public String toString() {
        return dtype() + " " + shape();
    }

    static String shape(long rows, long columns) {
        return "(" + rows + ", " + columns + ")";
    }

    /**
     * Size of a packed matrix, in bytes.
     *
     * @throws IllegalArgumentException if a size is negative or the bytes overflow
     */
    public static long byteSize(DType dtype, long rows, long columns) {
        if (rows < 0 || columns < 0) {
            throw new IllegalArgumentException("a matrix cannot be " + shape(rows, columns));
        }
        try {
            return Math.multiplyExact(Math.multiplyExact(rows, columns), (long) dtype.bytes());
        } catch (ArithmeticException e) {
            throw new IllegalArgumentException(
                    "a " + dtype + " matrix " + shape(rows, columns) + " has more than 2^63 bytes", e);
        }
    }

    private void checkRun(long row, long column, int length) {
        Objects.checkIndex(row, rows);
        Objects.checkFromIndexSize(column, length, columns);
    }

    private static void checkRowLength(int row, int length, int columns) {
        if (length != columns) {
            throw new IllegalArgumentException(
                    "row " + row + " has " + length + " elements but row 0 has " + columns + ": rows must be equal");
        }
    }

    /** Time during which a matrix's memory is not freed; {@link #close()} ends it. Used by one thread at a time. */
    public static final class Lease implements AutoCloseable {
        private final HostMemory memory;
        private boolean ended;

        private Lease(HostMemory memory) {
            this.memory = memory;
        }

        /** Ends the lease; a second call does nothing. */
        @Override
        public void close() {
            if (!ended) {
                ended = true;
                memory.release();
            }
        }
    }

    /** The memory that a matrix and its views share, and buffers over it: a buffer holds less than 2 GiB. */
    private static final class Storage {
        final DType dtype;
        final long columns;
        final long rowsPerSegment;
        final ByteBuffer[] bytes;
        final Buffer[] segments;
        final HostMemory memory;

        Storage(HostMemory memory, DType dtype, long rows, long columns) {
            this.dtype = dtype;
            this.columns = columns;
            this.memory = memory;
            long rowBytes = rowBytes(dtype, columns);
            this.rowsPerSegment = Math.max(1, rowBytes == 0 ? rows : HostMemory.MAX_WINDOW / rowBytes);
            int count = rowBytes == 0 ? 1 : Math.toIntExact((rows + rowsPerSegment - 1) / rowsPerSegment);
            this.bytes = new ByteBuffer[count];
            this.segments = new Buffer[count];
            long segmentBytes = rowsPerSegment * rowBytes;
            for (int i = 0; i < count; i++) {
                long offset = i * segmentBytes;
                bytes[i] = memory.window(offset, Math.min(segmentBytes, rows * rowBytes - offset));
                segments[i] = switch (dtype) {
                    case F64 -> bytes[i].asDoubleBuffer();
                    case F32 -> bytes[i].asFloatBuffer();
                    case F16, BF16 -> bytes[i].asShortBuffer();
                };
            }
        }

        /** Bytes of one row, which must fit into a segment. */
        static long rowBytes(DType dtype, long columns) {
            if (columns > HostMemory.MAX_WINDOW / dtype.bytes()) {
                throw new IllegalArgumentException("a row of " + columns + " " + dtype + " elements has more than "
                        + HostMemory.MAX_WINDOW + " bytes, the most that a row can have");
            }
            return columns * dtype.bytes();
        }

        Buffer segment(long row) {
            return segments.length == 1 ? segments[0] : segments[(int) (row / rowsPerSegment)];
        }

        int index(long row, long column) {
            long inSegment = segments.length == 1 ? row : row % rowsPerSegment;
            return (int) (inSegment * columns + column);
        }

        void checkOpen() {
            if (memory.isClosed()) {
                throw closed();
            }
        }

        private IllegalStateException closed() {
            return new IllegalStateException("the " + dtype + " matrix was used after it was closed");
        }

        /** Begins a use of the memory, which nobody frees before it has ended. */
        void retain() {
            if (!memory.retain()) {
                throw closed();
            }
        }

        /** Ends the use. */
        void release() {
            memory.release();
        }

        void close() {
            memory.close();
        }
    }
}
