package org.tp4j.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/** The host adds in the order, and rounds at the places, that devices promise. */
class HostTreeTest {
    /** 2^24 + 1 is not in f32. */
    private static final double LARGE = 0x1p24;

    @Test
    void neighboursAreAddedFirstAndAnOddLastPartMovesUp() {
        assertEquals(LARGE, sum(LARGE, 1, 1)); // (L + 1) + 1
        assertEquals(LARGE + 2, sum(LARGE, 0, 1, 1)); // (L + 0) + (1 + 1)
        assertEquals(LARGE, sum(LARGE, 0, 0, 0, 1)); // ((L + 0) + (0 + 0)) + 1
        assertEquals(LARGE + 2, sum(LARGE, 0, 0, 0, 1, 1)); // ((L + 0) + (0 + 0)) + (1 + 1)
        assertEquals(LARGE + 2, sum(LARGE, 0, 0, 0, 0, 1, 1)); // ((L + 0) + (0 + 0)) + ((0 + 1) + 1)
        assertEquals(LARGE + 8, sum(LARGE, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1)); // the last alone
    }

    @Test
    void theBiasIsAddedToTheSumAndTheSumRoundedOnce() {
        List<HostMatrix> parts = List.of(matrix(DType.F32, 1), matrix(DType.F32, 0x1p-9));
        try (HostMatrix sum = new HostTree(parts).sum(Optional.of(matrix(DType.BF16, 0x1p-8)), DType.BF16)) {
            assertEquals(DType.BF16, sum.dtype());
            assertEquals(1 + 0x1p-7, sum.get(0, 0)); // 1, were the sum rounded before the bias is added
        }
    }

    private static double sum(double... parts) {
        List<HostMatrix> matrices = new ArrayList<>();
        for (double part : parts) {
            matrices.add(matrix(DType.F32, part));
        }
        try (HostMatrix sum = new HostTree(matrices).sum(Optional.empty(), DType.F32)) {
            return sum.get(0, 0);
        }
    }

    private static HostMatrix matrix(DType dtype, double element) {
        HostMatrix matrix = HostMatrix.allocate(dtype, 1, 1);
        matrix.set(0, 0, element);
        return matrix;
    }
}
