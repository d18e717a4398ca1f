package org.tp4j.device.cpu;

import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/**
 * Rows of a matrix as native code sees them.
 *
 * @param address of the first element
 * @param stride elements from row to row, at least {@code columns}
 */
record Operand(DType dtype, long address, int rows, int columns, int stride) {
    /**
     * Rows {@code [from, to)}, not none and without a break in memory; at least one column.
     *
     * @throws IllegalArgumentException if a size is beyond BLAS's 32-bit integers
     */
    static Operand of(HostMatrix matrix, long from, long to) {
        long stride = Math.max(matrix.rowStride(), 1);
        if (to - from > Integer.MAX_VALUE || stride > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("a product on the CPU takes at most " + Integer.MAX_VALUE
                    + " rows and elements from row to row, but " + matrix + " has rows " + stride + " elements apart");
        }
        return new Operand(
                matrix.dtype(), matrix.address(from, 0), (int) (to - from), (int) matrix.columns(), (int) stride);
    }

    /** All rows. */
    static Operand of(HostMatrix matrix) {
        return of(matrix, 0, matrix.rows());
    }

    /** Columns {@code [from, to)}. */
    Operand columns(int from, int to) {
        return new Operand(dtype, address + (long) from * dtype.bytes(), rows, to - from, stride);
    }
}
