package org.tp4j.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

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

/** What the bounds accept, and that they accept nothing else. The device here is a plain loop in the accumulator. */
class ComparisonTest {
    private static final int TOKENS = 5;
    private static final int IN = 96;
    private static final int OUT = 24;
    private static final int RANKS = 4;
    private static final int ADDITIONS_OF_PARTS = 2;

    private final RandomGenerator random = new SplittableRandom(21);

    @ParameterizedTest
    @EnumSource(DType.class)
    void everyOrderOfSummationPasses(DType dtype) {
        LinearProblem problem = linear(dtype);
        for (int trial = 0; trial < 20; trial++) {
            ErrorReport report = judge(problem, dtype, shuffledSums(problem, dtype));
            assertTrue(report.passed(), report.toString());
            assertTrue(dtype == DType.F64 || report.maxErrorOverBound() > 0, report.toString());
        }
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void wrongSumsAreRejected(DType dtype) {
        LinearProblem problem = linear(dtype);
        assertRejected(problem, dtype, partial(problem, dtype, new int[] {1, 1, 1, 1}, 0), "no bias");
        assertRejected(problem, dtype, partial(problem, dtype, new int[] {1, 1, 1, 1}, RANKS), "a bias per rank");
        assertRejected(problem, dtype, partial(problem, dtype, new int[] {1, 1, 2, 1}, 1), "a part counted twice");
        assertRejected(problem, dtype, partial(problem, dtype, new int[] {1, 1, 1, 0}, 1), "a part left out");
        assertTrue(judge(problem, dtype, partial(problem, dtype, new int[] {1, 1, 1, 1}, 1))
                .passed());
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void swappedShardsAreRejected(DType dtype) {
        LinearProblem problem = linear(dtype);
        HostMatrix right = partial(problem, dtype, new int[] {1, 1, 1, 1}, 1);
        HostMatrix swapped = right.to(dtype);
        int slice = OUT / RANKS;
        for (int row = 0; row < TOKENS; row++) {
            for (int column = 0; column < slice; column++) {
                swapped.set(row, column, right.get(row, column + slice));
                swapped.set(row, column + slice, right.get(row, column));
            }
        }
        assertRejected(problem, dtype, swapped, "swapped column shards");
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void theBoundIsWhatTheFormulaSaysAndEndsThere(DType dtype) {
        HostMatrix x = filled(dtype, 1, IN, 1);
        LinearProblem problem = new LinearProblem(x, filled(dtype, 1, IN, 1), WeightLayout.OUT_IN, Optional.empty());
        DType accumulator = dtype.accumulator();
        double nu = (IN + ADDITIONS_OF_PARTS + 1) * accumulator.unitRoundoff();
        double bound = nu / (1 - nu) * IN + dtype.unitRoundoff() * IN;
        HostMatrix y = HostMatrix.allocate(DType.F64, 1, 1);
        y.set(0, 0, IN + bound * 0.99);
        assertTrue(judge(problem, dtype, y).passed());
        y.set(0, 0, IN - bound * 1.01);
        ErrorReport report = judge(problem, dtype, y);
        assertFalse(report.passed());
        assertEquals(1.01, report.maxErrorOverBound(), 6e-3);
        assertEquals(bound * 1.01, report.maxAbsError(), bound * 6e-3);
    }

    @ParameterizedTest
    @CsvSource({"false, 73", "true, 143"})
    void errorsOfTheHiddenLayerAreCarriedThrough(boolean gated, int roundoffs) {
        // h = 64 within (K + log N + 2) 64 u, twice that error with a gate, then n = 1 + log N + 1 more, and roundings
        HostMatrix ones = filled(DType.F32, 64, 1, 1);
        MlpProblem problem = new MlpProblem(
                filled(DType.F32, 1, 64, 1),
                ones,
                gated ? Optional.of(ones) : Optional.empty(),
                filled(DType.F32, 1, 1, 1),
                WeightLayout.IN_OUT,
                Nonlinearity.NONE,
                Optional.empty());
        double y = gated ? 4096 : 64;
        double u = DType.F32.unitRoundoff();
        ErrorReport inside = judge(problem, DType.F32, HostMatrix.of(new double[][] {{y * (1 + (roundoffs - 1) * u)}}));
        assertTrue(inside.passed(), inside.toString());
        ErrorReport outside =
                judge(problem, DType.F32, HostMatrix.of(new double[][] {{y * (1 - (roundoffs + 1) * u)}}));
        assertFalse(outside.passed(), outside.toString());
    }

    @Test
    void theWorstElementIsNamed() {
        LinearProblem problem = linear(DType.F32);
        HostMatrix y = Oracle.result(problem, DType.F32);
        y.set(3, 17, y.get(3, 17) + 1);
        ErrorReport.Element worst = judge(problem, DType.F32, y).worst().orElseThrow();
        assertEquals(3, worst.row());
        assertEquals(17, worst.column());
    }

    @ParameterizedTest
    @CsvSource({
        "F64, GELU",
        "F32, RELU",
        "F32, GELU",
        "F32, GELU_TANH",
        "F16, SILU",
        "BF16, SILU",
        "BF16, NONE",
        "F16, RELU"
    })
    void splitMlpsPassAndWrongOnesDoNot(DType dtype, Nonlinearity f) {
        for (boolean gated : new boolean[] {false, true}) {
            MlpProblem problem = mlp(dtype, f, gated);
            ErrorReport right = judge(problem, dtype, splitMlp(problem, dtype, new int[] {1, 1, 1, 1}));
            assertTrue(right.passed(), right.toString());
            assertEquals(0, right.unbounded());
            assertFalse(judge(problem, dtype, splitMlp(problem, dtype, new int[] {1, 0, 1, 1}))
                    .passed());
            assertFalse(judge(problem, dtype, splitMlp(problem, dtype, new int[] {1, 1, 2, 1}))
                    .passed());
            if (f != Nonlinearity.NONE) {
                MlpProblem linear = new MlpProblem(
                        problem.x(),
                        problem.w1(),
                        problem.gate(),
                        problem.w2(),
                        problem.layout(),
                        Nonlinearity.NONE,
                        problem.bias());
                HostMatrix withoutF = splitMlp(linear, dtype, new int[] {1, 1, 1, 1});
                assertFalse(judge(problem, dtype, withoutF).passed());
            }
        }
    }

    @Test
    void geluAndItsTanhFormAreToldApartInF32() {
        MlpProblem problem = mlp(DType.F32, Nonlinearity.GELU, false);
        MlpProblem other = mlpWith(problem, Nonlinearity.GELU_TANH);
        assertFalse(judge(problem, DType.F32, splitMlp(other, DType.F32, new int[] {1, 1, 1, 1}))
                .passed());
    }

    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
    void whatIsNotFiniteMustBeWhereTheOracleHasIt(double special) {
        LinearProblem problem = linear(DType.F32);
        problem.x().set(2, 9, special);
        HostMatrix y = Oracle.result(problem, DType.F32);
        assertTrue(judge(problem, DType.F32, y).passed());

        HostMatrix finite = y.to(DType.F32);
        finite.set(2, 5, 1.0);
        ErrorReport missing = judge(problem, DType.F32, finite);
        assertFalse(missing.passed());
        assertEquals(Double.POSITIVE_INFINITY, missing.maxAbsError());
        assertEquals(2, missing.worst().orElseThrow().row());

        HostMatrix tooMany = y.to(DType.F32);
        tooMany.set(1, 5, special);
        assertFalse(judge(problem, DType.F32, tooMany).passed());

        HostMatrix negated = y.to(DType.F32);
        negated.set(2, 5, -y.get(2, 5));
        assertEquals(Double.isNaN(special), judge(problem, DType.F32, negated).passed());
    }

    @Test
    void aHalfMayOverflowOnlyWhereTheReferenceDoes() {
        HostMatrix x = filled(DType.F16, 1, 1, 256);
        HostMatrix w = HostMatrix.of(new double[][] {{255}, {256}, {-512}}).to(DType.F16);
        LinearProblem problem = new LinearProblem(x, w, WeightLayout.OUT_IN, Optional.empty());
        double inf = Double.POSITIVE_INFINITY;
        assertTrue(judge(problem, DType.F16, HostMatrix.of(new double[][] {{65280, inf, -inf}}))
                .passed());
        assertFalse(judge(problem, DType.F16, HostMatrix.of(new double[][] {{inf, inf, -inf}}))
                .passed());
        assertFalse(judge(problem, DType.F16, HostMatrix.of(new double[][] {{65280, inf, inf}}))
                .passed());
        assertFalse(judge(problem, DType.F16, HostMatrix.of(new double[][] {{65280, inf, Double.NaN}}))
                .passed());
        assertFalse(judge(problem, DType.F16, HostMatrix.of(new double[][] {{65280, 65504, -inf}}))
                .passed());
    }

    @Test
    void aSumThatMayOverflowOnTheWayMayBeInfiniteOrNaN() {
        float big = 0x1.8p127f;
        HostMatrix x = HostMatrix.of(new float[][] {{big, big, -big, -big}, {big, 1, -big, 0}});
        LinearProblem problem = new LinearProblem(x, filled(DType.F32, 1, 4, 1), WeightLayout.OUT_IN, Optional.empty());
        for (double y : new double[] {0, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Double.NaN}) {
            assertTrue(judge(problem, DType.F32, HostMatrix.of(new double[][] {{y}, {1}}))
                    .passed());
            assertEquals(
                    y == 0,
                    judge(problem, DType.F32, HostMatrix.of(new double[][] {{0}, {y}}))
                            .passed());
        }
    }

    @Test
    void aHiddenActivationThatMayOverflowLeavesItsTokenUnbounded() {
        HostMatrix x = HostMatrix.of(new double[][] {{256, 256}, {1, 1}}).to(DType.F16);
        MlpProblem problem = new MlpProblem(
                x,
                filled(DType.F16, 2, 3, 128),
                Optional.empty(),
                filled(DType.F16, 3, 4, 1),
                WeightLayout.IN_OUT,
                Nonlinearity.RELU,
                Optional.empty());
        HostMatrix y = filled(DType.F32, 2, 4, 768);
        ErrorReport report = judge(problem, DType.F16, y);
        assertTrue(report.passed(), report.toString());
        assertEquals(4, report.unbounded());
        y.set(1, 1, 770);
        assertFalse(judge(problem, DType.F16, y).passed());
    }

    @Test
    void infinitiesPassThroughAnMlpAsInIeeeArithmetic() {
        double inf = Double.POSITIVE_INFINITY;
        HostMatrix x = HostMatrix.of(new double[][] {{-inf}, {inf}, {Double.NaN}, {2}});
        MlpProblem problem = new MlpProblem(
                x,
                filled(DType.F64, 1, 2, 1),
                Optional.empty(),
                filled(DType.F64, 2, 1, 1),
                WeightLayout.IN_OUT,
                Nonlinearity.RELU,
                Optional.empty());
        assertTrue(judge(problem, DType.F64, HostMatrix.of(new double[][] {{0}, {inf}, {Double.NaN}, {4}}))
                .passed());
        assertFalse(judge(problem, DType.F64, HostMatrix.of(new double[][] {{0}, {inf}, {4}, {4}}))
                .passed());
        assertFalse(judge(problem, DType.F64, HostMatrix.of(new double[][] {{1e-300}, {inf}, {Double.NaN}, {4}}))
                .passed());
    }

    @Test
    void anInfiniteGateTimesANumberOfUnsureSignHasNoBound() {
        HostMatrix x = HostMatrix.of(new float[][] {{Float.POSITIVE_INFINITY, 1, -1}});
        HostMatrix gate = HostMatrix.of(new float[][] {{1, 0, 0}});
        HostMatrix sure = HostMatrix.of(new float[][] {{0, 1, 0}});
        MlpProblem problem = new MlpProblem(
                x,
                sure,
                Optional.of(gate),
                filled(DType.F32, 1, 1, 1),
                WeightLayout.OUT_IN,
                Nonlinearity.SILU,
                Optional.empty());
        HostMatrix nan = HostMatrix.of(new float[][] {{Float.NaN}});
        assertTrue(judge(problem, DType.F32, nan).passed());
        assertFalse(judge(problem, DType.F32, HostMatrix.of(new float[][] {{1}}))
                .passed());
    }

    @Test
    void subnormalsAreBoundedByTheirSpacing() {
        HostMatrix x = filled(DType.F32, 1, 2, 0x1p-100);
        LinearProblem problem =
                new LinearProblem(x, filled(DType.F32, 1, 2, 0x1p-50), WeightLayout.OUT_IN, Optional.empty());
        assertTrue(judge(problem, DType.F32, filled(DType.F32, 1, 1, 0)).passed());
        assertTrue(judge(problem, DType.F32, filled(DType.F32, 1, 1, Float.MIN_VALUE))
                .passed());
        assertFalse(judge(problem, DType.F32, filled(DType.F32, 1, 1, 100 * Float.MIN_VALUE))
                .passed());
    }

    @ParameterizedTest
    @CsvSource({"0, 3, 2", "2, 0, 3", "2, 3, 0"})
    void emptyShapesHaveNoError(int tokens, int in, int out) {
        LinearProblem problem = new LinearProblem(
                filled(DType.F32, tokens, in, 1), filled(DType.F32, out, in, 1), WeightLayout.OUT_IN, Optional.empty());
        ErrorReport report = judge(problem, DType.F32, HostMatrix.allocate(DType.F32, tokens, out));
        assertEquals(new ErrorReport(0, 0, Optional.empty(), 0), report);
    }

    @Test
    void withNoInputFeaturesOnlyZeroIsRight() {
        LinearProblem problem = new LinearProblem(
                filled(DType.F32, 1, 0, 1), filled(DType.F32, 1, 0, 1), WeightLayout.OUT_IN, Optional.empty());
        assertFalse(judge(problem, DType.F32, filled(DType.F32, 1, 1, 1e-30)).passed());
    }

    @Test
    void aTruncatingAccumulatorHasTwiceTheBound() {
        LinearProblem problem = linear(DType.F32);
        HostMatrix y = Oracle.result(problem, DType.F32);
        double nearest = judge(problem, DType.F32, y).maxErrorOverBound();
        double truncated = Comparison.of(problem, new Arithmetic(DType.F32, RANKS, 0x1p-23), y)
                .maxErrorOverBound();
        assertTrue(truncated > 0 && truncated < 0.52 * nearest);
    }

    @Test
    void aResultOfAnotherShapeIsRefused() {
        LinearProblem problem = linear(DType.F32);
        HostMatrix y = HostMatrix.allocate(DType.F32, TOKENS, OUT + 1);
        String message = assertThrows(IllegalArgumentException.class, () -> judge(problem, DType.F32, y))
                .getMessage();
        assertEquals("the result is (5, 25): must be (5, 24)", message);
    }

    private static ErrorReport judge(Problem problem, DType dtype, HostMatrix result) {
        return Comparison.of(problem, Arithmetic.of(dtype, RANKS), result);
    }

    private static void assertRejected(Problem problem, DType dtype, HostMatrix result, String fault) {
        ErrorReport report = judge(problem, dtype, result);
        assertFalse(report.passed(), fault + " passed: " + report);
        assertTrue(report.worst().isPresent(), fault);
    }

    private LinearProblem linear(DType dtype) {
        return new LinearProblem(
                gaussian(dtype, TOKENS, IN, 1),
                gaussian(dtype, OUT, IN, 0.1),
                WeightLayout.OUT_IN,
                Optional.of(gaussian(dtype, 1, OUT, 0.5)));
    }

    private MlpProblem mlp(DType dtype, Nonlinearity f, boolean gated) {
        return new MlpProblem(
                gaussian(dtype, TOKENS, 32, 1),
                gaussian(dtype, 32, 64, 0.2),
                gated ? Optional.of(gaussian(dtype, 32, 64, 0.2)) : Optional.empty(),
                gaussian(dtype, 64, 16, 0.2),
                WeightLayout.IN_OUT,
                f,
                Optional.of(gaussian(dtype, 1, 16, 0.5)));
    }

    private static MlpProblem mlpWith(MlpProblem p, Nonlinearity f) {
        return new MlpProblem(p.x(), p.w1(), p.gate(), p.w2(), p.layout(), f, p.bias());
    }

    private HostMatrix gaussian(DType dtype, int rows, int columns, double scale) {
        HostMatrix matrix = HostMatrix.allocate(dtype, rows, columns);
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                matrix.set(row, column, random.nextGaussian() * scale);
            }
        }
        return matrix;
    }

    private static HostMatrix filled(DType dtype, int rows, int columns, double value) {
        HostMatrix matrix = HostMatrix.allocate(dtype, rows, columns);
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                matrix.set(row, column, value);
            }
        }
        return matrix;
    }

    /** All terms of each element, the bias among them, added in random order in the accumulator. */
    private HostMatrix shuffledSums(LinearProblem p, DType dtype) {
        DType accumulator = dtype.accumulator();
        HostMatrix y = HostMatrix.allocate(dtype, TOKENS, OUT);
        double[] terms = new double[IN + 1];
        for (int row = 0; row < TOKENS; row++) {
            for (int column = 0; column < OUT; column++) {
                for (int k = 0; k < IN; k++) {
                    terms[k] = accumulator.round(p.x().get(row, k) * p.w().get(column, k));
                }
                terms[IN] = p.bias().orElseThrow().get(0, column);
                double sum = 0;
                for (int k = IN; k >= 0; k--) {
                    int picked = random.nextInt(k + 1);
                    sum = accumulator.round(sum + terms[picked]);
                    terms[picked] = terms[k];
                }
                y.set(row, column, sum);
            }
        }
        return y;
    }

    /** Each rank's part added {@code times[rank]} times, and the bias {@code biases} times. */
    private static HostMatrix partial(LinearProblem p, DType dtype, int[] times, int biases) {
        DType accumulator = dtype.accumulator();
        HostMatrix y = HostMatrix.allocate(dtype, TOKENS, OUT);
        for (int row = 0; row < TOKENS; row++) {
            for (int column = 0; column < OUT; column++) {
                double sum = 0;
                for (int rank = 0; rank < RANKS; rank++) {
                    double part = dot(p, accumulator, row, column, rank);
                    for (int i = 0; i < times[rank]; i++) {
                        sum = accumulator.round(sum + part);
                    }
                }
                for (int i = 0; i < biases; i++) {
                    sum = accumulator.round(sum + p.bias().orElseThrow().get(0, column));
                }
                y.set(row, column, sum);
            }
        }
        return y;
    }

    private static double dot(LinearProblem p, DType accumulator, int row, int column, int rank) {
        double part = 0;
        for (int k = rank * IN / RANKS; k < (rank + 1) * IN / RANKS; k++) {
            part = accumulator.round(part + accumulator.round(p.x().get(row, k) * p.w().get(column, k)));
        }
        return part;
    }

    /** A column-parallel product, f, and a row-parallel product whose parts are added {@code times[rank]} times. */
    private static HostMatrix splitMlp(MlpProblem p, DType dtype, int[] times) {
        HostMatrix up = product(p.x(), p.w1(), dtype);
        HostMatrix a = HostMatrix.allocate(dtype, p.tokens(), p.hidden());
        Optional<HostMatrix> gate = p.gate().map(wg -> product(p.x(), wg, dtype));
        DType accumulator = dtype.accumulator();
        for (int row = 0; row < p.tokens(); row++) {
            for (int k = 0; k < p.hidden(); k++) {
                double u = up.get(row, k);
                double g = gate.isPresent() ? gate.get().get(row, k) : u;
                double f = accumulator.round(p.nonlinearity().apply(g));
                a.set(row, k, gate.isPresent() ? accumulator.round(f * u) : f);
            }
        }
        HostMatrix y = HostMatrix.allocate(dtype, p.tokens(), p.out());
        int slice = (int) p.hidden() / RANKS;
        for (int row = 0; row < p.tokens(); row++) {
            for (int column = 0; column < p.out(); column++) {
                double sum = 0;
                for (int k = 0; k < p.hidden(); k++) {
                    double term = accumulator.round(a.get(row, k) * p.w2().get(k, column));
                    for (int i = 0; i < times[k / slice]; i++) {
                        sum = accumulator.round(sum + term);
                    }
                }
                y.set(
                        row,
                        column,
                        accumulator.round(sum + p.bias().orElseThrow().get(0, column)));
            }
        }
        return y;
    }

    private static HostMatrix product(HostMatrix x, HostMatrix w, DType dtype) {
        DType accumulator = dtype.accumulator();
        HostMatrix y = HostMatrix.allocate(dtype, x.rows(), w.columns());
        for (int row = 0; row < x.rows(); row++) {
            for (int column = 0; column < w.columns(); column++) {
                double sum = 0;
                for (int k = 0; k < x.columns(); k++) {
                    sum = accumulator.round(sum + accumulator.round(x.get(row, k) * w.get(k, column)));
                }
                y.set(row, column, sum);
            }
        }
        return y;
    }
}
