package org.tp4j.verify;

import java.util.Optional;
import java.util.SplittableRandom;
import org.tp4j.device.Nonlinearity;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.WeightLayout;

/**
 * Random layers as a network has them: normally distributed inputs with a few features of fifty times that size, weights
 * scaled by one over the square root of the input features, and biases. The caller owns what is made.
 */
public final class RandomReals {
    private static final double OUTLIER = 50;
    private static final double OUTLIER_SHARE = 0.01;

    private final SplittableRandom random;

    /** A generator; the same seed gives the same layers. */
    public RandomReals(long seed) {
        this.random = new SplittableRandom(seed);
    }

    /** A linear layer with a bias. */
    public LinearProblem linear(DType dtype, int tokens, int in, int out, WeightLayout layout) {
        return new LinearProblem(
                input(dtype, tokens, in),
                weight(dtype, in, out, layout),
                layout,
                Optional.of(normal(dtype, 1, out, 0.5)));
    }

    /** An MLP with a bias after its second product. */
    public MlpProblem mlp(
            DType dtype, int tokens, int in, int hidden, int out, WeightLayout layout, Nonlinearity f, boolean gated) {
        return new MlpProblem(
                input(dtype, tokens, in),
                weight(dtype, in, hidden, layout),
                gated ? Optional.of(weight(dtype, in, hidden, layout)) : Optional.empty(),
                weight(dtype, hidden, out, layout),
                layout,
                f,
                Optional.of(normal(dtype, 1, out, 0.5)));
    }

    private HostMatrix input(DType dtype, int tokens, int in) {
        HostMatrix x = normal(dtype, tokens, in, 1);
        for (int k = 0; k < in; k++) {
            if (random.nextDouble() < OUTLIER_SHARE) {
                for (int row = 0; row < tokens; row++) {
                    x.set(row, k, OUTLIER * x.get(row, k));
                }
            }
        }
        return x;
    }

    private HostMatrix weight(DType dtype, int in, int out, WeightLayout layout) {
        double scale = 1 / Math.sqrt(Math.max(1, in));
        return layout == WeightLayout.OUT_IN ? normal(dtype, out, in, scale) : normal(dtype, in, out, scale);
    }

    private HostMatrix normal(DType dtype, int rows, int columns, double scale) {
        HostMatrix matrix = HostMatrix.allocate(dtype, rows, columns);
        double[] line = new double[columns];
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                line[column] = scale * random.nextGaussian();
            }
            matrix.write(row, 0, line, 0, columns);
        }
        return matrix;
    }
}
