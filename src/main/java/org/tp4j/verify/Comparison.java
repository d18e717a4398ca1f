package org.tp4j.verify;

import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.tp4j.tensor.HostMatrix;

/**
 * Compares a result with the unsplit layer, element by element. A NaN must be where the oracle has one and nowhere else,
 * an infinity likewise and of the same sign; where a number may overflow on the way, {@link ErrorBound} says what is
 * accepted.
 */
public final class Comparison {
    private final ErrorBound bound;
    private final HostMatrix result;

    private Comparison(ErrorBound bound, HostMatrix result) {
        this.bound = bound;
        this.result = result;
    }

    /**
     * Judges {@code result}, (tokens, out), of any dtype that holds the arithmetic's.
     *
     * @throws IllegalArgumentException if the shape is not the problem's, or there are too many features for a bound
     */
    public static ErrorReport of(Problem problem, Arithmetic arithmetic, HostMatrix result) {
        if (result.rows() != problem.tokens() || result.columns() != problem.out()) {
            throw new IllegalArgumentException(
                    "the result is " + result.shape() + ": must be (" + problem.tokens() + ", " + problem.out() + ")");
        }
        Comparison comparison = new Comparison(Oracle.bound(problem, arithmetic), result);
        AtomicReference<ErrorReport> report = new AtomicReference<>(ErrorReport.EMPTY);
        Oracle.stream(
                problem, arithmetic, block -> report.accumulateAndGet(comparison.compare(block), ErrorReport::and));
        return report.get();
    }

    private ErrorReport compare(ReferenceBlock block) {
        ErrorReport report = ErrorReport.EMPTY;
        double[] y = new double[block.columns()];
        for (int i = 0; i < block.rows(); i++) {
            result.read(block.firstRow() + i, block.firstColumn(), y, 0, y.length);
            for (int j = 0; j < y.length; j++) {
                double reference = block.values(i)[j];
                double magnitude = block.magnitudes(i)[j];
                double limit = bound.of(reference, magnitude);
                if (limit == Double.POSITIVE_INFINITY) {
                    report = report.and(UNBOUNDED);
                    continue;
                }
                double error = error(y[j], reference, block.rests(i)[j], magnitude);
                if (error > report.maxAbsError() || error > report.maxErrorOverBound() * limit) {
                    long row = block.firstRow() + i;
                    long column = block.firstColumn() + j;
                    report = report.and(single(error, row, column, y[j], reference, limit));
                }
            }
        }
        return report;
    }

    private double error(double y, double reference, double rest, double magnitude) {
        if (ErrorBound.isFinite(y) && ErrorBound.isFinite(reference)) {
            return bound.mustOverflow(reference, magnitude)
                    ? Double.POSITIVE_INFINITY
                    : Math.abs((y - reference) - rest);
        }
        boolean agrees = Double.isNaN(y) ? Double.isNaN(reference) : y == reference;
        boolean accepted = ErrorBound.isFinite(reference) && bound.acceptsNonFinite(y, reference, magnitude);
        return agrees || accepted ? 0 : Double.POSITIVE_INFINITY;
    }

    private static final ErrorReport UNBOUNDED = new ErrorReport(0, 0, Optional.empty(), 1);

    private static ErrorReport single(
            double error, long row, long column, double value, double reference, double limit) {
        ErrorReport.Element element = new ErrorReport.Element(row, column, value, reference, limit);
        return new ErrorReport(error, error / limit, Optional.of(element), 0);
    }
}
