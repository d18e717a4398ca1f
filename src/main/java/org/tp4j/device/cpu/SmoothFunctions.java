package org.tp4j.device.cpu;

import org.tp4j.device.Nonlinearity;

/**
 * GELU and SiLU over arrays, without branches or calls, so that the compiler vectorizes their loops. Relative errors stay
 * below 1e-7 where the f32 result is normal, and thus within the four epsilons that {@link Nonlinearity} allows an
 * f32 result.
 */
final class SmoothFunctions {
    /** Beyond it in either direction exp is taken as at it: 0, or large enough for every quotient to vanish in f32. */
    private static final double EXP_RANGE = 700;

    private static final int EXP_SQUARINGS = 12;
    private static final double SQRT_TWO_OVER_PI = Math.sqrt(2 / Math.PI);

    /** Below it every function here is -0 in f32. */
    private static final double LOWEST = -200;

    private static final double TAIL_SCALE = 3.5;

    private SmoothFunctions() {}

    /** {@code values = f(values)} for GELU, GELU_TANH and SILU. */
    static void apply(Nonlinearity f, double[] values, int length) {
        switch (f) {
            case GELU -> gelu(values, length);
            case GELU_TANH -> geluTanh(values, length);
            case SILU -> silu(values, length);
            case NONE, RELU -> throw new IllegalArgumentException(f.label() + " is not a smooth function");
        }
    }

    private static void silu(double[] values, int length) {
        for (int i = 0; i < length; i++) {
            double x = Math.max(values[i], LOWEST);
            values[i] = x / (1 + exp(-x));
        }
    }

    private static void geluTanh(double[] values, int length) {
        for (int i = 0; i < length; i++) {
            double x = Math.max(values[i], LOWEST);
            values[i] = x / (1 + exp(-2 * SQRT_TWO_OVER_PI * (x + 0.044715 * x * x * x)));
        }
    }

    /** {@code max(x, 0) - |x| Q(|x|)}, where Q is the upper tail of the normal distribution; in loops of vectorizable size. */
    private static void gelu(double[] values, int length) {
        double[] tails = new double[length];
        for (int i = 0; i < length; i++) {
            double a = Math.min(Math.abs(values[i]), -LOWEST);
            double t = TAIL_SCALE / (TAIL_SCALE + a);
            tails[i] = a * t * tail(2 * t - 1);
        }
        for (int i = 0; i < length; i++) {
            double a = Math.min(Math.abs(values[i]), -LOWEST);
            values[i] = Math.max(values[i], 0.0) - tails[i] * exp(-0.5 * a * a);
        }
    }

    /**
     * {@code exp(a^2/2) erfc(a / sqrt 2) / (2 t)} with {@code t = TAIL_SCALE / (TAIL_SCALE + a)} and {@code s = 2 t - 1}:
     * the Chebyshev interpolant of degree 12 on t in [0, 1], off by at most 1e-9.
     */
    private static double tail(double s) {
        double p = 2.106650342856943e-06;
        p = p * s + 2.141488995298273e-06;
        p = p * s - 2.0012399688233845e-05;
        p = p * s - 1.5822545193707913e-05;
        p = p * s + 0.00013512967527730754;
        p = p * s + 0.00012533697474937072;
        p = p * s - 0.0009108067553958329;
        p = p * s - 0.0018498509386450461;
        p = p * s + 0.004973606280717363;
        p = p * s + 0.03315734843775683;
        p = p * s + 0.09012142369829806;
        p = p * s + 0.16158909237694843;
        p = p * s + 0.21269030722959065;
        return p;
    }

    /** exp by its Taylor series at {@code x / 2^12}, squared twelve times: off by at most 1e-8 in all. */
    private static double exp(double x) {
        double r = Math.min(Math.max(x, -EXP_RANGE), EXP_RANGE) * (1.0 / (1 << EXP_SQUARINGS));
        double p = 1 / 40320.0;
        p = p * r + 1 / 5040.0;
        p = p * r + 1 / 720.0;
        p = p * r + 1 / 120.0;
        p = p * r + 1 / 24.0;
        p = p * r + 1 / 6.0;
        p = p * r + 1 / 2.0;
        p = p * r + 1;
        p = p * r + 1;
        p *= p;
        p *= p;
        p *= p;
        p *= p;
        p *= p;
        p *= p;
        p *= p;
        p *= p;
        p *= p;
        p *= p;
        p *= p;
        p *= p;
        return p;
    }
}
