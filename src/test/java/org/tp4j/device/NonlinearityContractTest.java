package org.tp4j.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

@ParameterizedClass
@MethodSource("org.tp4j.device.TestDevices#all")
class NonlinearityContractTest {
    private static final double[] HARD = {
        0.0,
        -0.0,
        Double.NaN,
        Double.POSITIVE_INFINITY,
        Double.NEGATIVE_INFINITY,
        1e-40,
        -1e-40,
        3e38,
        -3e38,
        88.7,
        -88.7,
        -103.9,
        -104.1,
        -13.2,
        -14.5,
        -5.5,
        -37.6,
        -38.161,
        -38.45,
        6e4
    };

    @Parameter
    private Device device;

    private Workplace work;

    @BeforeEach
    void open() {
        work = new Workplace(device);
    }

    @AfterEach
    void close() {
        work.close();
    }

    @ParameterizedTest
    @EnumSource
    void staysWithinItsEpsilons(Nonlinearity f) {
        for (DType to : DType.values()) {
            for (DType from : to == to.accumulator() ? new DType[] {to} : new DType[] {to, to.accumulator()}) {
                HostMatrix source = inputs(from, 61, 83);
                DeviceMatrix destination = work.scope.allocate(to, 61, 83);
                work.stream.apply(f, work.upload(source), destination);
                check(f, source, to, work.download(destination));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void gatesWithinItsEpsilons(Nonlinearity f) {
        for (DType dtype : DType.values()) {
            HostMatrix gate = inputs(dtype, 31, 57);
            HostMatrix up = Workplace.uniform(Workplace.random(), dtype, 31, 57);
            DeviceMatrix destination = work.uploadStrided(HostMatrix.allocate(dtype, 31, 57));
            work.stream.applyGated(f, work.uploadStrided(gate), work.upload(up), destination);
            HostMatrix actual = work.download(destination);
            for (long row = 0; row < 31; row++) {
                for (long column = 0; column < 57; column++) {
                    double x = gate.get(row, column);
                    double value = f.apply(x);
                    double factor = up.get(row, column);
                    double slack = (allowed(f, dtype) + 1) * epsilon(dtype.accumulator(), x, value) * Math.abs(factor)
                            + epsilon(dtype.accumulator(), 0, value * factor);
                    assertNear(f + " gate " + x, dtype, value * factor, slack, actual, row, column);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void worksInPlaceAndOnViews(Nonlinearity f) {
        HostMatrix source = inputs(DType.F32, 29, 23);
        DeviceMatrix inPlace = work.upload(source);
        work.stream.apply(f, inPlace, inPlace);
        check(f, source, DType.F32, work.download(inPlace));
        DeviceMatrix view = work.uploadStrided(source);
        work.stream.apply(f, view, view);
        check(f, source, DType.F32, work.download(view));
        DeviceMatrix empty = work.scope.allocate(DType.F32, 0, 23);
        work.stream.apply(f, empty, empty);
    }

    @Test
    void shapesAndDtypesThatDoNotFitAreRefusedByName() {
        DeviceMatrix narrow = work.scope.allocate(DType.BF16, 4, 6);
        DeviceMatrix half = work.scope.allocate(DType.F16, 4, 6);
        assertEquals(
                "from f16 (4, 6) to bf16 (4, 6): the source must have the destination's dtype or its accumulator's",
                assertThrows(IllegalArgumentException.class, () -> work.stream.apply(Nonlinearity.RELU, half, narrow))
                        .getMessage());
        assertEquals(
                "from f16 (4, 5) to f16 (4, 6): shapes must be equal",
                assertThrows(
                                IllegalArgumentException.class,
                                () -> work.stream.applyGated(Nonlinearity.SILU, half, half.columns(0, 5), half))
                        .getMessage());
    }

    private static void check(Nonlinearity f, HostMatrix source, DType to, HostMatrix actual) {
        for (long row = 0; row < actual.rows(); row++) {
            for (long column = 0; column < actual.columns(); column++) {
                double x = source.get(row, column);
                double value = f.apply(x);
                double slack = allowed(f, to) * epsilon(to.accumulator(), x, value);
                assertNear(f + " of " + x, to, value, slack, actual, row, column);
            }
        }
    }

    /** In f64 the expected value has an error of its own. */
    private static int allowed(Nonlinearity f, DType dtype) {
        return dtype == DType.F64 ? 2 * f.epsilons() : f.epsilons();
    }

    /** The value rounded, and what differs from it by at most {@code slack} rounded. */
    private static void assertNear(
            String what, DType dtype, double value, double slack, HostMatrix actual, long row, long column) {
        double found = actual.get(row, column);
        String message = what + " as " + dtype + " is " + found + ", expected " + value + ", seed " + Workplace.SEED;
        if (Double.isNaN(value) || Double.isInfinite(value) || slack == 0) {
            assertEquals(dtype.round(value), found, message);
            return;
        }
        assertTrue(found >= dtype.round(value - slack) && found <= dtype.round(value + slack), message);
    }

    /** One of those that {@link Nonlinearity#epsilons()} counts. */
    private static double epsilon(DType dtype, double x, double value) {
        double floor = Double.isFinite(x) ? Math.max(1, Math.abs(x)) * dtype.smallestSubnormal() : 0;
        return Math.max(2 * dtype.unitRoundoff() * Math.abs(value), floor);
    }

    private static HostMatrix inputs(DType dtype, long rows, long columns) {
        Random random = Workplace.random();
        HostMatrix matrix = HostMatrix.allocate(dtype, rows, columns);
        for (long row = 0; row < rows; row++) {
            for (long column = 0; column < columns; column++) {
                matrix.set(row, column, random.nextGaussian() * (row % 3 == 0 ? 30 : 2));
            }
        }
        for (int i = 0; i < HARD.length; i++) {
            matrix.set(i, i, HARD[i]);
        }
        return matrix;
    }
}
