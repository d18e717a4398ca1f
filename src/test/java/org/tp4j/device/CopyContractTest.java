package org.tp4j.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.tp4j.device.Workplace.assertSameBits;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

@ParameterizedClass
@MethodSource("org.tp4j.device.TestDevices#all")
class CopyContractTest {
    private static final int[][] SHAPES = {{1, 1}, {1, 5003}, {5003, 1}, {17, 19}, {2, 4097}, {0, 3}, {3, 0}, {0, 0}};

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
    void whatIsUploadedComesBack(DType dtype) {
        Random random = Workplace.random();
        for (int[] shape : SHAPES) {
            HostMatrix source = Workplace.uniform(random, dtype, shape[0], shape[1]);
            assertSameBits("packed", source::get, work.download(work.upload(source)));
            assertSameBits("strided", source::get, work.download(work.uploadStrided(source)));
            assertSameBits("borrowed", source::get, work.download(work.scope.borrow(source)));
        }
    }

    /** From every dtype to every dtype with one rounding: halfway cases, overflow, subnormals, NaN, infinities. */
    @ParameterizedTest
    @EnumSource
    void uploadsRoundOnce(DType from) {
        Random random = Workplace.random();
        double[] hard = {
            1 + 0x1p-8,
            1 + 0x1p-8 + 0x1p-40,
            1 + 0x3p-8 - 0x1p-40,
            1 + 0x3p-11 - 0x1p-40,
            0x1p-24 * 1.5 + 0x1p-60,
            1 + 3 * 0x1p-9,
            1 + 0x1p-11,
            1 + 0x1p-11 + 0x1p-40,
            2049,
            65519.999,
            65520,
            0x1p-24,
            0x1p-25,
            0x1.8p-25,
            0x1p-133,
            0x1p-149,
            0x1p-150,
            -0.0,
            Double.NaN,
            Double.POSITIVE_INFINITY,
            -1e300,
            1e-300
        };
        HostMatrix source = Workplace.uniform(random, from, 70, 101);
        for (int i = 0; i < hard.length; i++) {
            source.set(3L * i, i, hard[i]);
        }
        for (DType to : DType.values()) {
            assertSameBits(
                    from + " to " + to,
                    (row, column) -> to.round(source.get(row, column)),
                    work.download(work.scope.upload(source, to)));
        }
    }

    @ParameterizedTest
    @EnumSource
    void copiesKeepToTheirPartOfAMatrix(DType dtype) {
        Random random = Workplace.random();
        HostMatrix before = Workplace.uniform(random, dtype, 12, 40);
        HostMatrix source = Workplace.uniform(random, dtype, 5, 30);
        for (DeviceMatrix from : List.of(work.upload(source), work.uploadStrided(source))) {
            DeviceMatrix whole = work.upload(before);
            work.stream.copy(from, whole.rows(4, 9).columns(7, 37));
            assertSameBits(
                    "a copy inside",
                    (row, column) -> inside(row, column) ? source.get(row - 4, column - 7) : before.get(row, column),
                    work.download(whole));
            work.stream.zero(whole.rows(4, 9).columns(7, 37));
            assertSameBits(
                    "zeros inside",
                    (row, column) -> inside(row, column) ? 0.0 : before.get(row, column),
                    work.download(whole));
        }
    }

    @Test
    void viewsOfViewsShareMemory() {
        HostMatrix source = Workplace.integers(Workplace.random(), DType.F32, 10, 10, 1000);
        DeviceMatrix view =
                work.upload(source).rows(2, 9).columns(1, 8).rows(1, 3).columns(2, 5);
        assertEquals(10, view.rowStride());
        assertEquals(24, view.byteSize());
        assertSameBits("a view", (row, column) -> source.get(row + 3, column + 3), work.download(view));
        assertThrows(IndexOutOfBoundsException.class, () -> view.rows(0, 3));
        assertThrows(IndexOutOfBoundsException.class, () -> view.columns(-1, 2));
    }

    @Test
    void shapesAndDtypesThatDifferAreRefusedByName() {
        DeviceMatrix matrix = work.scope.allocate(DType.F32, 4, 6);
        DeviceMatrix half = work.scope.allocate(DType.F16, 4, 6);
        HostMatrix host = HostMatrix.allocate(DType.F32, 6, 4);
        HostMatrix wide = HostMatrix.allocate(DType.F64, 4, 6);
        assertEquals(
                "from f32 (6, 4) to f32 (4, 6): shapes must be equal", refusal(() -> work.stream.upload(host, matrix)));
        assertEquals(
                "from f32 (4, 6) to f64 (4, 6): dtypes must be equal",
                refusal(() -> work.stream.download(matrix, wide, Workplace.LIMIT)));
        assertEquals(
                "from f32 (4, 6) to f16 (4, 6): dtypes must be equal", refusal(() -> work.stream.copy(matrix, half)));
        assertEquals(
                "from f32 (3, 6) to f32 (4, 6): shapes must be equal",
                refusal(() -> work.stream.copy(matrix.rows(0, 3), matrix)));
    }

    private static String refusal(Executable call) {
        return assertThrows(IllegalArgumentException.class, call).getMessage();
    }

    private static boolean inside(long row, long column) {
        return row >= 4 && row < 9 && column >= 7 && column < 37;
    }
}
