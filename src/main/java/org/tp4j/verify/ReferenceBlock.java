package org.tp4j.verify;

/**
 * A rectangle of the oracle's result. Each element is {@code value + rest}, and has the magnitude {@code |x| |W|^T + |b|}
 * that its error bound grows with: infinite where nothing is known of the element, finite beside a value that is not
 * where that value must be met exactly.
 */
final class ReferenceBlock {
    private final long firstRow;
    private final long firstColumn;
    private final double[][] values;
    private final double[][] rests;
    private final double[][] magnitudes;

    ReferenceBlock(long firstRow, long firstColumn, double[][] values, double[][] rests, double[][] magnitudes) {
        this.firstRow = firstRow;
        this.firstColumn = firstColumn;
        this.values = values;
        this.rests = rests;
        this.magnitudes = magnitudes;
    }

    /** Where the block starts in the result. */
    long firstRow() {
        return firstRow;
    }

    /** Where the block starts in the result. */
    long firstColumn() {
        return firstColumn;
    }

    int rows() {
        return values.length;
    }

    int columns() {
        return values.length == 0 ? 0 : values[0].length;
    }

    /** The nearest f64 numbers to a row's elements. */
    double[] values(int row) {
        return values[row];
    }

    /** What the values leave of a row's elements. */
    double[] rests(int row) {
        return rests[row];
    }

    /**
     * A row's elements as f64 numbers that round to every narrower dtype as the elements themselves do: where there is a
     * rest, the last bit is odd, so that none of them lies on a tie (Boldo and Melquiond, 2008).
     */
    double[] roundedToOdd(int row) {
        double[] odd = values[row].clone();
        for (int j = 0; j < odd.length; j++) {
            boolean even = (Double.doubleToRawLongBits(odd[j]) & 1) == 0;
            if (rests[row][j] != 0 && even) {
                odd[j] = rests[row][j] > 0 ? Math.nextUp(odd[j]) : Math.nextDown(odd[j]);
            }
        }
        return odd;
    }

    double[] magnitudes(int row) {
        return magnitudes[row];
    }
}
