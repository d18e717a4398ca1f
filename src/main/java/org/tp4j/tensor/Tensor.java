package org.tp4j.tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * An array of any number of dimensions, seen as a matrix: the last dimension is the columns, all dimensions before it,
 * flattened in row-major order, are the rows. One dimension (n) makes one row, (1, n); none makes (1, 1).
 *
 * @param shape the dimensions
 * @param matrix the elements; closing the tensor closes it
 */
public record Tensor(List<Long> shape, HostMatrix matrix) implements AutoCloseable {
    /** @throws IllegalArgumentException if the shape does not flatten to the matrix's */
    public Tensor {
        shape = List.copyOf(shape);
        checkShape(shape, matrix);
    }

    /** The two-dimensional tensor that {@code matrix} is. */
    public static Tensor of(HostMatrix matrix) {
        return new Tensor(List.of(matrix.rows(), matrix.columns()), matrix);
    }

    /**
     * {@code features}, one row for each row of the matrix that an input of the shape {@code input} is, with the input's
     * leading dimensions: a layer's output.
     *
     * @throws IllegalArgumentException if it has another number of rows
     */
    public static Tensor outputOf(List<Long> input, HostMatrix features) {
        List<Long> restored = new ArrayList<>(input.subList(0, Math.max(0, input.size() - 1)));
        restored.add(features.columns());
        return new Tensor(restored, features);
    }

    /** The dimensions as messages print them, e.g. {@code (2, 3, 4)}, {@code (5,)} or {@code ()}. */
    public String shapeText() {
        return shape(shape);
    }

    /** Closes the matrix. */
    @Override
    public void close() {
        matrix.close();
    }

    static void checkShape(List<Long> shape, MatrixSource matrix) {
        Objects.requireNonNull(matrix, "matrix");
        if (rows(shape) != matrix.rows() || columns(shape) != matrix.columns()) {
            throw new IllegalArgumentException("the shape " + shape(shape) + " flattens to "
                    + HostMatrix.shape(rows(shape), columns(shape)) + ", but the matrix is " + matrix.shape());
        }
    }

    static String shape(List<Long> shape) {
        if (shape.size() == 1) {
            return "(" + shape.get(0) + ",)";
        }
        return shape.toString().replace('[', '(').replace(']', ')');
    }

    static long rows(List<Long> shape) {
        return product(shape.subList(0, Math.max(0, shape.size() - 1)));
    }

    static long columns(List<Long> shape) {
        return shape.isEmpty() ? 1 : shape.get(shape.size() - 1);
    }

    /** The number of elements; 1 without dimensions. */
    static long elements(List<Long> shape) {
        return product(shape);
    }

    /**
     * Whether elements of this size and shape can be counted in bytes. Dimensions of 0 are passed over, as NumPy does:
     * the product of the others must be small enough too.
     */
    static boolean fits(List<Long> shape, int elementBytes) {
        try {
            long bytes = elementBytes;
            for (long dimension : shape) {
                bytes = dimension == 0 ? bytes : Math.multiplyExact(bytes, dimension);
            }
            return true;
        } catch (ArithmeticException e) {
            return false;
        }
    }

    private static long product(List<Long> dimensions) {
        long product = 1;
        for (long dimension : dimensions) {
            product = Math.multiplyExact(product, dimension);
        }
        return product;
    }
}
