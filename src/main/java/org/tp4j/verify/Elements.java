package org.tp4j.verify;

import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/** Reading operands as a device of a dtype does. */
final class Elements {
    private Elements() {}

    /** Copies a run of one row, each element rounded to {@code dtype} if it has another one. */
    static void read(
            HostMatrix matrix, DType dtype, long row, long column, double[] destination, int offset, int length) {
        matrix.read(row, column, destination, offset, length);
        if (matrix.dtype() != dtype && dtype != DType.F64) {
            for (int i = offset; i < offset + length; i++) {
                destination[i] = dtype.round(destination[i]);
            }
        }
    }
}
