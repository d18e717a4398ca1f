package org.tp4j.verify;

import org.tp4j.tensor.DType;

/**
 * How far one element of {@code y = x W^T + b} may be from the oracle's, whatever the order within its parts (Higham,
 * <i>Accuracy and Stability of Numerical Algorithms</i>, 2nd ed., sections 3.1 and 2.8).
 *
 * <p>One accumulator operation gives {@code fl(a op b) = (a op b)(1 + d) + e} with {@code |d| <= u} and {@code |e| <=
 * eta}, the smallest subnormal. A product of K features in N parts, whose sums are added over the binary tree, plus a bias, sends each
 * term through at most {@code n = K + ceil(log2 N) + 1} of them. With {@code gamma(n) = n u / (1 - n u)} the sum {@code s} that the device has before its
 * last rounding obeys
 *
 * <pre>{@code
 * |s - ref| <= A = gamma(n) M + n eta,        M = |x| |W|^T + |b|
 * }</pre>
 *
 * and the rounding to the dtype, of unit roundoff v and smallest subnormal t, adds half an ulp:
 *
 * <pre>{@code
 * |y - ref| <= A + v (|ref| + A) + t / 2
 * }</pre>
 *
 * <p>The oracle is itself a computer, with roundoff {@code w = 2^-53}. Its compensated sums are within {@code gamma_w(K +
 * 2)^2 M + 5 (K + 1) 2^-1074} (Ogita, Rump, Oishi, "Accurate sum and dot product", SIAM J. Sci. Comput. 26, 2005, section
 * 5). That is added to A, and A is divided by {@code 1 - gamma_w(K + 16)} because M and A are computed in f64 too: the
 * bound is proved, not approximate.
 *
 * <p>Overflow. A partial sum lies between minus the sum of the negative terms, {@code (M - ref) / 2}, and the sum of the
 * positive ones, {@code (M + ref) / 2}. A result of infinity is accepted where one of these, with A added, rounds to
 * infinity in the accumulator, or {@code ref} with A added does in the dtype; NaN where a positive and a negative overflow
 * can meet. Elsewhere neither is; and a finite result is wrong where {@code |ref| - A} rounds to infinity.
 */
final class ErrorBound {
    static final double W = 0x1p-53;

    private final DType dtype;
    private final double relative;
    private final double absolute;

    /**
     * @param features K
     * @throws IllegalArgumentException if so many features leave no bound
     */
    ErrorBound(Arithmetic arithmetic, long features) {
        this.dtype = arithmetic.dtype();
        double n = (double) features + arithmetic.additionsOfParts() + 1;
        double oracle = gamma(features + 2.0, W);
        double gamma = gamma(n, arithmetic.roundoff()) + oracle * oracle;
        double eta = n * dtype.accumulator().smallestSubnormal() + 5 * (features + 1.0) * Double.MIN_VALUE;
        double evaluation = 1 / (1 - gamma(features + 16.0, W));
        this.relative = gamma * evaluation;
        this.absolute = eta * evaluation;
    }

    /** {@code n u / (1 - n u)}. */
    static double gamma(double n, double u) {
        double nu = n * u;
        if (nu >= 1) {
            throw new IllegalArgumentException("sums of " + (long) n + " terms have no error bound at a roundoff of "
                    + u + ": at most " + (long) (1 / u) + " terms do");
        }
        return nu / (1 - nu);
    }

    /** What A grows by per unit of M. */
    double relative() {
        return relative;
    }

    /** A, the bound before the last rounding. */
    double beforeRounding(double magnitude) {
        return relative * magnitude + absolute;
    }

    /** The bound of an element: infinite if nothing is known of it, 0 if it must be met exactly. */
    double of(double reference, double magnitude) {
        if (!isFinite(magnitude)) {
            return Double.POSITIVE_INFINITY;
        }
        if (!isFinite(reference)) {
            return 0;
        }
        return afterRounding(dtype, reference, beforeRounding(magnitude));
    }

    /** The bound of an element that is read again by the device: infinite as well if it may have become infinite. */
    double ofHidden(double reference, double magnitude) {
        double bound = of(reference, magnitude);
        boolean overflows = isFinite(reference)
                && isFinite(magnitude)
                && (reachesInfinity(reference, magnitude) || reachesInfinity(-reference, magnitude));
        return overflows ? Double.POSITIVE_INFINITY : bound;
    }

    /** Whether a result that is not finite is right where the reference is finite. */
    boolean acceptsNonFinite(double result, double reference, double magnitude) {
        if (Double.isNaN(result)) {
            return accumulatorReachesInfinity(reference, magnitude)
                    && accumulatorReachesInfinity(-reference, magnitude);
        }
        return reachesInfinity(result > 0 ? reference : -reference, magnitude);
    }

    /** Whether the rounding to the dtype must make an infinity of a finite reference. */
    boolean mustOverflow(double reference, double magnitude) {
        return dtype.round(Math.abs(reference) - beforeRounding(magnitude)) == Double.POSITIVE_INFINITY;
    }

    /** What a rounding to {@code dtype} makes of an error. */
    static double afterRounding(DType dtype, double reference, double error) {
        return error + dtype.unitRoundoff() * (Math.abs(reference) + error) + dtype.smallestSubnormal() / 2;
    }

    static boolean isFinite(double value) {
        return Math.abs(value) <= Double.MAX_VALUE;
    }

    private boolean reachesInfinity(double reference, double magnitude) {
        return dtype.round(reference + beforeRounding(magnitude)) == Double.POSITIVE_INFINITY
                || accumulatorReachesInfinity(reference, magnitude);
    }

    private boolean accumulatorReachesInfinity(double reference, double magnitude) {
        double positive = magnitude / 2 + reference / 2 + beforeRounding(magnitude);
        return dtype.accumulator().round(positive) == Double.POSITIVE_INFINITY;
    }
}
