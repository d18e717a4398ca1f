package org.tp4j.tensor;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * An array in Fortran order, read into C order. In the file the first dimension runs fastest, so that the elements of one
 * column of the flattened matrix lie together. Slabs of some columns are read as they lie; tiles of them, which keep both
 * sides within the cache, are then turned.
 */
final class ColumnMajor {
    private static final int SLAB_BYTES = 4 << 20;

    /** The most rows of a slab, if it has several columns: their pieces are still long enough to be read one by one. */
    private static final int SLAB_ROWS = 1 << 14;

    private static final int TILE_ROWS = 256;
    private static final int TILE_COLUMNS = 64;

    private final InputFile file;
    private final long offset;
    private final ByteOrder order;
    private final int elementBytes;
    private final ElementBytes destination;
    private final List<Long> shape;
    private final long rows;
    private final long columns;
    private final byte[] tile;
    private final ByteBuffer tileBytes;
    private final long[] targets = new long[TILE_ROWS];

    /** The array that {@code header} tells of, and the memory that it is to fill, in native byte order. */
    ColumnMajor(InputFile file, NpyHeader header, HostMemory memory) {
        this.file = file;
        this.offset = header.dataOffset();
        this.order = header.type().order();
        this.elementBytes = header.type().bytes();
        this.shape = header.shape();
        this.rows = Tensor.rows(shape);
        this.columns = Tensor.columns(shape);
        this.destination = new ElementBytes(memory, rows * columns, elementBytes, ByteOrder.nativeOrder());
        this.tile = new byte[TILE_ROWS * TILE_COLUMNS * elementBytes];
        this.tileBytes = ByteBuffer.wrap(tile).order(ByteOrder.nativeOrder());
    }

    /** Whether an array of this shape has the same bytes in both orders: at most one dimension is not 1. */
    static boolean isRowMajorToo(List<Long> shape) {
        return shape.contains(0L)
                || shape.stream().filter(dimension -> dimension != 1).count() <= 1;
    }

    /** Reads all of it. */
    void readRowMajor() throws IOException {
        int height = (int) Math.min(SLAB_ROWS, rows);
        int width = (int) Math.min(columns, SLAB_BYTES / ((long) height * elementBytes));
        try (HostMemory memory = HostMemory.allocate((long) height * width * elementBytes)) {
            for (long column = 0; column < columns; column += width) {
                int slabWidth = (int) Math.min(width, columns - column);
                for (long row = 0; row < rows; row += height) {
                    int slabHeight = (int) Math.min(height, rows - row);
                    ByteBuffer slab = memory.window(0, (long) slabHeight * slabWidth * elementBytes);
                    readSlab(row, column, slabHeight, slabWidth, slab);
                    turn(row, column, slabHeight, slabWidth, slab);
                }
            }
        }
    }

    /** Reads a slab, its columns one after the other. */
    private void readSlab(long row, long column, int height, int width, ByteBuffer slab) throws IOException {
        if (height == rows) {
            file.read(offset + column * rows * elementBytes, slab);
            return;
        }
        int bytes = height * elementBytes;
        for (int j = 0; j < width; j++) {
            file.read(offset + ((column + j) * rows + row) * elementBytes, slab.slice(j * bytes, bytes));
        }
    }

    private void turn(long firstRow, long firstColumn, int height, int width, ByteBuffer slab) {
        for (int row = 0; row < height; row += TILE_ROWS) {
            int tileHeight = Math.min(TILE_ROWS, height - row);
            for (int i = 0; i < tileHeight; i++) {
                targets[i] = rowMajorRow(firstRow + row + i);
            }
            for (int column = 0; column < width; column += TILE_COLUMNS) {
                int tileWidth = Math.min(TILE_COLUMNS, width - column);
                for (int j = 0; j < tileWidth; j++) {
                    int start = ((column + j) * height + row) * elementBytes;
                    gather(slab.slice(start, tileHeight * elementBytes).order(order), j, tileHeight, tileWidth);
                }
                for (int i = 0; i < tileHeight; i++) {
                    long target = targets[i] * columns + firstColumn + column;
                    destination.put(target, tile, i * tileWidth * elementBytes, tileWidth);
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

    /** Puts a piece of a column into column {@code j} of the tile. */
    private void gather(ByteBuffer run, int j, int height, int width) {
        switch (elementBytes) {
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
