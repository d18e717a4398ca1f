package org.tp4j.tensor;

import java.util.List;

/**
 * An array of any number of dimensions whose elements can be copied out, seen as a matrix as {@link Tensor} says. What
 * lies in a file row by row as floating point stays there until it is copied; all else is in memory already.
 *
 * @param shape the dimensions
 * @param matrix the elements; closing the source closes it
 */
public record TensorSource(List<Long> shape, MatrixSource matrix) implements AutoCloseable {
    /** @throws IllegalArgumentException if the shape does not flatten to the matrix's */
    public TensorSource {
        shape = List.copyOf(shape);
        Tensor.checkShape(shape, matrix);
    }

    /**
     * The same array in memory, which the caller closes; this source is closed.
     *
     * @throws java.io.UncheckedIOException if the file has become shorter or cannot be read
     */
    public Tensor toMemory() {
        if (matrix instanceof HostMatrix host) {
            return new Tensor(shape, host);
        }
        try (FileMatrix file = (FileMatrix) matrix) {
            return new Tensor(shape, file.read());
        }
    }

    /** The dimensions as messages print them, e.g. {@code (2, 3, 4)}, {@code (5,)} or {@code ()}. */
    public String shapeText() {
        return Tensor.shape(shape);
    }

    /** Closes the matrix. */
    @Override
    public void close() {
        matrix.close();
    }
}
