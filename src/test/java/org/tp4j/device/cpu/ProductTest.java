package org.tp4j.device.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
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
import org.tp4j.tensor.MatrixSource;
import org.tp4j.tensor.NpyFile;
import org.tp4j.tensor.Tensor;
import org.tp4j.tensor.TensorSource;
import org.tp4j.tensor.WeightLayout;

/** Weights at any address, and in files. */
class ProductTest {
    private static final long SEED = 20261122;

    @TempDir
    private Path folder;

    @ParameterizedTest
    @EnumSource
    void addressesDoNotMatter(DType dtype) {
        HostMatrix wide = uniform(dtype, 130, 540);
        HostMatrix expected = wide.columns(0, 517);
        for (int offset : new int[] {1, 3, 4, 12, 20}) {
            HostMatrix moved = HostMatrix.allocate(dtype, 130, 540).columns(offset, offset + 517);
            expected.copyTo(moved);
            for (long tokens : new long[] {1, 2, 33}) {
                HostMatrix x = uniform(dtype, tokens, 517);
                assertSameBits(product(x, expected, WeightLayout.OUT_IN), product(x, moved, WeightLayout.OUT_IN));
                HostMatrix z = uniform(dtype, tokens, 130);
                assertSameBits(product(z, expected, WeightLayout.IN_OUT), product(z, moved, WeightLayout.IN_OUT));
            }
        }
    }

    /** W is of several blocks, for any number of tokens and in both layouts; the parts of a file are views. */
    @ParameterizedTest
    @EnumSource
    void aWeightInAFileGivesTheBitsOfOneInMemory(DType dtype) throws IOException {
        Path file = folder.resolve("w.npy");
        try (HostMatrix weight = uniform(dtype == DType.BF16 ? DType.F32 : dtype, 4200, 517)) {
            NpyFile.write(file, Tensor.of(weight));
        }
        try (TensorSource whole = NpyFile.open(file)) {
            for (MatrixSource w : List.of(
                    whole.matrix(),
                    whole.matrix().columns(3, 300),
                    whole.matrix().rows(5, 2100))) {
                try (HostMatrix copy = HostMatrix.allocate(w.dtype(), w.rows(), w.columns())) {
                    w.copyTo(copy);
                    for (WeightLayout layout : WeightLayout.values()) {
                        for (long tokens : new long[] {1, 3, 70}) {
                            HostMatrix x = uniform(w.dtype(), tokens, layout.in(w));
                            assertSameBits(product(x, copy, layout), product(x, w, layout));
                        }
                    }
                }
            }
        }
    }

    @Test
    void aWeightInAFileOfManyBlocksOfInputs() throws IOException {
        Path file = folder.resolve("w.npy");
        try (HostMatrix w = uniform(DType.F32, 4500, 4000)) { // 72 MB
            NpyFile.write(file, Tensor.of(w));
            HostMatrix x = uniform(DType.F32, 2, 4500);
            try (TensorSource source = NpyFile.open(file)) {
                assertSameBits(product(x, w, WeightLayout.IN_OUT), product(x, source.matrix(), WeightLayout.IN_OUT));
            }
        }
    }

    @Test
    void aWeightInAFileServesForNothingElse() throws IOException {
        Path file = folder.resolve("w.npy");
        NpyFile.write(file, Tensor.of(uniform(DType.F32, 4, 3)));
        try (Stream stream = new CpuBackend().probe().devices().get(0).openStream();
                TensorSource source = NpyFile.open(file);
                Scope scope = new ScopeStack(stream).open("a test")) {
            DeviceMatrix w = scope.borrowWeight(source.matrix(), DType.F32);
            DeviceMatrix y = scope.allocate(DType.F32, 4, 3);
            assertEquals(
                    "f32 (4, 3) lies in a file: it can only be the weight of a product",
                    assertThrows(IllegalArgumentException.class, () -> stream.copy(w, y))
                            .getMessage());
            assertThrows(IllegalArgumentException.class, () -> stream.zero(w));
            assertThrows(
                    IllegalArgumentException.class,
                    () -> stream.gemm(
                            w, scope.allocate(DType.F32, 2, 3), WeightLayout.OUT_IN, scope.allocate(DType.F32, 4, 2)));
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

    private static HostMatrix product(HostMatrix x, MatrixSource w, WeightLayout layout) {
        try (Stream stream = new CpuBackend().probe().devices().get(0).openStream();
                Scope scope = new ScopeStack(stream).open("a product")) {
            DType wide = x.dtype().accumulator();
            HostMatrix result = HostMatrix.allocate(wide, x.rows(), layout.out(w));
            stream.gemm(scope.borrow(x), scope.borrowWeight(w, w.dtype()), layout, scope.borrow(result));
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
