package org.tp4j.verify;

import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.WeightLayout;

/**
 * One product {@code left W^T + b} of the oracle, in blocks small enough for a core's cache, on all processors. A block
 * reads its part of W once for all its rows, so W is streamed once per {@value #ROWS} rows of the result.
 */
record Product(LeftRows left, long in, HostMatrix w, WeightLayout layout, Optional<HostMatrix> bias, DType dtype) {
    static final int ROWS = 128;
    private static final int OUTPUTS = 128;
    private static final int INPUTS = 128;

    /** Computes rows {@code [from, to)} and hands each block to {@code sink}, from several threads at a time. */
    void stream(long from, long to, Consumer<ReferenceBlock> sink) {
        long out = layout.out(w);
        long rowBlocks = (to - from + ROWS - 1) / ROWS;
        long columnBlocks = (out + OUTPUTS - 1) / OUTPUTS;
        LongStream.range(0, rowBlocks * columnBlocks).parallel().forEach(block -> {
            long row = from + block % rowBlocks * ROWS;
            long column = block / rowBlocks * OUTPUTS;
            sink.accept(block(row, (int) Math.min(ROWS, to - row), column, (int) Math.min(OUTPUTS, out - column)));
        });
    }

    private ReferenceBlock block(long firstRow, int rows, long firstColumn, int columns) {
        Sums[] sums = new Sums[rows];
        for (int i = 0; i < rows; i++) {
            sums[i] = new Sums(columns);
        }
        boolean[] unknown = new boolean[rows];
        WeightTile tile = addProducts(firstRow, firstColumn, columns, sums, unknown);
        double[] addend = biasOf(firstColumn, columns);
        double[][] values = new double[rows][];
        double[][] rests = new double[rows][];
        double[][] magnitudes = new double[rows][];
        for (int i = 0; i < rows; i++) {
            finish(sums[i], addend, tile, unknown[i]);
            values[i] = sums[i].values;
            rests[i] = sums[i].rests;
            magnitudes[i] = sums[i].magnitudes;
        }
        return new ReferenceBlock(firstRow, firstColumn, values, rests, magnitudes);
    }

    private WeightTile addProducts(long firstRow, long firstColumn, int columns, Sums[] sums, boolean[] unknown) {
        int depth = (int) Math.min(INPUTS, in);
        WeightTile tile = new WeightTile(w, layout, dtype, firstColumn, depth, columns);
        double[] x = new double[depth];
        double[] weights = new double[depth];
        for (long k = 0; k < in; k += depth) {
            int length = (int) Math.min(depth, in - k);
            tile.load(k, length);
            for (int i = 0; i < sums.length; i++) {
                left.read(firstRow + i, k, x, weights, length);
                unknown[i] |= hasInfinity(weights, length);
                sums[i].addProducts(x, weights, tile.byInput(), length);
            }
        }
        return tile;
    }

    /**
     * A number that is not finite spreads through a sum in the same way whatever the order, so such a sum is met exactly;
     * its magnitude says so.
     */
    private static void finish(Sums sums, double[] bias, WeightTile tile, boolean unknown) {
        for (int j = 0; j < bias.length; j++) {
            sums.add(j, bias[j]);
            if (unknown) {
                sums.magnitudes[j] = Double.POSITIVE_INFINITY;
            } else if (tile.isNonFinite(j) || !ErrorBound.isFinite(bias[j])) {
                sums.magnitudes[j] = 0;
            }
        }
        sums.normalize();
    }

    private double[] biasOf(long firstColumn, int columns) {
        double[] addend = new double[columns];
        bias.ifPresent(b -> Elements.read(b, dtype, 0, firstColumn, addend, 0, columns));
        return addend;
    }

    private static boolean hasInfinity(double[] weights, int length) {
        double largest = 0;
        for (int k = 0; k < length; k++) {
            largest = Math.max(largest, weights[k]);
        }
        return largest == Double.POSITIVE_INFINITY;
    }
}
