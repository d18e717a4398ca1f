package org.tp4j.verify;

import org.tp4j.device.Nonlinearity;
import org.tp4j.tensor.DType;

/**
 * How far a hidden activation on the device may be from the oracle's, and what that does to the second product of an MLP.
 *
 * <p>The first product gives the device {@code h'} with {@code |h' - h| <= d}, d from {@link ErrorBound} with the
 * rounding to the dtype. With a nonlinearity f of Lipschitz constant L, evaluated to within q epsilons of the accumulator
 * (unit roundoff u, smallest subnormal eta),
 *
 * <pre>{@code
 * |f'(h') - f(h)| <= L d + q (2 u (|f(h)| + L d) + eta) + 8 w L (2 |h| + d) + 2 q w |f(h)| =: e
 * }</pre>
 *
 * where {@code w = 2^-53}: the last two terms are the roundings of the argument and of the value in f64, by the oracle and
 * by a device that evaluates in f64. ReLU and the identity are exact (q = 0): only {@code L d} remains. A gate multiplies
 * two such numbers, in the accumulator:
 *
 * <pre>{@code
 * |f'(g') h' - f(g) h| <= p + u (|f(g) h| + p) + eta + w |f(g) h|,     p = |f(g)| d + |h| e + e d
 * }</pre>
 *
 * and what was not exact is rounded to the dtype as in {@link ErrorBound}. Let D be the result, {@code |a' - a| <= D}.
 * The second product of {@code a'} is within A of that of {@code a}, where
 *
 * <pre>{@code
 * A = D |W2| + gamma(n) ((|a| + D) |W2| + |b|) + n eta = gamma(n) (m |W2| + |b|) + n eta,     m = |a| + D + D / gamma(n)
 * }</pre>
 *
 * so the MLP is judged as one linear layer whose input has the weights m instead of {@code |a|}.
 */
final class HiddenLayer implements LeftRows {
    private final long firstRow;
    private final double[][] values;
    private final double[][] weights;
    private final Nonlinearity f;
    private final DType dtype;
    private final ErrorBound up;
    private final ErrorBound down;

    /** Room for {@code rows} rows of a hidden layer between two products with the given bounds. */
    HiddenLayer(MlpProblem problem, DType dtype, ErrorBound up, ErrorBound down, long firstRow, int rows) {
        int hidden = Math.toIntExact(problem.hidden());
        this.firstRow = firstRow;
        this.values = new double[rows][hidden];
        this.weights = new double[rows][hidden];
        this.f = problem.nonlinearity();
        this.dtype = dtype;
        this.up = up;
        this.down = down;
    }

    @Override
    public void read(long row, long column, double[] destination, double[] destinationWeights, int length) {
        int i = (int) (row - firstRow);
        System.arraycopy(values[i], (int) column, destination, 0, length);
        System.arraycopy(weights[i], (int) column, destinationWeights, 0, length);
    }

    /** Takes a block of the only first product and applies f. */
    void activate(ReferenceBlock block) {
        forEach(block, (row, column, h, d) -> {
            double a = f.apply(h);
            double error = evaluationError(h, d, a);
            store(row, column, a, isExact() || d == 0 ? error : ErrorBound.afterRounding(dtype, a, error));
        });
    }

    /** Takes a block of {@code x W1} and keeps it for {@link #gate}. */
    void keep(ReferenceBlock block) {
        forEach(block, (row, column, h, d) -> {
            values[row][column] = h;
            weights[row][column] = d;
        });
    }

    /** Takes a block of {@code x WG} and multiplies what was kept by f of it. */
    void gate(ReferenceBlock block) {
        forEach(block, (row, column, g, gError) -> {
            double fg = f.apply(g);
            double e = evaluationError(g, gError, fg);
            double h = values[row][column];
            double d = weights[row][column];
            double a = fg * h;
            if (ErrorBound.isFinite(fg) && ErrorBound.isFinite(h)) {
                store(row, column, a, ErrorBound.afterRounding(dtype, a, productError(a, fg, e, h, d)));
            } else {
                boolean signsAreSure = (e == 0 || Math.abs(fg) > e) && (d == 0 || Math.abs(h) > d);
                store(row, column, a, signsAreSure ? 0 : Double.POSITIVE_INFINITY);
            }
        });
    }

    private boolean isExact() {
        return f.epsilons() == 0;
    }

    /** e, for an argument within {@code d} of {@code h} and the oracle's value {@code a}; 0 if h must be met exactly. */
    private double evaluationError(double h, double d, double a) {
        if (!ErrorBound.isFinite(h)) {
            return d;
        }
        double moved = f.lipschitz() * d;
        if (isExact()) {
            return moved;
        }
        DType accumulator = dtype.accumulator();
        double epsilon = 2 * accumulator.unitRoundoff() * (Math.abs(a) + moved) + accumulator.smallestSubnormal();
        double argument = 8 * ErrorBound.W * f.lipschitz() * (2 * Math.abs(h) + d);
        return moved + f.epsilons() * (epsilon + 2 * ErrorBound.W * Math.abs(a)) + argument;
    }

    private double productError(double a, double fg, double e, double h, double d) {
        DType accumulator = dtype.accumulator();
        double moved = Math.abs(fg) * d + Math.abs(h) * e + e * d;
        return moved
                + accumulator.unitRoundoff() * (Math.abs(a) + moved)
                + accumulator.smallestSubnormal()
                + ErrorBound.W * Math.abs(a);
    }

    /** Keeps a hidden activation, and m of its error: 0 if it is not finite and must be met exactly. */
    private void store(int row, int column, double a, double error) {
        double largest = Math.abs(a) + error;
        values[row][column] = a;
        if (!ErrorBound.isFinite(a)) {
            weights[row][column] = error == 0 ? 0 : Double.POSITIVE_INFINITY;
        } else if (!ErrorBound.isFinite(dtype.round(largest))) {
            weights[row][column] = Double.POSITIVE_INFINITY;
        } else {
            weights[row][column] = largest + error / down.relative();
        }
    }

    private void forEach(ReferenceBlock block, Sink sink) {
        int firstColumn = (int) block.firstColumn();
        for (int i = 0; i < block.rows(); i++) {
            int row = (int) (block.firstRow() - firstRow) + i;
            double[] h = block.values(i);
            double[] magnitudes = block.magnitudes(i);
            for (int j = 0; j < h.length; j++) {
                sink.accept(row, firstColumn + j, h[j], up.ofHidden(h[j], magnitudes[j]));
            }
        }
    }

    private interface Sink {
        void accept(int row, int column, double value, double error);
    }
}
