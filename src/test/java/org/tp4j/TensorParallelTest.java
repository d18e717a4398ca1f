package org.tp4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.FloatBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/** The three functions, on every kind of argument they take; integers, so that the split is exact. */
class TensorParallelTest {
    private static final float[][] X = {{1, -2, 3}, {4, 5, -6}};
    private static final float[][] W = {{1, 2, 3}, {-4, 5, 6}, {7, 8, -9}, {2, 0, 1}, {3, 1, 2}};
    private static final float[][] XWT = {{6, 4, -36, 5, 7}, {-4, -27, 122, 2, 5}};

    private static final float[][] W1 = {{1, -1, 2, 0}, {3, 1, -2, 1}, {0, 2, 1, -1}};
    private static final float[][] W2 = {{1, 2}, {-3, 1}, {2, 0}, {5, -7}};
    /** relu(X W1) = {{0, 3, 9, 0}, {19, 0, 0, 11}}. */
    private static final float[][] MLP = {{9, 3}, {74, -39}};

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 8, 9})
    void floatArrays(int ranks) {
        assertArrayEquals(XWT, TensorParallel.columnParallel(X, W, ranks));
        assertArrayEquals(XWT, TensorParallel.rowParallel(X, W, ranks));
        assertArrayEquals(MLP, TensorParallel.mlp(X, W1, W2, ranks));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 8, 9})
    void doubleArrays(int ranks) {
        assertArrayEquals(doubles(XWT), TensorParallel.columnParallel(doubles(X), doubles(W), ranks));
        assertArrayEquals(doubles(XWT), TensorParallel.rowParallel(doubles(X), doubles(W), ranks));
        assertArrayEquals(doubles(MLP), TensorParallel.mlp(doubles(X), doubles(W1), doubles(W2), ranks));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 8, 9})
    void floatBuffers(int ranks) {
        FloatBuffer x = FloatBuffer.wrap(new float[] {99, 1, -2, 3, 4, 5, -6}).position(1);
        assertArrayEquals(
                flat(XWT),
                TensorParallel.columnParallel(x, FloatBuffer.wrap(flat(W)), 2, 3, 5, ranks)
                        .array());
        assertArrayEquals(
                flat(XWT),
                TensorParallel.rowParallel(x, FloatBuffer.wrap(flat(W)), 2, 3, 5, ranks)
                        .array());
        assertArrayEquals(
                flat(MLP),
                TensorParallel.mlp(x, FloatBuffer.wrap(flat(W1)), FloatBuffer.wrap(flat(W2)), 2, 3, 4, 2, ranks)
                        .array());
        assertEquals(1, x.position(), "the caller's buffer does not move");
    }

    @ParameterizedTest
    @ValueSource(strings = {"f64", "f32", "f16", "bf16"})
    void hostMatricesOfEveryDtype(String label) {
        DType dtype = DType.parse(label);
        try (HostMatrix x = HostMatrix.of(X).to(dtype);
                HostMatrix w = HostMatrix.of(W).to(dtype);
                HostMatrix y = TensorParallel.columnParallel(x, w, 2);
                HostMatrix z = TensorParallel.rowParallel(x, w, 2)) {
            assertEquals(dtype, y.dtype());
            assertArrayEquals(XWT, y.toFloats());
            assertArrayEquals(XWT, z.toFloats());
        }
    }

    @Test
    void whatDoesNotFitIsRefused() {
        assertEquals(
                "w is f32 (4, 2) but x is f32 (2, 3): the last dimensions and the dtypes must be equal",
                assertThrows(IllegalArgumentException.class, () -> TensorParallel.rowParallel(X, W2, 2))
                        .getMessage());
        assertEquals(
                "w1 is f32 (4, 2) but x is f32 (2, 3): the last dimension of x and the first of w1 and the dtypes must be"
                        + " equal",
                assertThrows(IllegalArgumentException.class, () -> TensorParallel.mlp(X, W2, W1, 2))
                        .getMessage());
        assertEquals(
                "ranks is 0: a world has 1 to 4096 ranks",
                assertThrows(IllegalArgumentException.class, () -> TensorParallel.columnParallel(X, W, 0))
                        .getMessage());
    }

    private static double[][] doubles(float[][] values) {
        try (HostMatrix matrix = HostMatrix.of(values)) {
            return matrix.toDoubles();
        }
    }

    private static float[] flat(float[][] values) {
        try (HostMatrix matrix = HostMatrix.of(values)) {
            return matrix.toFloatBuffer().array();
        }
    }
}
