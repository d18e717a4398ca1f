package org.tp4j.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tp4j.device.Nonlinearity;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.WeightLayout;

class ExactIntegersTest {
    private static final WeightLayout OUT_IN = WeightLayout.OUT_IN;

    @ParameterizedTest
    @EnumSource(DType.class)
    void everyOrderOfSummationGivesTheSameBits(DType dtype) {
        for (int in : new int[] {1, 3, 17, 200, 3000}) {
            LinearProblem problem = new ExactIntegers(in).linear(dtype, 5, in, 31, OUT_IN);
            HostMatrix reference = Oracle.result(problem, dtype);
            for (int seed = 0; seed < 3; seed++) {
                HostMatrix shuffled = shuffledSums(problem, dtype, new SplittableRandom(seed));
                assertEquals(Optional.empty(), Bits.difference(reference, shuffled));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void theSumsUseMoreThanHalfOfTheBits(DType dtype) {
        Premise premise = Premise.of(new ExactIntegers(5).linear(dtype, 64, 300, 100, OUT_IN), dtype);
        assertTrue(premise.largestSum() > Math.sqrt(premise.allowedSum()), premise.toString());
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void mlpsObeyThePremiseAtEverySize(DType dtype) {
        ExactIntegers integers = new ExactIntegers(6);
        for (int[] s : new int[][] {{0, 3, 4, 5}, {1, 1, 1, 1}, {8, 0, 16, 5}, {7, 13, 29, 11}, {16, 256, 512, 64}}) {
            for (boolean gated : new boolean[] {false, true}) {
                for (Nonlinearity f : new Nonlinearity[] {Nonlinearity.NONE, Nonlinearity.RELU}) {
                    if (s[1] == 0) {
                        int hidden = s[2];
                        assertThrows(
                                IllegalStateException.class,
                                () -> integers.mlp(dtype, s[0], s[1], hidden, s[3], WeightLayout.IN_OUT, f, gated));
                    } else {
                        MlpProblem p = integers.mlp(dtype, s[0], s[1], s[2], s[3], WeightLayout.IN_OUT, f, gated);
                        assertEquals(s[3], p.out());
                    }
                }
            }
        }
    }

    @Test
    void onlyExactNonlinearitiesAreTaken() {
        assertThrows(
                IllegalArgumentException.class,
                () -> new ExactIntegers(1).mlp(DType.F32, 4, 4, 4, 4, OUT_IN, Nonlinearity.GELU, false));
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void aSeedGivesTheSameLayerAndAnotherAnother(DType dtype) {
        HostMatrix w = new ExactIntegers(7).linear(dtype, 4, 9, 9, OUT_IN).w();
        assertTrue(Bits.equal(
                w, new ExactIntegers(7).linear(dtype, 4, 9, 9, OUT_IN).w()));
        assertFalse(Bits.equal(
                w, new ExactIntegers(8).linear(dtype, 4, 9, 9, OUT_IN).w()));
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void biasesDifferAndAreNeverZero(DType dtype) {
        HostMatrix bias =
                new ExactIntegers(9).linear(dtype, 4, 4, 126, OUT_IN).bias().orElseThrow();
        for (int i = 0; i < 126; i++) {
            assertNotEquals(0, bias.get(0, i));
            for (int j = 0; j < i; j++) {
                assertNotEquals(bias.get(0, i), bias.get(0, j));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F16", "BF16"})
    void partialSumsInTheDtypeWouldShow(DType dtype) {
        LinearProblem problem = new ExactIntegers(10).cancelling(dtype, 4, 64, 16, OUT_IN);
        HostMatrix reference = Oracle.result(problem, dtype);
        for (int ranks : new int[] {2, 3, 4, 8}) {
            assertTrue(Bits.equal(reference, partialSums(problem, dtype, ranks, dtype.accumulator())));
            assertFalse(Bits.equal(reference, partialSums(problem, dtype, ranks, dtype)));
        }
    }

    @Test
    void roundingTheInputsToTf32WouldShow() {
        LinearProblem problem = new ExactIntegers(11).cancelling(DType.F32, 4, 64, 16, OUT_IN);
        HostMatrix rounded = HostMatrix.allocate(DType.F32, 4, 64);
        for (int row = 0; row < 4; row++) {
            for (int k = 0; k < 64; k++) {
                double x = problem.x().get(row, k);
                assertEquals(1, x % 2);
                double ulp = Math.scalb(1.0, Math.getExponent(x) - 10);
                rounded.set(row, k, Math.rint(x / ulp) * ulp);
            }
        }
        LinearProblem tf32 = new LinearProblem(rounded, problem.w(), OUT_IN, problem.bias());
        assertFalse(Bits.equal(Oracle.result(problem, DType.F32), Oracle.result(tf32, DType.F32)));
    }

    @Test
    void aBrokenPremiseIsRefused() {
        HostMatrix x = HostMatrix.of(new float[][] {{0x1p13f, 1}});
        HostMatrix w = HostMatrix.of(new float[][] {{0x1p11f, 1}});
        LinearProblem tooLarge = new LinearProblem(x, w, OUT_IN, Optional.empty());
        assertThrows(
                IllegalStateException.class,
                () -> Premise.of(tooLarge, DType.F32).check());
        LinearProblem allZero = new LinearProblem(
                HostMatrix.allocate(DType.F32, 8, 3), HostMatrix.allocate(DType.F32, 8, 3), OUT_IN, Optional.empty());
        assertThrows(
                IllegalStateException.class,
                () -> Premise.of(allZero, DType.F32).check());
    }

    private static HostMatrix shuffledSums(LinearProblem p, DType dtype, SplittableRandom random) {
        DType accumulator = dtype.accumulator();
        int in = (int) p.in();
        HostMatrix y = HostMatrix.allocate(dtype, p.tokens(), p.out());
        double[] terms = new double[in + 1];
        for (int row = 0; row < p.tokens(); row++) {
            for (int column = 0; column < p.out(); column++) {
                for (int k = 0; k < in; k++) {
                    terms[k] = accumulator.round(p.x().get(row, k) * p.w().get(column, k));
                }
                terms[in] = p.bias().orElseThrow().get(0, column);
                double sum = 0;
                for (int k = in; k >= 0; k--) {
                    int picked = random.nextInt(k + 1);
                    sum = accumulator.round(sum + terms[picked]);
                    terms[picked] = terms[k];
                }
                y.set(row, column, sum);
            }
        }
        return y;
    }

    /** Each rank's part rounded to {@code partDtype}. */
    private static HostMatrix partialSums(LinearProblem p, DType dtype, int ranks, DType partDtype) {
        HostMatrix y = HostMatrix.allocate(dtype, p.tokens(), p.out());
        int in = (int) p.in();
        for (int row = 0; row < p.tokens(); row++) {
            for (int column = 0; column < p.out(); column++) {
                double sum = 0;
                for (int rank = 0; rank < ranks; rank++) {
                    double part = 0;
                    for (int k = rank * in / ranks; k < (rank + 1) * in / ranks; k++) {
                        part += p.x().get(row, k) * p.w().get(column, k);
                    }
                    sum += partDtype.round(part);
                }
                y.set(row, column, sum + p.bias().orElseThrow().get(0, column));
            }
        }
        return y;
    }
}
