package org.tp4j.tensor;

import java.nio.ByteBuffer;

/**
 * A row-major matrix whose elements can be copied out: in host memory, or in a file, where they are read only as they are
 * asked for. {@link #rows} and {@link #columns} give views of it. Any number of threads may copy at the same time.
 *
 * <p>Copying out of a file throws {@link java.io.UncheckedIOException}, caused by a {@link MatrixFileException}, if the
 * file has become shorter or cannot be read; what was copied until then is undefined.
 */
public sealed interface MatrixSource extends AutoCloseable permits HostMatrix, FileMatrix {
    /** Number format of the elements. */
    DType dtype();

    /** Number of rows. */
    long rows();

    /** Number of columns. */
    long columns();

    /** Rows {@code [from, to)}, a view. */
    MatrixSource rows(long from, long to);

    /** Columns {@code [from, to)}, a view. */
    MatrixSource columns(long from, long to);

    /**
     * Copies the elements, bits unchanged.
     *
     * @throws IllegalArgumentException if the destination has another shape or dtype
     */
    void copyTo(HostMatrix destination);

    /**
     * Copies the elements, row by row without gaps, in native byte order and with bits unchanged, to the buffer's position
     * and on; the position moves behind them.
     *
     * @throws java.nio.BufferOverflowException if there is less room
     */
    void copyTo(ByteBuffer packed);

    /** Ends this matrix and all its views: frees the memory, or closes the file. A second call does nothing. */
    @Override
    void close();

    /** Size of the elements, in bytes. */
    default long byteSize() {
        return HostMatrix.byteSize(dtype(), rows(), columns());
    }

    /** {@code (rows, columns)}, as messages print it. */
    default String shape() {
        return HostMatrix.shape(rows(), columns());
    }
}
