package org.tp4j.device;

import java.util.Locale;
import org.apache.commons.numbers.gamma.Erfc;

/**
 * An elementwise function between two linear layers. A device computes it to within a relative error of {@link
 * #epsilons()} times the machine epsilon of its accumulator's dtype, and rounds once to the dtype.
 *
 * <p>The f64 functions of CUDA decide how many: by the CUDA C++ Programming Guide erfc is within 5 ulps and exp within 1
 * of the correctly rounded value, so within 5.5 and 1.5 of the exact one, and an ulp is at most an epsilon. GELU multiplies
 * erfc by x/2: 6 in all. The others add 1 to exp and divide x by that: 2.5. Where erfc is no longer a normal number, for x
 * below -37.5, its ulps do not shrink with it, and GELU is off by up to {@code |x| epsilons()} of the smallest numbers.
 */
public enum Nonlinearity {
    /** {@code x}. */
    NONE(1.0, 0),
    /** {@code max(x, 0)}; NaN stays NaN. */
    RELU(1.0, 0),
    /** {@code x/2 (1 + erf(x / sqrt 2))}. */
    GELU(1.13, 6),
    /** {@code x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))}. */
    GELU_TANH(1.13, 4),
    /** {@code x / (1 + exp(-x))}. */
    SILU(1.10, 4);

    private static final double SQRT_HALF = Math.sqrt(0.5);
    private static final double SQRT_TWO_OVER_PI = Math.sqrt(2 / Math.PI);

    private final double lipschitz;
    private final int epsilons;

    Nonlinearity(double lipschitz, int epsilons) {
        this.lipschitz = lipschitz;
        this.epsilons = epsilons;
    }

    /** The name used on the command line: {@code none}, {@code relu}, {@code gelu}, {@code gelu-tanh}, {@code silu}. */
    public String label() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** L such that {@code |f(a) - f(b)| <= L |a - b|} for all a, b. */
    public double lipschitz() {
        return lipschitz;
    }

    /**
     * How far a device's value may be from {@link #apply}, before the rounding to the dtype: so many epsilons, of {@code
     * 2 u |f(x)|} each where u is the accumulator's unit roundoff, and of at least {@code max(1, |x|)} of its smallest
     * subnormals. 0 if the value is exact.
     */
    public int epsilons() {
        return epsilons;
    }

    /** The function, in f64. */
    public double apply(double x) {
        return switch (this) {
            case NONE -> x;
            case RELU -> Math.max(x, 0.0);
            case GELU -> x == Double.NEGATIVE_INFINITY ? -0.0 : 0.5 * x * Erfc.value(-x * SQRT_HALF);
            case GELU_TANH ->
                x == Double.NEGATIVE_INFINITY
                        ? -0.0
                        : x / (1 + Math.exp(-2 * SQRT_TWO_OVER_PI * (x + 0.044715 * x * x * x)));
            case SILU -> x == Double.NEGATIVE_INFINITY ? -0.0 : x / (1 + Math.exp(-x));
        };
    }
}
