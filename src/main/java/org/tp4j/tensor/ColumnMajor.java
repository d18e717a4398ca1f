package org.tp4j.tensor;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * Fortran order turned into C order. In the file the first dimension runs fastest, so that the elements of one column
 * of the flattened matrix lie together; tiles keep both sides within the cache.
 */
final class ColumnMajor {
    private static final int TILE_ROWS = 256;
    private static final int TILE_COLUMNS = 64;

    private final ElementBytes source;
    private final ElementBytes destination;
    private final List<Long> shape;
    private final long rows;
    private final long columns;
    private final byte[] tile;
    private final ByteBuffer tileBytes;

    private ColumnMajor(ElementBytes source, ElementBytes destination, List<Long> shape) {
        this.source = source;
        this.destination = destination;
        this.shape = shape;
        this.rows = Tensor.rows(shape);
        this.columns = Tensor.columns(shape);
        this.tile = new byte[TILE_ROWS * TILE_COLUMNS * source.elementBytes()];
        this.tileBytes = ByteBuffer.wrap(tile).order(source.order());
    }

    /** Whether an array of this shape has the same bytes in both orders: at most one dimension is not 1. */
    static boolean isRowMajorToo(List<Long> shape) {
        return shape.contains(0L)
                || shape.stream().filter(dimension -> dimension != 1).count() <= 1;
    }

    /** Stores the elements of {@code source}, in Fortran order, in {@code destination} in C order, bits unchanged. */
    static void toRowMajor(ElementBytes source, List<Long> shape, ElementBytes destination) {
        new ColumnMajor(source, destination, shape).transpose();
    }

    private void transpose() {
        long[] targets = new long[TILE_ROWS];
        for (long row = 0; row < rows; row += TILE_ROWS) {
            int height = (int) Math.min(TILE_ROWS, rows - row);
            for (int i = 0; i < height; i++) {
                targets[i] = rowMajorRow(row + i);
            }
            for (long column = 0; column < columns; column += TILE_COLUMNS) {
                int width = (int) Math.min(TILE_COLUMNS, columns - column);
                gather(row, column, height, width);
                for (int i = 0; i < height; i++) {
                    destination.put(targets[i] * columns + column, tile, i * width * source.elementBytes(), width);
                }
            }
        }
    }

    /** The row, in C order, of the leading dimensions' n-th index in Fortran order. */
    private long rowMajorRow(long n) {
        long rest = n;
        long row = 0;
        for (int i = 0; i < shape.size() - 1; i++) {
            row = row * shape.get(i) + rest % shape.get(i);
            rest /= shape.get(i);
        }
        return row;
    }

    private void gather(long row, long column, int height, int width) {
        for (int j = 0; j < width; j++) {
            ByteBuffer run = source.window((column + j) * rows + row, height);
            switch (source.elementBytes()) {
                case Byte.BYTES -> {
                    for (int i = 0; i < height; i++) {
                        tile[i * width + j] = run.get(i);
                    }
                }
                case Short.BYTES -> {
                    for (int i = 0; i < height; i++) {
                        tileBytes.putShort((i * width + j) * Short.BYTES, run.getShort(i * Short.BYTES));
                    }
                }
                case Integer.BYTES -> {
                    for (int i = 0; i < height; i++) {
                        tileBytes.putInt((i * width + j) * Integer.BYTES, run.getInt(i * Integer.BYTES));
                    }
                }
                default -> {
                    for (int i = 0; i < height; i++) {
                        tileBytes.putLong((i * width + j) * Long.BYTES, run.getLong(i * Long.BYTES));
                    }
                }
            }
        }
    }
}
