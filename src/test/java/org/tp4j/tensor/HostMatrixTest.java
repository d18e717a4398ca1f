package org.tp4j.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class HostMatrixTest {
    private static final long GIB = 1L << 30;

    @ParameterizedTest
    @EnumSource
    void startsAsZerosAndKeepsWhatIsStored(DType dtype) {
        try (HostMatrix matrix = HostMatrix.allocate(dtype, 3, 5)) {
            assertArrayEquals(new double[3][5], matrix.toDoubles());
            for (int i = 0; i < 15; i++) {
                matrix.set(i / 5, i % 5, i - 7.5);
            }
            for (int i = 0; i < 15; i++) {
                assertEquals(i - 7.5, matrix.get(i / 5, i % 5));
            }
            assertEquals(15L * dtype.bytes(), matrix.byteSize());
            assertEquals("(3, 5)", matrix.shape());
            assertEquals(dtype + " (3, 5)", matrix.toString());
        }
    }

    @ParameterizedTest
    @EnumSource
    void rowsAreReadAndWrittenInRuns(DType dtype) {
        try (HostMatrix matrix = HostMatrix.allocate(dtype, 2, 6)) {
            matrix.write(0, 1, new float[] {9, 1, 2, 3, 9}, 1, 3);
            matrix.write(1, 2, new double[] {9, -1, 0.5, 9}, 1, 2);
            float[] floats = new float[6];
            matrix.read(0, 0, floats, 0, 6);
            assertArrayEquals(new float[] {0, 1, 2, 3, 0, 0}, floats);
            double[] doubles = {7, 7, 7, 7};
            matrix.read(1, 2, doubles, 1, 2);
            assertArrayEquals(new double[] {7, -1, 0.5, 7}, doubles);
        }
    }

    @ParameterizedTest
    @EnumSource
    void storingRoundsOnce(DType dtype) {
        double value = 1.000000059604645; // just above the middle of two floats; 1 + 2^-8 and 1 + 2^-11 are middles too
        try (HostMatrix matrix = HostMatrix.allocate(dtype, 1, 3)) {
            double[] values = {value, 1 + 0x1p-8 + 0x1p-40, 1 + 0x1p-11 + 0x1p-40};
            matrix.write(0, 0, values, 0, 3);
            for (int column = 0; column < 3; column++) {
                assertEquals(dtype.round(values[column]), matrix.get(0, column));
                matrix.set(0, column, values[column]);
                assertEquals(dtype.round(values[column]), matrix.get(0, column));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void viewsShareMemoryAndKeepTheStride(DType dtype) {
        try (HostMatrix matrix = counting(dtype, 5, 7)) {
            HostMatrix view = matrix.rows(1, 4).columns(2, 6).rows(1, 3).columns(1, 3);
            assertArrayEquals(new double[][] {{17, 18}, {24, 25}}, view.toDoubles());
            assertEquals(7, view.rowStride());
            assertEquals(matrix.address(2, 3), view.address(0, 0));
            view.set(1, 1, -1);
            assertEquals(-1, matrix.get(3, 4));
            assertEquals(4L * dtype.bytes(), view.byteSize());
            assertEquals(0, matrix.rows(5, 5).rows());
            assertEquals(0, matrix.columns(7, 7).columns());
            try (HostMatrix packed = view.to(dtype)) {
                assertEquals(2, packed.rowStride());
                assertArrayEquals(view.toDoubles(), packed.toDoubles());
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void rawAccessAgreesWithElements(DType dtype) {
        try (HostMatrix matrix = counting(dtype, 4, 3)) {
            HostMatrix view = matrix.columns(1, 3);
            assertEquals(2 * dtype.bytes(), view.bytes(3, 0, 2).remaining());
            int at = view.indexInSegment(3, 1);
            double raw = switch (dtype) {
                case F64 -> view.doubles(3).get(at);
                case F32 -> view.floats(3).get(at);
                case F16 -> Float16.toFloat(view.halves(3).get(at));
                case BF16 -> BFloat16.toFloat(view.halves(3).get(at));
            };
            assertEquals(11, raw);
            assertEquals(0, matrix.address(0, 0) % HostMemory.ALIGNMENT);
            assertEquals(3L * dtype.bytes(), matrix.address(1, 0) - matrix.address(0, 0));
        }
    }

    @Test
    void accessOutsideIsRefused() {
        try (HostMatrix matrix = HostMatrix.allocate(DType.F32, 2, 3)) {
            HostMatrix view = matrix.columns(0, 2);
            assertThrows(IndexOutOfBoundsException.class, () -> view.get(0, 2));
            assertThrows(IndexOutOfBoundsException.class, () -> view.get(2, 0));
            assertThrows(IndexOutOfBoundsException.class, () -> view.set(-1, 0, 1));
            assertThrows(IndexOutOfBoundsException.class, () -> view.read(0, 1, new float[3], 0, 2));
            assertThrows(IndexOutOfBoundsException.class, () -> view.read(0, 0, new float[1], 0, 2));
            assertThrows(IndexOutOfBoundsException.class, () -> view.write(0, 0, new double[3], 0, 3));
            assertThrows(IndexOutOfBoundsException.class, () -> view.bytes(0, 0, 3));
            assertThrows(IndexOutOfBoundsException.class, () -> view.address(0, 2));
            assertThrows(IndexOutOfBoundsException.class, () -> matrix.rows(1, 3));
            assertThrows(IndexOutOfBoundsException.class, () -> matrix.columns(2, 1));
            assertArrayEquals(new double[2][3], matrix.toDoubles());
        }
    }

    @Test
    void aClosedMatrixRefusesEveryAccessThroughEveryView() {
        HostMatrix matrix = HostMatrix.allocate(DType.F64, 2, 2);
        HostMatrix view = matrix.rows(0, 1);
        matrix.close();
        matrix.close();
        String message = "the f64 matrix was used after it was closed";
        assertEquals(
                message,
                assertThrows(IllegalStateException.class, () -> view.get(0, 0)).getMessage());
        assertThrows(IllegalStateException.class, () -> view.set(0, 0, 1));
        assertThrows(IllegalStateException.class, () -> view.read(0, 0, new double[1], 0, 1));
        assertThrows(IllegalStateException.class, () -> view.write(0, 0, new float[1], 0, 1));
        assertThrows(IllegalStateException.class, () -> view.bytes(0, 0, 1));
        assertThrows(IllegalStateException.class, () -> view.address(0, 0));
        assertThrows(IllegalStateException.class, () -> view.doubles(0));
    }

    @Test
    void impossibleSizesAreRefusedBeforeMemoryIsTaken() {
        long before = Account.settled();
        assertEquals(
                "a matrix cannot be (-1, 2)",
                assertThrows(IllegalArgumentException.class, () -> HostMatrix.allocate(DType.F32, -1, 2))
                        .getMessage());
        assertEquals(
                "a f64 matrix (4611686018427387904, 4) has more than 2^63 bytes",
                assertThrows(IllegalArgumentException.class, () -> HostMatrix.allocate(DType.F64, 1L << 62, 4))
                        .getMessage());
        assertEquals(
                "a row of 268435457 f32 elements has more than 1073741824 bytes, the most that a row can have",
                assertThrows(IllegalArgumentException.class, () -> HostMatrix.allocate(DType.F32, 1, (1 << 28) + 1))
                        .getMessage());
        assertThrows(OutOfHostMemoryException.class, () -> HostMatrix.allocate(DType.F32, 1L << 40, 1 << 20));
        assertEquals(before, HostMemory.liveBytes());
    }

    @Test
    void emptyMatricesWork() {
        for (DType dtype : DType.values()) {
            for (long[] shape : new long[][] {{0, 0}, {0, 3}, {3, 0}, {1L << 60, 0}}) {
                try (HostMatrix matrix = HostMatrix.allocate(dtype, shape[0], shape[1]);
                        HostMatrix copy = matrix.to(DType.F32)) {
                    assertEquals(0, matrix.byteSize());
                    assertEquals(shape[0], copy.rows());
                    assertEquals(shape[1], copy.columns());
                }
            }
        }
    }

    @Test
    void javaArraysAreCopied() {
        float[][] floats = {{1, 2}, {3, 4}, {5, 6}};
        double[][] doubles = {{0.1, 0.2}};
        try (HostMatrix f32 = HostMatrix.of(floats);
                HostMatrix f64 = HostMatrix.of(doubles);
                HostMatrix buffer = HostMatrix.of(FloatBuffer.wrap(new float[] {9, 1, 2, 3, 4}, 1, 4), 2, 2)) {
            assertArrayEquals(floats, f32.toFloats());
            assertArrayEquals(doubles, f64.toDoubles());
            assertArrayEquals(new float[][] {{1, 2}, {3, 4}}, buffer.toFloats());
        }
        assertEquals(
                "row 1 has 1 elements but row 0 has 2: rows must be equal",
                assertThrows(IllegalArgumentException.class, () -> HostMatrix.of(new float[][] {{1, 2}, {3}}))
                        .getMessage());
        assertEquals(
                "a matrix (2, 3) needs 6 floats, but the buffer has 5",
                assertThrows(IllegalArgumentException.class, () -> HostMatrix.of(FloatBuffer.allocate(5), 2, 3))
                        .getMessage());
    }

    @Test
    void conversionKeepsWhatFitsAndRoundsTheRest() {
        double[][] values = {{1.0 / 3, -2, 65504, 1e-30}};
        try (HostMatrix matrix = HostMatrix.of(values)) {
            for (DType dtype : DType.values()) {
                try (HostMatrix converted = matrix.to(dtype);
                        HostMatrix back = converted.to(DType.F64)) {
                    for (int column = 0; column < 4; column++) {
                        assertEquals(dtype.round(values[0][column]), converted.get(0, column));
                        assertEquals(dtype.round(values[0][column]), back.get(0, column));
                    }
                }
            }
        }
    }

    @Test
    void ownedMemoryOverTwoGibibytesIsOneBlockInSegments() {
        long before = Account.settled();
        long columns = 1000;
        long rows = 3 * GIB / 4 / columns; // 3 GiB, more than -Xmx; untouched pages cost nothing
        assertTrue(rows * columns * 4 > Runtime.getRuntime().maxMemory());
        try (HostMatrix matrix = HostMatrix.allocate(DType.F32, rows, columns)) {
            assertEquals(before + rows * columns * 4, HostMemory.liveBytes());
            long perSegment = GIB / 4 / columns;
            for (long row : new long[] {0, perSegment - 1, perSegment, 2 * perSegment, rows - 1}) {
                matrix.set(row, 999, row + 0.25);
                assertEquals((float) (row + 0.25), matrix.get(row, 999));
                assertEquals((float) (row + 0.25), matrix.floats(row).get(matrix.indexInSegment(row, 999)));
                assertEquals((float) (row + 0.25), matrix.rows(row, row + 1).toFloats()[0][999]);
                assertEquals(
                        (float) (row + 0.25), matrix.bytes(row, 999, 1).getFloat(0), "through bytes of row " + row);
                assertEquals((row * columns + 999) * 4, matrix.address(row, 999) - matrix.address(0, 0));
            }
        }
        assertEquals(before, HostMemory.liveBytes());
    }

    @ParameterizedTest
    @EnumSource
    void elementsAreCopiedOutPackedAndIntoViews(DType dtype) {
        try (HostMatrix matrix = counting(dtype, 5, 7);
                HostMatrix target = HostMatrix.allocate(dtype, 6, 9)) {
            HostMatrix view = matrix.rows(1, 4).columns(2, 6);
            view.copyTo(target.rows(2, 5).columns(5, 9));
            assertArrayEquals(view.toDoubles(), target.rows(2, 5).columns(5, 9).toDoubles());
            assertEquals(0, target.get(2, 4));
            assertEquals(0, target.get(1, 5));
            for (HostMatrix source : new HostMatrix[] {view, matrix, matrix.rows(2, 3), matrix.columns(7, 7)}) {
                int bytes = (int) source.byteSize();
                ByteBuffer packed = ByteBuffer.allocate(bytes + 2).order(ByteOrder.nativeOrder());
                source.copyTo(packed.position(1));
                assertEquals(1 + bytes, packed.position());
                try (HostMatrix again = HostMatrix.allocate(dtype, source.rows(), source.columns())) {
                    for (long row = 0; row < again.rows() && bytes > 0; row++) {
                        int rowBytes = bytes / (int) again.rows();
                        again.bytes(row, 0, (int) again.columns())
                                .put(packed.slice(1 + (int) row * rowBytes, rowBytes));
                    }
                    assertArrayEquals(source.toDoubles(), again.toDoubles());
                }
            }
            assertThrows(BufferOverflowException.class, () -> view.copyTo(ByteBuffer.allocate(1)));
            assertThrows(IllegalArgumentException.class, () -> view.copyTo(target));
        }
    }

    private static HostMatrix counting(DType dtype, int rows, int columns) {
        HostMatrix matrix = HostMatrix.allocate(dtype, rows, columns);
        for (int i = 0; i < rows * columns; i++) {
            matrix.set(i / columns, i % columns, i);
        }
        return matrix;
    }
}
