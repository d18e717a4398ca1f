package org.tp4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;

class TensorTest {
    @Test
    void leadingDimensionsComeBackWithOtherFeatures() {
        assertEquals(List.of(2L, 3L, 9L), restored(List.of(2L, 3L, 4L), 9));
        assertEquals(List.of(2L, 9L), restored(List.of(2L, 4L), 9));
        assertEquals(List.of(9L), restored(List.of(4L), 9));
        assertEquals(List.of(9L), restored(List.of(), 9));
        assertEquals(List.of(0L, 3L, 9L), restored(List.of(0L, 3L, 4L), 9));
        assertEquals(List.of(2L, 3L, 0L), restored(List.of(2L, 3L, 4L), 0));
    }

    @Test
    void aShapeThatDoesNotFlattenToTheMatrixIsRefused() {
        try (HostMatrix matrix = HostMatrix.allocate(DType.F32, 6, 4)) {
            assertEquals(
                    "the shape (2, 2, 4) flattens to (4, 4), but the matrix is (6, 4)",
                    assertThrows(IllegalArgumentException.class, () -> new Tensor(List.of(2L, 2L, 4L), matrix))
                            .getMessage());
            assertThrows(IllegalArgumentException.class, () -> Tensor.outputOf(List.of(2L, 3L, 4L), matrix.rows(0, 5)));
            assertEquals(List.of(6L, 4L), Tensor.of(matrix).shape());
            assertSame(matrix, Tensor.of(matrix).matrix());
        }
    }

    @Test
    void shapesArePrintedAsNumPyPrintsThem() {
        assertEquals("()", Tensor.shape(List.of()));
        assertEquals("(5,)", Tensor.shape(List.of(5L)));
        assertEquals("(2, 3, 4)", Tensor.shape(List.of(2L, 3L, 4L)));
    }

    private static List<Long> restored(List<Long> shape, long features) {
        long rows = Tensor.rows(shape);
        try (HostMatrix y = HostMatrix.allocate(DType.F32, rows, features)) {
            return Tensor.outputOf(shape, y).shape();
        }
    }
}
