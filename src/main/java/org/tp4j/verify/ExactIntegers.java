package org.tp4j.verify;

import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import org.tp4j.device.Nonlinearity;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.WeightLayout;

/**
 * Random layers of small integers, such that in every product {@code sum |x w| + |b| <= 2^p}, p being the dtype's number
 * of significand bits. Every partial sum is then exact in whatever order it is taken, so that a split layer must agree
 * with the unsplit one bit for bit. (The idea is that of nccl-tests, whose inputs make sums exact.)
 *
 * <p>Rows of x are sparse where there are more input features than the sum allows; weights are dense in the first product
 * and sparse in the second. Biases differ in any two neighboring columns, and in any run of {@code 2^(p-1) - 2}. Each
 * result has a nonzero first term or bias, so that none is a sum of zeros whose sign would depend on the order. What is
 * made is checked by {@link Premise} before it is returned. The caller owns it.
 */
public final class ExactIntegers {
    private final SplittableRandom random;

    /** A generator; the same seed gives the same layers. */
    public ExactIntegers(long seed) {
        this.random = new SplittableRandom(seed);
    }

    /** A linear layer with a bias. */
    public LinearProblem linear(DType dtype, int tokens, int in, int out, WeightLayout layout) {
        long limit = 1L << dtype.precision();
        long largestBias = limit / 4 - 1;
        Budget budget = Budget.of(limit - largestBias, in);
        LinearProblem problem = new LinearProblem(
                sparseRows(dtype, tokens, in, budget),
                denseWeight(dtype, in, out, layout, budget.largestWeight()),
                layout,
                Optional.of(bias(dtype, out, largestBias)));
        Premise.of(problem, dtype).check();
        return problem;
    }

    /** An MLP with a bias after its second product, and ReLU or nothing between. */
    public MlpProblem mlp(
            DType dtype, int tokens, int in, int hidden, int out, WeightLayout layout, Nonlinearity f, boolean gated) {
        if (f.epsilons() != 0) {
            throw new IllegalArgumentException("the nonlinearity is " + f.label() + ": only relu and none are exact");
        }
        long limit = 1L << dtype.precision();
        long largestBias = limit / 4 - 1;
        double sum = limit - largestBias;
        long largestHidden = (long) Math.floor(gated ? Math.cbrt(sum * sum) : Math.sqrt(sum));
        long largestFirst = gated ? (long) Math.floor(Math.sqrt((double) largestHidden)) : largestHidden;
        Budget first = Budget.of(largestFirst, in);
        long second = (long) sum / largestHidden;
        int nonzeros = (int) Math.min(hidden, Math.max(1, second / 2));
        MlpProblem problem = new MlpProblem(
                sparseRows(dtype, tokens, in, first),
                denseWeight(dtype, in, hidden, layout, first.largestWeight()),
                gated ? Optional.of(denseWeight(dtype, in, hidden, layout, first.largestWeight())) : Optional.empty(),
                sparseWeight(dtype, hidden, out, layout, nonzeros, second / Math.max(1, nonzeros)),
                layout,
                f,
                Optional.of(bias(dtype, out, largestBias)));
        Premise.check(problem, dtype);
        return problem;
    }

    /**
     * A linear layer that shows a sum kept in too few bits. Inputs are odd integers that need all of the dtype's bits (12
     * and 13 of f32's, which TF32 would round), weights are 1 for some of the first features and -1 for as many of the
     * last. The first rank's part then needs more bits than the dtype has, up to 8 ranks, and cancels to a result that
     * does not. Here {@code sum |x w| + |b|} is exact in the accumulator, the result in the dtype.
     *
     * @param in at least 16
     */
    public LinearProblem cancelling(DType dtype, int tokens, int in, int out, WeightLayout layout) {
        if (in < 16) {
            throw new IllegalArgumentException("in is " + in + ": sums that cancel need at least 16 input features");
        }
        long largest = dtype == DType.F32 ? (1 << 13) - 1 : (1L << Math.min(31, dtype.precision())) - 1;
        long smallest = dtype == DType.F32 ? (1 << 11) + 1 : 2 * largest / 3 + 1 | 1;
        HostMatrix x = HostMatrix.allocate(dtype, tokens, in);
        for (int row = 0; row < tokens; row++) {
            for (int k = 0; k < in; k++) {
                x.set(row, k, (double) (smallest + 2 * random.nextLong((largest - smallest) / 2 + 1)));
            }
        }
        int ends = in / 8;
        HostMatrix w = weight(dtype, in, out, layout);
        for (int j = 0; j < out; j++) {
            for (int k : distinct(ends >= 3 ? 3 : 1, ends)) {
                set(w, layout, j, k, 1);
            }
            for (int k : distinct(ends >= 3 ? 3 : 1, ends)) {
                set(w, layout, j, in - 1 - k, -1);
            }
        }
        LinearProblem problem = new LinearProblem(x, w, layout, Optional.of(bias(dtype, out, 3)));
        Premise.ofCancelling(problem, dtype).check();
        return problem;
    }

    /** How a bound on {@code sum |x w|} is spent: on how many nonzero terms, of which sizes. */
    private record Budget(int nonzeros, long largestInput, long largestWeight) {
        static Budget of(long sum, int in) {
            int nonzeros = (int) Math.min(in, Math.max(1, (long) Math.sqrt((double) sum)));
            long term = sum / Math.max(1, nonzeros);
            long input = Math.max(1, (long) (0.8 * Math.sqrt((double) term)));
            return new Budget(nonzeros, input, term / input);
        }
    }

    private HostMatrix sparseRows(DType dtype, int tokens, int in, Budget budget) {
        HostMatrix x = HostMatrix.allocate(dtype, tokens, in);
        for (int row = 0; row < tokens; row++) {
            for (int k : distinct(budget.nonzeros, in)) {
                x.set(row, k, (double) nonzero(budget.largestInput));
            }
        }
        return x;
    }

    private HostMatrix denseWeight(DType dtype, int in, int out, WeightLayout layout, long largest) {
        HostMatrix w = weight(dtype, in, out, layout);
        for (int j = 0; j < out; j++) {
            for (int k = 0; k < in; k++) {
                set(w, layout, j, k, nonzero(largest));
            }
        }
        return w;
    }

    private HostMatrix sparseWeight(DType dtype, int in, int out, WeightLayout layout, int nonzeros, long largest) {
        HostMatrix w = weight(dtype, in, out, layout);
        for (int j = 0; j < out; j++) {
            for (int k : distinct(nonzeros, in)) {
                set(w, layout, j, k, nonzero(largest));
            }
        }
        return w;
    }

    /** 1, -2, 3, ... up to an odd {@code largest}, then -1, 2, -3, ... and over again. */
    private static HostMatrix bias(DType dtype, int out, long largest) {
        HostMatrix bias = HostMatrix.allocate(dtype, 1, out);
        for (int j = 0; j < out; j++) {
            long size = j % largest + 1;
            bias.set(0, j, (double) (j % 2 == 0 ? size : -size));
        }
        return bias;
    }

    private long nonzero(long largest) {
        long size = 1 + random.nextLong(largest);
        return random.nextBoolean() ? size : -size;
    }

    /** {@code count} different numbers below {@code bound}, in random order (Floyd's algorithm). */
    private int[] distinct(int count, int bound) {
        Set<Integer> chosen = new LinkedHashSet<>();
        for (int next = bound - count; next < bound; next++) {
            int picked = random.nextInt(next + 1);
            chosen.add(chosen.contains(picked) ? next : picked);
        }
        return chosen.stream().mapToInt(Integer::intValue).toArray();
    }

    private static HostMatrix weight(DType dtype, int in, int out, WeightLayout layout) {
        return layout == WeightLayout.OUT_IN
                ? HostMatrix.allocate(dtype, out, in)
                : HostMatrix.allocate(dtype, in, out);
    }

    private static void set(HostMatrix w, WeightLayout layout, int out, int in, long value) {
        if (layout == WeightLayout.OUT_IN) {
            w.set(out, in, (double) value);
        } else {
            w.set(in, out, (double) value);
        }
    }
}
