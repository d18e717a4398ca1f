package org.tp4j.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.tp4j.device.Workplace.assertSameBits;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
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

/** Every sum is compared bit for bit with one taken element by element, as {@link Stream#reduce} says. */
@ParameterizedClass
@MethodSource("org.tp4j.device.TestDevices#all")
class ReduceContractTest {
    private static final int MOST_PARTS = 9;

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
    void oneToNinePartsAndSeventeen(DType dtype) {
        Random random = Workplace.random();
        for (int count : IntStream.concat(IntStream.rangeClosed(1, MOST_PARTS), IntStream.of(17))
                .toArray()) {
            List<HostMatrix> parts = parts(random, dtype, count, 7, 13);
            check(dtype, parts, Optional.empty(), Optional.empty());
        }
    }

    /** Shapes around the lengths that backends work in, with every combination of addends. */
    @ParameterizedTest
    @EnumSource
    void awkwardShapesWithBiasAndResidual(DType dtype) {
        Random random = Workplace.random();
        int[][] shapes = {{1, 1}, {1, 9001}, {9001, 1}, {3, 4095}, {3, 4096}, {3, 4097}, {101, 103}, {0, 5}, {5, 0}};
        for (int[] shape : shapes) {
            List<HostMatrix> parts = parts(random, dtype, 3, shape[0], shape[1]);
            for (DType addend : List.of(dtype, dtype.accumulator())) {
                Optional<HostMatrix> bias = Optional.of(Workplace.uniform(random, addend, 1, shape[1]));
                Optional<HostMatrix> residual = Optional.of(Workplace.uniform(random, addend, shape[0], shape[1]));
                check(dtype, parts, bias, Optional.empty());
                check(dtype, parts, Optional.empty(), residual);
                check(dtype, parts, bias, residual);
            }
        }
    }

    /** Several destinations get the same elements, and those outside the range keep theirs. */
    @ParameterizedTest
    @EnumSource
    void onlyTheRangeIsWrittenIntoEveryDestination(DType dtype) {
        Random random = Workplace.random();
        long rows = 5;
        long columns = 1999;
        List<HostMatrix> parts = parts(random, dtype, 4, rows, columns);
        HostMatrix bias = Workplace.uniform(random, dtype, 1, columns);
        HostMatrix before = Workplace.uniform(random, dtype, rows, columns);
        for (long[] range : new long[][] {{0, 0}, {0, 1}, {1998, 2000}, {17, 9000}, {4000, 9995}, {9995, 9995}}) {
            List<DeviceMatrix> destinations = List.of(work.upload(before), work.upload(before), work.upload(before));
            work.stream.reduce(
                    uploaded(parts),
                    range[0],
                    range[1],
                    new Addends(Optional.of(work.upload(bias)), Optional.empty()),
                    destinations);
            for (DeviceMatrix destination : destinations) {
                assertSameBits(
                        dtype + " [" + range[0] + ", " + range[1] + ")",
                        (row, column) -> {
                            long at = row * columns + column;
                            return at < range[0] || at >= range[1]
                                    ? before.get(row, column)
                                    : expected(dtype, parts, row, column, bias.get(0, column), 0, 1);
                        },
                        work.download(destination));
            }
        }
    }

    /** Starting from 0 instead of from part 0 would turn -0 into +0. */
    @ParameterizedTest
    @EnumSource
    void negativeZeroStays(DType dtype) {
        HostMatrix part = HostMatrix.allocate(dtype.accumulator(), 1, 3);
        part.set(0, 1, -0.0);
        for (List<HostMatrix> parts : List.of(List.of(part), List.of(part, part, part))) {
            check(dtype, parts, Optional.empty(), Optional.empty());
        }
        assertEquals(-0.0, sum(dtype, List.of(part, part)).get(0, 1));
    }

    /** Sums of partials beyond a 16-bit dtype's range and precision: one rounding, after the last addition. */
    @ParameterizedTest
    @EnumSource
    void roundsOnceAfterTheLastAddition(DType dtype) {
        DType wide = dtype.accumulator();
        double large = 0x1p20;
        HostMatrix plus = HostMatrix.allocate(wide, 1, 1);
        plus.set(0, 0, large + 1);
        HostMatrix minus = HostMatrix.allocate(wide, 1, 1);
        minus.set(0, 0, -large);
        assertEquals(1.0, sum(dtype, List.of(plus, minus)).get(0, 0));
    }

    /** Whichever it is: alone and among others, plain, with a bias, and with a residual. Parts are of accumulators' dtypes. */
    @ParameterizedTest
    @EnumSource(names = {"F64", "F32"})
    void anyOnePartMayBeADestination(DType dtype) {
        Random random = Workplace.random();
        for (int count = 1; count <= MOST_PARTS; count++) {
            List<HostMatrix> parts = parts(random, dtype, count, 3, 1501);
            HostMatrix bias = Workplace.uniform(random, dtype, 1, 1501);
            HostMatrix residual = Workplace.uniform(random, dtype, 3, 1501);
            for (int which = 0; which < count; which++) {
                for (int addends = 0; addends < 4; addends++) {
                    List<DeviceMatrix> given = uploaded(parts);
                    List<DeviceMatrix> destinations = new ArrayList<>(List.of(given.get(which)));
                    for (int more = 0; more < addends; more++) {
                        destinations.add(more % 2, work.scope.allocate(dtype, 3, 1501));
                    }
                    Addends added = new Addends(
                            (addends & 1) != 0 ? Optional.of(work.upload(bias)) : Optional.empty(),
                            (addends & 2) != 0 ? Optional.of(work.upload(residual)) : Optional.empty());
                    work.stream.reduce(given, 0, 3 * 1501, added, destinations);
                    int bits = addends;
                    for (DeviceMatrix destination : destinations) {
                        assertSameBits(
                                "part " + which + " of " + count + " is destination "
                                        + destinations.indexOf(given.get(which)) + ", addends " + addends,
                                (row, column) -> expected(
                                        dtype,
                                        parts,
                                        row,
                                        column,
                                        bias.get(0, column),
                                        residual.get(row, column),
                                        bits),
                                work.download(destination));
                    }
                    given.forEach(work.scope::release);
                }
            }
        }
    }

    @Test
    void aPartMayBeThereTwiceAndTheDestination() {
        for (int count : new int[] {2, 3, 4, 8}) {
            DeviceMatrix part = work.upload(Workplace.integers(Workplace.random(), DType.F32, 30, 401, 100));
            HostMatrix before = work.download(part);
            work.stream.reduce(Collections.nCopies(count, part), 0, 30 * 401, Addends.NONE, List.of(part));
            assertSameBits(
                    count + " times itself", (row, column) -> count * before.get(row, column), work.download(part));
        }
    }

    /** More destinations than a device may write at once: none is read after it was written. */
    @Test
    void manyDestinationsMayBeAPartAndTheResidual() {
        Random random = Workplace.random();
        for (int partCount : new int[] {1, 3}) {
            List<HostMatrix> parts = parts(random, DType.F32, partCount, 5, 67);
            HostMatrix residual = Workplace.uniform(random, DType.F32, 5, 67);
            List<DeviceMatrix> given = uploaded(parts);
            DeviceMatrix added = work.upload(residual);
            List<DeviceMatrix> destinations = new ArrayList<>(List.of(added, given.get(0)));
            while (destinations.size() < 19) {
                destinations.add(work.scope.allocate(DType.F32, 5, 67));
            }
            Addends addends = new Addends(Optional.empty(), Optional.of(added));
            work.stream.reduce(given, 0, 5 * 67, addends, destinations);
            for (DeviceMatrix destination : destinations) {
                assertSameBits(
                        partCount + " parts into destination " + destinations.indexOf(destination),
                        (row, column) -> expected(DType.F32, parts, row, column, 0, residual.get(row, column), 2),
                        work.download(destination));
            }
        }
    }

    @Test
    void aStridedResidualIsReadRowByRow() {
        Random random = Workplace.random();
        List<HostMatrix> parts = parts(random, DType.BF16, 2, 6, 35);
        HostMatrix residual = Workplace.uniform(random, DType.BF16, 6, 35);
        DeviceMatrix destination = work.scope.allocate(DType.BF16, 6, 35);
        Addends addends = new Addends(Optional.empty(), Optional.of(work.uploadStrided(residual)));
        work.stream.reduce(uploaded(parts), 0, 6 * 35, addends, List.of(destination));
        assertSameBits(
                "a strided residual",
                (row, column) -> expected(DType.BF16, parts, row, column, 0, residual.get(row, column), 2),
                work.download(destination));
    }

    @Test
    void badArgumentsAreRefusedByName() {
        DeviceMatrix part = work.scope.allocate(DType.F32, 4, 6);
        DeviceMatrix narrow = work.scope.allocate(DType.F16, 4, 6);
        DeviceMatrix strided = work.scope.allocate(DType.F32, 4, 9).columns(0, 6);
        assertEquals(
                "a reduction of 0 parts into 1 destinations: there must be at least one of each",
                refusal(List.of(), part, Addends.NONE));
        assertEquals(
                "from f16 (4, 6) to f32 (4, 6): parts must have the destination's accumulator dtype",
                refusal(List.of(part, narrow), part, Addends.NONE));
        assertEquals(
                "from f32 (2, 6) to f32 (4, 6): shapes must be equal",
                refusal(List.of(part.rows(0, 2)), part, Addends.NONE));
        assertEquals(
                "f32 (4, 6) has rows 9 elements apart: in a reduction its rows must follow each other without a gap",
                refusal(List.of(strided), part, Addends.NONE));
        assertEquals(
                "from f32 (4, 6) to f32 (4, 6): the bias must be one row of as many columns",
                refusal(List.of(part), part, new Addends(Optional.of(part), Optional.empty())));
        assertThrows(
                IndexOutOfBoundsException.class,
                () -> work.stream.reduce(List.of(part), 0, 25, Addends.NONE, List.of(part)));
    }

    private String refusal(List<DeviceMatrix> parts, DeviceMatrix destination, Addends addends) {
        return assertThrows(
                        IllegalArgumentException.class,
                        () -> work.stream.reduce(parts, 0, 24, addends, List.of(destination)))
                .getMessage();
    }

    private void check(DType dtype, List<HostMatrix> parts, Optional<HostMatrix> bias, Optional<HostMatrix> residual) {
        HostMatrix first = parts.get(0);
        DeviceMatrix destination = work.scope.allocate(dtype, first.rows(), first.columns());
        work.stream.reduce(
                uploaded(parts),
                0,
                first.rows() * first.columns(),
                new Addends(bias.map(work::upload), residual.map(work::upload)),
                List.of(destination));
        int addends = (bias.isPresent() ? 1 : 0) + (residual.isPresent() ? 2 : 0);
        assertSameBits(
                parts.size() + " parts " + first + " to " + dtype + ", addends " + addends,
                (row, column) -> expected(
                        dtype,
                        parts,
                        row,
                        column,
                        bias.map(b -> b.get(0, column)).orElse(0.0),
                        residual.map(r -> r.get(row, column)).orElse(0.0),
                        addends),
                work.download(destination));
    }

    private HostMatrix sum(DType dtype, List<HostMatrix> parts) {
        HostMatrix first = parts.get(0);
        DeviceMatrix destination = work.scope.allocate(dtype, first.rows(), first.columns());
        long count = first.rows() * first.columns();
        work.stream.reduce(uploaded(parts), 0, count, Addends.NONE, List.of(destination));
        return work.download(destination);
    }

    private List<DeviceMatrix> uploaded(List<HostMatrix> parts) {
        return parts.stream().map(work::upload).toList();
    }

    private static List<HostMatrix> parts(Random random, DType dtype, int count, long rows, long columns) {
        List<HostMatrix> parts = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            parts.add(Workplace.uniform(random, dtype.accumulator(), rows, columns));
        }
        return parts;
    }

    /** @param addends bit 0: add the bias; bit 1: add the residual */
    private static double expected(
            DType dtype, List<HostMatrix> parts, long row, long column, double bias, double residual, int addends) {
        DType wide = dtype.accumulator();
        List<Double> values = new ArrayList<>();
        parts.forEach(part -> values.add(part.get(row, column)));
        double sum = treeSum(wide, values);
        if ((addends & 1) != 0) {
            sum = wide.round(sum + bias);
        }
        if ((addends & 2) != 0) {
            sum = wide.round(sum + residual);
        }
        return dtype.round(sum);
    }

    /** Level by level: neighbours are added, an odd last value moves up. */
    private static double treeSum(DType wide, List<Double> values) {
        List<Double> level = values;
        while (level.size() > 1) {
            List<Double> next = new ArrayList<>();
            for (int i = 0; i < level.size(); i += 2) {
                next.add(i + 1 < level.size() ? wide.round(level.get(i) + level.get(i + 1)) : level.get(i));
            }
            level = next;
        }
        return level.get(0);
    }
}
