package org.tp4j.verify;

import java.util.Optional;
import java.util.concurrent.atomic.DoubleAccumulator;
import java.util.concurrent.atomic.LongAdder;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/**
 * What a layer of integers must obey for its sums to be exact in any order, and for their equality to prove something.
 *
 * @param largestSum largest {@code sum |x w| + |b|} of the layer
 * @param allowedSum how large it may be
 * @param largestResult largest {@code |y|}
 * @param allowedResult how large it may be
 * @param smallest smallest y
 * @param largest largest y
 * @param positive how many results are positive
 * @param elements how many results there are
 */
record Premise(
        double largestSum,
        double allowedSum,
        double largestResult,
        double allowedResult,
        double smallest,
        double largest,
        long positive,
        long elements) {
    /** Below this many results, chance alone may make them all equal. */
    private static final int FEW = 32;

    /** What the layer is, and {@code sum |x w| + |b| <= 2^p}. */
    static Premise of(LinearProblem problem, DType dtype) {
        return measure(problem, dtype, dtype);
    }

    /** What the layer is, and a sum that needs the accumulator's bits for a result that does not. */
    static Premise ofCancelling(LinearProblem problem, DType dtype) {
        return measure(problem, dtype, dtype.accumulator());
    }

    /**
     * Checks both products of an MLP, and its hidden activations between them.
     *
     * @throws IllegalStateException if it is not what it must be
     */
    static void check(MlpProblem mlp, DType dtype) {
        LinearProblem up = new LinearProblem(mlp.x(), mlp.w1(), mlp.layout(), Optional.empty());
        LinearProblem gate = new LinearProblem(mlp.x(), mlp.gate().orElse(mlp.w1()), mlp.layout(), Optional.empty());
        Premise cut = of(gate, dtype);
        cut.check();
        cut.checkBothSigns();
        of(up, dtype).check();
        try (HostMatrix hidden = Oracle.result(up, DType.F64);
                HostMatrix g = Oracle.result(gate, DType.F64)) {
            for (long row = 0; row < hidden.rows(); row++) {
                for (long column = 0; column < hidden.columns(); column++) {
                    double a = mlp.nonlinearity().apply(g.get(row, column));
                    hidden.set(row, column, mlp.gate().isPresent() ? a * hidden.get(row, column) : a);
                }
            }
            of(new LinearProblem(hidden, mlp.w2(), mlp.layout(), mlp.bias()), dtype)
                    .check();
        }
    }

    /** @throws IllegalStateException if the sums may be inexact, or are trivial */
    void check() {
        if (largestSum > allowedSum || largestResult > allowedResult) {
            throw new IllegalStateException("sums of up to " + largestSum + " for results of up to " + largestResult
                    + " are not all exact: at most " + allowedSum + " and " + allowedResult + " are");
        }
        if (elements >= FEW && smallest == largest) {
            throw new IllegalStateException("all " + elements + " results are " + smallest + ": they prove nothing");
        }
    }

    private void checkBothSigns() {
        if (elements >= FEW && (positive == 0 || smallest >= 0)) {
            throw new IllegalStateException(positive + " of " + elements
                    + " hidden activations are positive: a nonlinearity that cuts all or none proves nothing");
        }
    }

    private static Premise measure(LinearProblem problem, DType dtype, DType sumDtype) {
        DoubleAccumulator sum = new DoubleAccumulator(Math::max, 0);
        DoubleAccumulator smallest = new DoubleAccumulator(Math::min, Double.POSITIVE_INFINITY);
        DoubleAccumulator largest = new DoubleAccumulator(Math::max, Double.NEGATIVE_INFINITY);
        LongAdder positive = new LongAdder();
        Oracle.stream(problem, Arithmetic.of(DType.F64, 1), block -> {
            for (int i = 0; i < block.rows(); i++) {
                for (int j = 0; j < block.columns(); j++) {
                    double y = block.values(i)[j];
                    sum.accumulate(block.magnitudes(i)[j]);
                    smallest.accumulate(y);
                    largest.accumulate(y);
                    positive.add(y > 0 ? 1 : 0);
                }
            }
        });
        long elements = problem.tokens() * problem.out();
        double largestResult = elements == 0 ? 0 : Math.max(Math.abs(smallest.get()), Math.abs(largest.get()));
        return new Premise(
                sum.get(),
                Math.scalb(1.0, sumDtype.precision()),
                largestResult,
                Math.scalb(1.0, dtype.precision()),
                smallest.get(),
                largest.get(),
                positive.sum(),
                elements);
    }
}
