package org.tp4j.device.cuda;

import java.util.function.Consumer;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.MatrixSource;

/**
 * A part of a matrix that is moved at once: whole rows, or a part of one row.
 *
 * @param row of its upper left corner
 * @param column of its upper left corner
 * @param rows how many rows
 * @param columns how many columns
 */
record Tile(long row, long column, long rows, long columns) {
    /** Cuts a matrix into tiles of at most {@link PinnedMemory#LARGEST} bytes. */
    static void forEach(DType dtype, long rows, long columns, Consumer<Tile> action) {
        if (rows == 0 || columns == 0) {
            return;
        }
        long most = PinnedMemory.LARGEST / dtype.bytes();
        if (columns > most) {
            for (long row = 0; row < rows; row++) {
                for (long column = 0; column < columns; column += most) {
                    action.accept(new Tile(row, column, 1, Math.min(most, columns - column)));
                }
            }
            return;
        }
        long rowsAtOnce = most / columns;
        for (long row = 0; row < rows; row += rowsAtOnce) {
            action.accept(new Tile(row, 0, Math.min(rowsAtOnce, rows - row), columns));
        }
    }

    /** This part of a region. */
    Region of(Region whole) {
        return whole.part(row, column, rows, columns);
    }

    /** This part of a matrix of the host. */
    MatrixSource of(MatrixSource whole) {
        return whole.rows(row, row + rows).columns(column, column + columns);
    }

    long bytes(DType dtype) {
        return rows * columns * dtype.bytes();
    }
}
