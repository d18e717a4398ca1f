package org.tp4j.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

class BitsTest {
    @ParameterizedTest
    @EnumSource(DType.class)
    void theFirstDifferenceIsNamed(DType dtype) {
        HostMatrix a = HostMatrix.of(new double[][] {{1, 2}, {3, 4}}).to(dtype);
        HostMatrix b = a.to(dtype);
        assertEquals(Optional.empty(), Bits.difference(a, b));
        b.set(1, 0, 5);
        b.set(1, 1, 5);
        assertEquals(Optional.of("element (1, 0) is 3.0 in one and 5.0 in the other"), Bits.difference(a, b));
    }

    @Test
    void nansAreOneValueAndZerosAreTwo() {
        HostMatrix nan = HostMatrix.of(new double[][] {{Double.NaN, 0}});
        HostMatrix otherNan = HostMatrix.of(new double[][] {{Double.longBitsToDouble(0xfff8_0000_0000_0123L), 0}});
        assertTrue(Bits.equal(nan, otherNan));
        assertFalse(Bits.equal(nan, HostMatrix.of(new double[][] {{Double.NaN, -0.0}})));
        assertFalse(Bits.equal(nan, HostMatrix.of(new double[][] {{0, 0}})));
    }

    @Test
    void shapeAndDtypeCount() {
        HostMatrix a = HostMatrix.allocate(DType.F32, 2, 3);
        assertEquals(
                Optional.of("one is f32 (2, 3), the other f32 (3, 2)"),
                Bits.difference(a, HostMatrix.allocate(DType.F32, 3, 2)));
        assertFalse(Bits.equal(a, HostMatrix.allocate(DType.F64, 2, 3)));
    }
}
