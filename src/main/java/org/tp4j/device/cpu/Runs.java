package org.tp4j.device.cpu;

import java.nio.Buffer;
import org.tp4j.tensor.HostMatrix;

/** How far elements that follow each other in a matrix, row by row, follow each other in its memory too. */
final class Runs {
    private Runs() {}

    /** Whether no memory lies between the rows. */
    static boolean isPacked(HostMatrix matrix) {
        return matrix.rowStride() == matrix.columns() || matrix.rows() <= 1;
    }

    /** Whether two matrices of one shape and dtype, which do not overlap in part, lie in the same memory. */
    static boolean isSame(HostMatrix left, HostMatrix right) {
        return left.rows() > 0 && left.columns() > 0 && left.address(0, 0) == right.address(0, 0);
    }

    /** How many elements from {@code (row, column)} on lie in one buffer without a gap; at most {@code wanted}. */
    static int length(HostMatrix matrix, long row, long column, int wanted) {
        int left = buffer(matrix, row).capacity() - matrix.indexInSegment(row, column);
        long reach = isPacked(matrix) ? left : matrix.columns() - column;
        return (int) Math.min(wanted, reach);
    }

    private static Buffer buffer(HostMatrix matrix, long row) {
        return switch (matrix.dtype()) {
            case F64 -> matrix.doubles(row);
            case F32 -> matrix.floats(row);
            case F16, BF16 -> matrix.halves(row);
        };
    }
}
