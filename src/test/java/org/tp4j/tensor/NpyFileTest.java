package org.tp4j.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class NpyFileTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "=f4"})
    void floatingPointOfBothByteOrders(String descr) throws IOException {
        double[] values = {1, -2.5, 3, 4, 1.0 / 3, -6};
        Tensor tensor = read(NpyBytes.file(descr, false, "(2, 3)", NpyBytes.numbers(descr, values)));
        DType dtype = DType.parse(descr.substring(1).equals("f2") ? "f16" : descr.endsWith("4") ? "f32" : "f64");
        assertEquals(dtype, tensor.matrix().dtype());
        assertEquals(List.of(2L, 3L), tensor.shape());
        for (int i = 0; i < 6; i++) {
            assertEquals(dtype.round(values[i]), tensor.matrix().get(i / 3, i % 3));
        }
        tensor.close();
    }

    @ParameterizedTest
    @CsvSource({"<f2,7c01", ">f2,fe01", "<f4,7f800001", ">f4,ffc12345", "<f8,7ff0000000000001", ">f8,fff8000000000123"})
    void bitsOfNotANumberAreKept(String descr, String bits) throws IOException {
        long value = Long.parseUnsignedLong(bits, 16);
        ByteBuffer data = ByteBuffer.allocate(Long.BYTES).putLong(0, value); // big-endian
        int size = descr.charAt(2) - '0';
        byte[] element = new byte[size];
        for (int i = 0; i < size; i++) {
            element[descr.charAt(0) == '>' ? i : size - 1 - i] = data.get(8 - size + i);
        }
        try (Tensor tensor = read(NpyBytes.file(descr, false, "(1,)", element))) {
            ByteBuffer read = tensor.matrix().bytes(0, 0, 1);
            long found = switch (size) {
                case 2 -> read.getShort(0) & 0xffffL;
                case 4 -> read.getInt(0) & 0xffff_ffffL;
                default -> read.getLong(0);
            };
            assertEquals(Long.toHexString(value), Long.toHexString(found));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void allVersions(int major) throws IOException {
        byte[] data = NpyBytes.numbers("<f4", 1, 2);
        try (Tensor tensor = read(NpyBytes.file(major, NpyBytes.dictionary("<f4", false, "(2, 1)"), data))) {
            assertArrayEquals(new double[][] {{1}, {2}}, tensor.matrix().toDoubles());
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"shape\":(2,1),\"fortran_order\":False,\"descr\":\"<f4\"}",
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 1L), }",
                "  { 'fortran_order' : False , 'shape' : ( 2 , 1 , ) , 'descr' : '<f4' }",
            })
    void otherSpellingsOfTheSameHeader(String dictionary) throws IOException {
        try (Tensor tensor = read(NpyBytes.file(1, dictionary, NpyBytes.numbers("<f4", 1, 2)))) {
            assertArrayEquals(new double[][] {{1}, {2}}, tensor.matrix().toDoubles());
        }
    }

    @Test
    void unalignedData() throws IOException {
        byte[] header =
                "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2)}\n".getBytes(StandardCharsets.US_ASCII);
        assertTrue((10 + header.length) % 8 != 0);
        try (Tensor tensor = read(NpyBytes.raw(1, header, NpyBytes.numbers("<f8", 3, 4)))) {
            assertArrayEquals(new double[][] {{3, 4}}, tensor.matrix().toDoubles());
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "();1;1",
                "(3,);1;3",
                "(2, 3);2;3",
                "(2, 3, 4);6;4",
                "(2, 1, 3, 2);6;2",
                "(0,);1;0",
                "(0, 3);0;3",
                "(3, 0);3;0",
                "(2, 0, 3);0;3",
                "(1152921504606846976, 0);1152921504606846976;0"
            })
    void leadingDimensionsAreFlattened(String shape, long rows, long columns) throws IOException {
        double[] values = new double[columns == 0 ? 0 : (int) (rows * columns)];
        for (int i = 0; i < values.length; i++) {
            values[i] = i;
        }
        for (String descr : List.of("<f4", ">f4", "<i2")) {
            try (Tensor tensor = read(NpyBytes.file(descr, false, shape, NpyBytes.numbers(descr, values)))) {
                assertEquals(shape, tensor.shapeText());
                assertEquals(rows, tensor.matrix().rows());
                assertEquals(columns, tensor.matrix().columns());
                for (int i = 0; i < values.length; i++) {
                    assertEquals(i, tensor.matrix().get(i / columns, i % columns));
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"|i1", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", ">i2", "<i4"})
    void fortranOrderOfAnyDimensions(String descr) throws IOException {
        int[][] shapes = {{}, {4}, {3, 4}, {2, 3, 4}, {3, 1, 2, 2}, {1, 5}, {300, 3}, {3, 130}, {7, 40, 70}, {0, 3}};
        for (int[] shape : shapes) {
            int count = 1;
            for (int dimension : shape) {
                count *= dimension;
            }
            double[] values = new double[count];
            for (int n = 0; n < count; n++) {
                values[fortranPosition(shape, n)] = n % 120;
            }
            String text = Tensor.shape(longs(shape));
            try (Tensor tensor = read(NpyBytes.file(descr, true, text, NpyBytes.numbers(descr, values)))) {
                assertEquals(text, tensor.shapeText());
                long columns = tensor.matrix().columns();
                for (int n = 0; n < count; n++) {
                    assertEquals(n % 120, tensor.matrix().get(n / columns, n % columns), text);
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "|b1,0,1",
        "|i1,-128,127",
        "|u1,0,255",
        "<i2,-32768,32767",
        ">u2,0,65535",
        "<i4,-16777216,16777215",
        ">u4,0,16777216",
        "<i8,-16777216,4"
    })
    void integersThatF32HoldsBecomeF32(String descr, double low, double high) throws IOException {
        try (Tensor tensor = read(NpyBytes.file(descr, false, "(1, 2)", NpyBytes.numbers(descr, low, high)))) {
            assertEquals(DType.F32, tensor.matrix().dtype());
            assertArrayEquals(new double[][] {{low, high}}, tensor.matrix().toDoubles());
        }
    }

    @ParameterizedTest
    @CsvSource({"<i4,-16777217,5", ">u4,16777217,4294967295", "<i8,9007199254740992,-9007199254740991"})
    void integersThatOnlyF64HoldsBecomeF64(String descr, double low, double high) throws IOException {
        try (Tensor tensor = read(NpyBytes.file(descr, false, "(1, 2)", NpyBytes.numbers(descr, low, high)))) {
            assertEquals(DType.F64, tensor.matrix().dtype());
            assertArrayEquals(new double[][] {{low, high}}, tensor.matrix().toDoubles());
        }
    }

    @Test
    void theLargest64BitIntegersThatAreExact() throws IOException {
        long[] values = {Long.MIN_VALUE, Long.MAX_VALUE - 1023, -1};
        try (Tensor tensor = read(NpyBytes.file("<i8", false, "(3,)", NpyBytes.longs(values)))) {
            assertEquals(DType.F64, tensor.matrix().dtype());
            assertArrayEquals(
                    new double[][] {{-0x1p63, 0x1p63 - 1024, -1}},
                    tensor.matrix().toDoubles());
        }
        try (Tensor tensor = read(NpyBytes.file("<u8", false, "(2,)", NpyBytes.longs(-2048L, Long.MIN_VALUE)))) {
            assertArrayEquals(
                    new double[][] {{0x1p64 - 2048, 0x1p63}}, tensor.matrix().toDoubles());
        }
        try (Tensor tensor = read(NpyBytes.file("<u8", false, "(1,)", NpyBytes.longs(Long.MIN_VALUE)))) {
            assertEquals(DType.F32, tensor.matrix().dtype(), "2^63 is one bit wide");
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatIsWrittenIsReadAgain(DType dtype) throws IOException {
        Random random = new Random(3);
        try (HostMatrix matrix = HostMatrix.allocate(dtype, 6, 1021)) {
            for (int i = 0; i < 6 * 1021; i++) {
                matrix.set(i / 1021, i % 1021, random.nextGaussian());
            }
            Path file = folder.resolve("y.npy");
            HostMatrix view = matrix.columns(3, 1000);
            NpyFile.write(file, new Tensor(List.of(2L, 3L, 997L), view));
            try (Tensor read = NpyFile.read(file)) {
                assertEquals(List.of(2L, 3L, 997L), read.shape());
                assertEquals(
                        dtype == DType.BF16 ? DType.F32 : dtype, read.matrix().dtype());
                assertArrayEquals(view.toDoubles(), read.matrix().toDoubles());
            }
        }
    }

    @Test
    void theWrittenBytesAreTheFormat() throws IOException {
        Path file = folder.resolve("y.npy");
        try (HostMatrix matrix = HostMatrix.of(new float[][] {{1, -2}})) {
            NpyFile.write(file, new Tensor(List.of(2L), matrix));
        }
        String dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
        byte[] header =
                (dictionary + " ".repeat(118 - dictionary.length() - 1) + "\n").getBytes(StandardCharsets.US_ASCII);
        assertArrayEquals(NpyBytes.raw(1, header, NpyBytes.numbers("<f4", 1, -2)), Files.readAllBytes(file));
    }

    @Test
    void noDimensionsAndNoElementsAreWritten() throws IOException {
        for (Tensor tensor : List.of(
                new Tensor(List.of(), HostMatrix.of(new double[][] {{7}})),
                Tensor.of(HostMatrix.allocate(DType.F16, 0, 3)),
                Tensor.of(HostMatrix.allocate(DType.F16, 1L << 60, 0)))) {
            Path file = folder.resolve("small.npy");
            NpyFile.write(file, tensor);
            try (Tensor read = NpyFile.read(file)) {
                assertEquals(tensor.shape(), read.shape());
                assertEquals(tensor.matrix().dtype(), read.matrix().dtype());
            }
            tensor.close();
        }
    }

    @Test
    void aFileOverTwoGibibytesIsReadWhereItIsAskedFor() throws IOException {
        long columns = 1 << 10;
        long rows = (5L << 30) / 4 / columns; // 5 GiB of zeros with a mark at the end, sparse
        Path file = folder.resolve("large.npy");
        byte[] header = NpyBytes.file("<f4", false, "(" + rows + ", " + columns + ")", new byte[0]);
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE_NEW, StandardOpenOption.SPARSE, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(header), 0);
            ByteBuffer mark =
                    ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(0, 5);
            channel.write(mark, header.length + rows * columns * 4 - 4);
        }
        long before = Account.settled();
        try (TensorSource tensor = NpyFile.open(file);
                HostMatrix corner = HostMatrix.allocate(DType.F32, 2, 2)) {
            tensor.matrix().rows(rows - 2, rows).columns(columns - 2, columns).copyTo(corner);
            assertArrayEquals(new double[][] {{0, 0}, {0, 5}}, corner.toDoubles());
            assertEquals(before + 16, HostMemory.liveBytes());
        }
    }

    @Test
    void copiesAreFreedWithTheirTensor() throws IOException {
        long before = Account.settled();
        Tensor tensor = read(NpyBytes.file(">i4", true, "(2, 2)", NpyBytes.numbers(">i4", 1, 2, 3, 4)));
        assertEquals(before + 4 * 4, HostMemory.liveBytes());
        tensor.close();
        assertEquals(before, HostMemory.liveBytes());
        byte[] tooWide = NpyBytes.file("<i8", true, "(1, 2)", NpyBytes.longs(1, Long.MAX_VALUE));
        assertThrows(MatrixFileException.class, () -> read(tooWide));
        assertEquals(before, HostMemory.liveBytes());
    }

    private Tensor read(byte[] bytes) throws IOException {
        return NpyFile.read(Files.write(folder.resolve("x.npy"), bytes));
    }

    /** Where the n-th element in C order lies in Fortran order. */
    private static int fortranPosition(int[] shape, int n) {
        int[] strides = new int[shape.length];
        int stride = 1;
        for (int i = 0; i < shape.length; i++) {
            strides[i] = stride;
            stride *= shape[i];
        }
        int rest = n;
        int position = 0;
        for (int i = shape.length - 1; i >= 0; i--) {
            position += rest % shape[i] * strides[i];
            rest /= shape[i];
        }
        return position;
    }

    private static List<Long> longs(int[] values) {
        return Arrays.stream(values).mapToObj(value -> (long) value).toList();
    }
}
