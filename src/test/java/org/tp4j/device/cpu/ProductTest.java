package org.tp4j.device.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Scope;
import org.tp4j.device.ScopeStack;
import org.tp4j.device.Stream;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.WeightLayout;

/** Weights that lie in files: at odd addresses, and across two mappings. */
class ProductTest {
    private static final long COLUMNS = 1 << 20; // 256 rows of f32 fill a mapping of 1 GiB
    private static final long SEED = 20261122;

    @TempDir
    private Path folder;

    /** Rows 250 to 259: six before the end of the first mapping, four after it. */
    @ParameterizedTest
    @EnumSource
    void aWeightAcrossTwoMappingsGivesTheBitsOfOneInMemory(WeightLayout layout) throws IOException {
        try (HostMatrix weight = spanningWeight();
                HostMatrix copy = weight.to(DType.F32)) {
            assertEquals(6, weight.unbrokenRows(0));
            for (long tokens : new long[] {1, 3}) {
                HostMatrix x = uniform(DType.F32, tokens, layout.in(weight));
                assertSameBits(product(x, copy, layout), product(x, weight, layout));
            }
        }
    }

    @Test
    void tokensAcrossTwoMappingsGiveTheBitsOfThoseInMemory() throws IOException {
        try (HostMatrix x = spanningWeight();
                HostMatrix copy = x.to(DType.F32)) {
            HostMatrix w = uniform(DType.F32, 5, COLUMNS);
            assertSameBits(product(copy, w, WeightLayout.OUT_IN), product(x, w, WeightLayout.OUT_IN));
        }
    }

    @ParameterizedTest
    @EnumSource
    void addressesDoNotMatter(DType dtype) throws IOException {
        HostMatrix aligned = uniform(dtype, 130, 517);
        for (int offset : new int[] {1, 3, 4, 12, 20}) {
            HostMatrix odd = mappedAt(offset, aligned);
            for (long tokens : new long[] {1, 2, 33}) {
                HostMatrix x = uniform(dtype, tokens, 517);
                assertSameBits(product(x, aligned, WeightLayout.OUT_IN), product(x, odd, WeightLayout.OUT_IN));
                HostMatrix z = uniform(dtype, tokens, 130);
                assertSameBits(product(z, aligned, WeightLayout.IN_OUT), product(z, odd, WeightLayout.IN_OUT));
            }
        }
    }

    @Test
    void aFileCannotBeADestination() throws IOException {
        try (Stream stream = new CpuBackend().probe().devices().get(0).openStream();
                Scope scope = new ScopeStack(stream).open("a test")) {
            DeviceMatrix x = scope.allocate(DType.F32, 2, 3);
            DeviceMatrix w = scope.allocate(DType.F32, 4, 3);
            DeviceMatrix y = scope.borrow(mappedAt(0, HostMatrix.allocate(DType.F32, 2, 4)));
            assertEquals(
                    "f32 (2, 4) lies in a file and cannot be a destination",
                    assertThrows(IllegalArgumentException.class, () -> stream.gemm(x, w, WeightLayout.OUT_IN, y))
                            .getMessage());
        }
    }

    @Test
    void aBorrowedMatrixThatWasClosedIsRefused() {
        try (Stream stream = new CpuBackend().probe().devices().get(0).openStream();
                Scope scope = new ScopeStack(stream).open("a test")) {
            HostMatrix lent = HostMatrix.allocate(DType.F32, 3, 3);
            DeviceMatrix borrowed = scope.borrow(lent);
            DeviceMatrix y = scope.allocate(DType.F32, 3, 3);
            lent.close();
            assertThrows(IllegalStateException.class, () -> stream.gemm(borrowed, y, WeightLayout.OUT_IN, y));
            assertThrows(IllegalStateException.class, () -> stream.copy(borrowed, y));
        }
    }

    private HostMatrix spanningWeight() throws IOException {
        Path file = folder.resolve("weight");
        long rows = 260;
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.setLength(rows * COLUMNS * 4);
            Random random = new Random(SEED);
            byte[] row = new byte[(int) COLUMNS * 4];
            for (long at = 250; at < rows; at++) {
                ByteBuffer values = ByteBuffer.wrap(row).order(ByteOrder.nativeOrder());
                while (values.hasRemaining()) {
                    values.putFloat(random.nextFloat() - 0.5f);
                }
                sparse.seek(at * COLUMNS * 4);
                sparse.write(row);
            }
            return HostMatrix.map(sparse.getChannel(), 0, DType.F32, rows, COLUMNS)
                    .rows(250, rows);
        }
    }

    private HostMatrix mappedAt(int offset, HostMatrix values) throws IOException {
        Path file = folder.resolve("at" + offset);
        try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
            FileChannel channel = bytes.getChannel();
            channel.position(offset);
            for (long row = 0; row < values.rows(); row++) {
                channel.write(values.bytes(row, 0, (int) values.columns()));
            }
            return HostMatrix.map(channel, offset, values.dtype(), values.rows(), values.columns());
        }
    }

    private static HostMatrix product(HostMatrix x, HostMatrix w, WeightLayout layout) {
        try (Stream stream = new CpuBackend().probe().devices().get(0).openStream();
                Scope scope = new ScopeStack(stream).open("a product")) {
            DType wide = x.dtype().accumulator();
            HostMatrix result = HostMatrix.allocate(wide, x.rows(), layout.out(w));
            stream.gemm(scope.borrow(x), scope.borrow(w), layout, scope.borrow(result));
            return result;
        }
    }

    private static HostMatrix uniform(DType dtype, long rows, long columns) {
        Random random = new Random(SEED);
        HostMatrix matrix = HostMatrix.allocate(dtype, rows, columns);
        for (long row = 0; row < rows; row++) {
            for (long column = 0; column < columns; column++) {
                matrix.set(row, column, random.nextDouble() - 0.5);
            }
        }
        return matrix;
    }

    private static void assertSameBits(HostMatrix expected, HostMatrix actual) {
        for (long row = 0; row < expected.rows(); row++) {
            for (long column = 0; column < expected.columns(); column++) {
                if (expected.get(row, column) != actual.get(row, column)) {
                    assertEquals(
                            expected.get(row, column), actual.get(row, column), "at (" + row + ", " + column + ")");
                }
            }
        }
    }
}
