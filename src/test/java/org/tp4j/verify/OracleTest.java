package org.tp4j.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.tp4j.device.Nonlinearity;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.WeightLayout;

/** The oracle against exact decimal arithmetic. */
class OracleTest {
    private static final DType F64 = DType.F64;

    @ParameterizedTest
    @EnumSource(DType.class)
    void everyElementIsTheExactSumRoundedOnce(DType dtype) {
        RandomGenerator random = new SplittableRandom(11);
        for (int[] shape : new int[][] {{1, 1, 1}, {1, 5, 3}, {3, 130, 129}, {7, 300, 2}, {129, 17, 3}}) {
            HostMatrix x = spread(random, dtype, shape[0], shape[1], 12);
            HostMatrix w = spread(random, dtype, shape[2], shape[1], 12);
            HostMatrix bias = spread(random, dtype, 1, shape[2], 12);
            HostMatrix y = Oracle.result(new LinearProblem(x, w, WeightLayout.OUT_IN, Optional.of(bias)), F64);
            assertExact(x, w, Optional.of(bias), y);
        }
    }

    @Test
    void cancellationLeavesTheSmallTerms() {
        HostMatrix x = HostMatrix.of(new double[][] {{1e10, 1, -1e10, 0x1p-40, 1e16, 1, -1e16}});
        HostMatrix w = HostMatrix.of(new double[][] {{1e10, 1, 1e10, 1, 1, 1, 1}});
        HostMatrix y = Oracle.result(new LinearProblem(x, w, WeightLayout.OUT_IN, Optional.empty()), F64);
        assertEquals(2 + 0x1p-40, y.get(0, 0));
    }

    @ParameterizedTest
    @CsvSource({"F32, 24", "F16, 11", "BF16, 8"})
    void resultsOfNarrowDtypesAreRoundedOnce(DType dtype, int precision) {
        double half = Math.scalb(1.0, -precision);
        HostMatrix x = HostMatrix.of(new double[][] {{1, half, 0x1p-14}, {1, half, -0x1p-14}, {1, half, 0}})
                .to(dtype);
        HostMatrix w = HostMatrix.of(new double[][] {{1, 1, dtype == DType.F16 ? 0x1p-24 : 0x1p-60}})
                .to(dtype);
        HostMatrix y = Oracle.result(new LinearProblem(x, w, WeightLayout.OUT_IN, Optional.empty()), dtype);
        assertEquals(1 + 2 * half, y.get(0, 0));
        assertEquals(1.0, y.get(1, 0));
        assertEquals(1.0, y.get(2, 0));
    }

    @Test
    void whatOneDoubleCannotHoldIsKept() {
        HostMatrix x = HostMatrix.of(new double[][] {{1, 0x1p-80}});
        HostMatrix w = HostMatrix.of(new double[][] {{1, 1}});
        LinearProblem problem = new LinearProblem(x, w, WeightLayout.OUT_IN, Optional.empty());
        Oracle.stream(problem, Arithmetic.of(F64, 1), block -> {
            assertEquals(1.0, block.values(0)[0]);
            assertEquals(0x1p-80, block.rests(0)[0]);
        });
        assertEquals(
                0x1p-80,
                Comparison.of(problem, Arithmetic.of(F64, 1), HostMatrix.of(new double[][] {{1}}))
                        .maxAbsError());
    }

    @Test
    void subnormalProductsAreWithinTheSmallestSubnormals() {
        double tiny = 0x1p-600;
        HostMatrix x = HostMatrix.of(new double[][] {{3 * tiny, 5 * tiny, Double.MIN_VALUE, -Double.MIN_VALUE}});
        HostMatrix w = HostMatrix.of(new double[][] {{tiny * 0x1p127, tiny * 0x1p128, 1.5, 1.5}});
        HostMatrix y = Oracle.result(new LinearProblem(x, w, WeightLayout.OUT_IN, Optional.empty()), F64);
        BigDecimal error = exact(x, w, Optional.empty(), 0, 0)
                .subtract(new BigDecimal(y.get(0, 0)))
                .abs();
        assertTrue(error.compareTo(new BigDecimal(Double.MIN_VALUE).multiply(BigDecimal.valueOf(25))) <= 0);
    }

    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
    void aNumberThatIsNotFiniteStaysInItsRowOrColumn(double special) {
        RandomGenerator random = new SplittableRandom(12);
        HostMatrix x = spread(random, DType.F32, 4, 200, 2);
        HostMatrix w = spread(random, DType.F32, 140, 200, 2);
        x.set(2, 150, special);
        w.set(131, 7, special);
        HostMatrix y = Oracle.result(new LinearProblem(x, w, WeightLayout.OUT_IN, Optional.empty()), DType.F32);
        for (int row = 0; row < 4; row++) {
            for (int column = 0; column < 140; column++) {
                double sum = 0;
                for (int k = 0; k < 200; k++) {
                    sum += x.get(row, k) * w.get(column, k);
                }
                boolean touched = row == 2 || column == 131;
                assertEquals(!touched, Double.isFinite(y.get(row, column)), "row " + row + ", column " + column);
                if (touched) {
                    assertEquals(sum, y.get(row, column));
                }
            }
        }
    }

    @Test
    void infinityTimesZeroAndOpposedInfinitiesAreNaN() {
        double inf = Double.POSITIVE_INFINITY;
        HostMatrix x = HostMatrix.of(new double[][] {{inf, 1}, {inf, -inf}, {inf, 1}});
        HostMatrix w = HostMatrix.of(new double[][] {{0, 1}, {1, 1}, {-1, 1}});
        HostMatrix y = Oracle.result(new LinearProblem(x, w, WeightLayout.OUT_IN, Optional.empty()), F64);
        assertTrue(Double.isNaN(y.get(0, 0)));
        assertTrue(Double.isNaN(y.get(1, 1)));
        assertEquals(-inf, y.get(2, 2));
    }

    @Test
    void bothLayoutsGiveTheSameSums() {
        RandomGenerator random = new SplittableRandom(13);
        HostMatrix x = spread(random, DType.F32, 130, 131, 3);
        HostMatrix w = spread(random, DType.F32, 133, 131, 3);
        HostMatrix wTransposed = HostMatrix.allocate(DType.F32, 131, 133);
        for (int i = 0; i < 133; i++) {
            for (int k = 0; k < 131; k++) {
                wTransposed.set(k, i, w.get(i, k));
            }
        }
        assertTrue(Bits.equal(
                Oracle.result(new LinearProblem(x, w, WeightLayout.OUT_IN, Optional.empty()), F64),
                Oracle.result(new LinearProblem(x, wTransposed, WeightLayout.IN_OUT, Optional.empty()), F64)));
    }

    @ParameterizedTest
    @EnumSource(Nonlinearity.class)
    void anMlpIsTheNonlinearityBetweenTwoProducts(Nonlinearity f) {
        RandomGenerator random = new SplittableRandom(14);
        HostMatrix x = spread(random, DType.F32, 131, 9, 2);
        HostMatrix w1 = spread(random, DType.F32, 9, 140, 2);
        HostMatrix wg = spread(random, DType.F32, 9, 140, 2);
        HostMatrix w2 = spread(random, DType.F32, 140, 5, 2);
        HostMatrix bias = spread(random, DType.F32, 1, 5, 2);
        for (Optional<HostMatrix> gate : List.of(Optional.<HostMatrix>empty(), Optional.of(wg))) {
            HostMatrix y =
                    Oracle.result(new MlpProblem(x, w1, gate, w2, WeightLayout.IN_OUT, f, Optional.of(bias)), F64);
            HostMatrix hidden = Oracle.result(new LinearProblem(x, w1, WeightLayout.IN_OUT, Optional.empty()), F64);
            HostMatrix gated =
                    Oracle.result(new LinearProblem(x, gate.orElse(w1), WeightLayout.IN_OUT, Optional.empty()), F64);
            for (int t = 0; t < 131; t++) {
                for (int k = 0; k < 140; k++) {
                    double a = f.apply(gated.get(t, k));
                    hidden.set(t, k, gate.isPresent() ? a * hidden.get(t, k) : a);
                }
            }
            HostMatrix expected =
                    Oracle.result(new LinearProblem(hidden, w2, WeightLayout.IN_OUT, Optional.of(bias)), F64);
            assertTrue(Bits.equal(expected, y));
        }
    }

    @Test
    void operandsAreRoundedToTheDtypeFirst() {
        HostMatrix x = HostMatrix.of(new double[][] {{1 + 0x1p-12}});
        HostMatrix w = HostMatrix.of(new double[][] {{1024 + 0x1p-3}});
        LinearProblem problem = new LinearProblem(x, w, WeightLayout.OUT_IN, Optional.empty());
        assertEquals(1024.0, Oracle.result(problem, DType.F16).get(0, 0));
        assertEquals(
                (1 + 0x1p-12) * (1024 + 0x1p-3), Oracle.result(problem, F64).get(0, 0));
    }

    @ParameterizedTest
    @ValueSource(strings = {"0 3 2", "2 0 3", "2 3 0", "0 0 0"})
    void emptyShapesWork(String sizes) {
        String[] s = sizes.split(" ", -1);
        int tokens = Integer.parseInt(s[0]);
        int in = Integer.parseInt(s[1]);
        int out = Integer.parseInt(s[2]);
        HostMatrix y = Oracle.result(
                new LinearProblem(
                        HostMatrix.allocate(DType.F32, tokens, in),
                        HostMatrix.allocate(DType.F32, out, in),
                        WeightLayout.OUT_IN,
                        Optional.empty()),
                DType.F32);
        assertTrue(Bits.equal(HostMatrix.allocate(DType.F32, tokens, out), y));
    }

    @Test
    void shapesThatDoNotFitAreNamed() {
        HostMatrix x = HostMatrix.allocate(DType.F32, 2, 3);
        HostMatrix w = HostMatrix.allocate(DType.F32, 4, 5);
        String message = assertThrows(
                        IllegalArgumentException.class,
                        () -> new LinearProblem(x, w, WeightLayout.OUT_IN, Optional.empty()))
                .getMessage();
        assertEquals("W is (4, 5) (out-in) but x is (2, 3): the input features must be equal", message);
    }

    private static void assertExact(HostMatrix x, HostMatrix w, Optional<HostMatrix> bias, HostMatrix y) {
        for (int row = 0; row < y.rows(); row++) {
            for (int column = 0; column < y.columns(); column++) {
                assertEquals(exact(x, w, bias, row, column).doubleValue(), y.get(row, column));
            }
        }
    }

    private static BigDecimal exact(HostMatrix x, HostMatrix w, Optional<HostMatrix> bias, int row, int column) {
        BigDecimal sum = bias.map(b -> new BigDecimal(b.get(0, column))).orElse(BigDecimal.ZERO);
        for (int k = 0; k < x.columns(); k++) {
            sum = sum.add(new BigDecimal(x.get(row, k)).multiply(new BigDecimal(w.get(column, k))));
        }
        return sum;
    }

    /** Numbers of both signs over {@code 2 exponents} binades. */
    private static HostMatrix spread(RandomGenerator random, DType dtype, int rows, int columns, int exponents) {
        HostMatrix matrix = HostMatrix.allocate(dtype, rows, columns);
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                matrix.set(row, column, Math.scalb(random.nextGaussian(), random.nextInt(-exponents, exponents)));
            }
        }
        return matrix;
    }
}
