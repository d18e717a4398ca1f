package org.tp4j.verify;

/**
 * The sums of one row of results, in twice the precision of f64: every product and every sum is split into its rounded
 * value and its exact error, and the errors are summed beside (algorithm Dot2 of Ogita, Rump and Oishi, "Accurate sum and
 * dot product", 2005). The inner loop runs along the output features, so that the compiler can use vector instructions.
 */
final class Sums {
    final double[] values;
    final double[] rests;
    final double[] magnitudes;

    /** Zeros for {@code outputs} output features. */
    Sums(int outputs) {
        this.values = new double[outputs];
        this.rests = new double[outputs];
        this.magnitudes = new double[outputs];
    }

    /** Adds {@code x w} to the sums and {@code weights |w|} to the magnitudes, for the first {@code inputs} features. */
    void addProducts(double[] x, double[] weights, double[][] w, int inputs) {
        for (int k = 0; k < inputs; k++) {
            addProducts(x[k], weights[k], w[k], values, rests, magnitudes);
        }
    }

    private static void addProducts(
            double x, double weight, double[] w, double[] values, double[] rests, double[] magnitudes) {
        for (int j = 0; j < values.length; j++) {
            double product = x * w[j];
            double productError = Math.fma(x, w[j], -product);
            double value = values[j];
            double sum = value + product;
            double added = sum - value;
            double sumError = (value - (sum - added)) + (product - added);
            values[j] = sum;
            rests[j] += sumError + productError;
            magnitudes[j] += weight * Math.abs(w[j]);
        }
    }

    /** Adds a number to one sum and its absolute value to the magnitude. */
    void add(int output, double number) {
        double sum = values[output] + number;
        rests[output] += error(values[output], number, sum);
        values[output] = sum;
        magnitudes[output] += Math.abs(number);
    }

    /** Makes every value the nearest f64 to its sum. */
    void normalize() {
        for (int j = 0; j < values.length; j++) {
            double sum = values[j] + rests[j];
            if (ErrorBound.isFinite(sum)) {
                rests[j] = error(values[j], rests[j], sum);
                values[j] = sum;
            } else {
                rests[j] = 0;
            }
        }
    }

    /** The exact error of {@code sum = a + b} (Knuth's TwoSum). */
    private static double error(double a, double b, double sum) {
        double added = sum - a;
        return (a - (sum - added)) + (b - added);
    }
}
