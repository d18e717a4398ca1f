package org.tp4j.verify;

import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/** The left operand of a product, and how much each of its elements adds to the magnitude of a result. */
interface LeftRows {
    /**
     * Copies the run of {@code values.length} elements that starts at {@code column} of {@code row}, and their weights: the
     * absolute value where the device has the same number, more where it has not, infinite where nothing is known of what
     * it has, 0 where the number is not finite and the device has the same.
     */
    void read(long row, long column, double[] values, double[] weights, int length);

    /** The rows of a matrix, rounded to {@code dtype} as the device does. */
    static LeftRows of(HostMatrix x, DType dtype) {
        return (row, column, values, weights, length) -> {
            Elements.read(x, dtype, row, column, values, 0, length);
            for (int i = 0; i < length; i++) {
                double magnitude = Math.abs(values[i]);
                weights[i] = ErrorBound.isFinite(magnitude) ? magnitude : 0;
            }
        };
    }
}
