package org.tp4j.verify;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.math.MathContext;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tp4j.device.Nonlinearity;

/** What the bound of a hidden layer takes for granted of the nonlinearities, against series in 150 digits. */
class NonlinearityErrorTest {
    private static final MathContext DIGITS = new MathContext(150);
    private static final BigDecimal PI = pi();

    @ParameterizedTest
    @EnumSource(Nonlinearity.class)
    void valuesInDoubleAreWithinTheStatedError(Nonlinearity f) {
        double w = 0x1p-53;
        for (double x = -12; x <= 12; x += 0.37) {
            BigDecimal exact = exact(f, new BigDecimal(x));
            BigDecimal error = exact.subtract(new BigDecimal(f.apply(x))).abs();
            double allowed = f.epsilons() * 2 * w * Math.abs(exact.doubleValue())
                    + (f.epsilons() == 0 ? 0 : 8 * w * f.lipschitz() * Math.abs(x));
            assertTrue(error.compareTo(new BigDecimal(allowed)) <= 0, f + " at " + x + ": " + error.doubleValue());
        }
    }

    @ParameterizedTest
    @EnumSource(Nonlinearity.class)
    void slopesAreWithinTheLipschitzConstantAndNearlyReachIt(Nonlinearity f) {
        double steepest = 0;
        double step = 0x1p-10;
        for (double x = -20; x <= 20; x += step) {
            steepest = Math.max(steepest, Math.abs(f.apply(x + step) - f.apply(x)) / step);
        }
        assertTrue(steepest <= f.lipschitz() * (1 + 1e-12), f + ": " + steepest);
        assertTrue(steepest >= 0.99 * f.lipschitz(), f + ": " + steepest);
    }

    private static BigDecimal exact(Nonlinearity f, BigDecimal x) {
        return switch (f) {
            case NONE -> x;
            case RELU -> x.max(BigDecimal.ZERO);
            case SILU -> logistic(x, x);
            case GELU_TANH -> {
                BigDecimal cubic = x.add(new BigDecimal("0.044715").multiply(x.pow(3)));
                BigDecimal slope = BigDecimal.valueOf(8).divide(PI, DIGITS).sqrt(DIGITS);
                yield logistic(x, slope.multiply(cubic));
            }
            case GELU -> x.multiply(normalDistribution(x), DIGITS);
        };
    }

    /** {@code x / (1 + exp(-z))}. */
    private static BigDecimal logistic(BigDecimal x, BigDecimal z) {
        return x.divide(BigDecimal.ONE.add(exp(z.negate())), DIGITS);
    }

    /** By the series of {@code exp(z / 2^20)}, squared twenty times. */
    private static BigDecimal exp(BigDecimal z) {
        BigDecimal small = z.divide(BigDecimal.valueOf(1 << 20), DIGITS);
        BigDecimal sum = BigDecimal.ONE;
        BigDecimal term = BigDecimal.ONE;
        for (int n = 1; n < 60; n++) {
            term = term.multiply(small, DIGITS).divide(BigDecimal.valueOf(n), DIGITS);
            sum = sum.add(term, DIGITS);
        }
        return sum.pow(1 << 20, DIGITS);
    }

    /** By the series 1/2 + phi(0) sum (-1)^n x^(2n+1) / (2^n n! (2n+1)). */
    private static BigDecimal normalDistribution(BigDecimal x) {
        BigDecimal power = x;
        BigDecimal sum = BigDecimal.ZERO;
        for (int n = 0; n < 700; n++) {
            sum = sum.add(power.divide(BigDecimal.valueOf(2L * n + 1), DIGITS), DIGITS);
            power = power.multiply(x.pow(2), DIGITS).negate().divide(BigDecimal.valueOf(2L * (n + 1)), DIGITS);
        }
        BigDecimal density =
                BigDecimal.ONE.divide(PI.multiply(BigDecimal.valueOf(2)).sqrt(DIGITS), DIGITS);
        return new BigDecimal("0.5").add(density.multiply(sum, DIGITS));
    }

    /** By Machin's formula, 16 arctan(1/5) - 4 arctan(1/239). */
    private static BigDecimal pi() {
        return arctanOfInverse(5)
                .multiply(BigDecimal.valueOf(16))
                .subtract(arctanOfInverse(239).multiply(BigDecimal.valueOf(4)));
    }

    private static BigDecimal arctanOfInverse(int n) {
        BigDecimal power = BigDecimal.ONE.divide(BigDecimal.valueOf(n), DIGITS);
        BigDecimal sum = BigDecimal.ZERO;
        for (int i = 0; i < 120; i++) {
            BigDecimal term = power.divide(BigDecimal.valueOf(2L * i + 1), DIGITS);
            sum = i % 2 == 0 ? sum.add(term, DIGITS) : sum.subtract(term, DIGITS);
            power = power.divide(BigDecimal.valueOf((long) n * n), DIGITS);
        }
        return sum;
    }
}
