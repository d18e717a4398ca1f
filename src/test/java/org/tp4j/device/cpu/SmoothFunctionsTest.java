package org.tp4j.device.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tp4j.device.Nonlinearity;

class SmoothFunctionsTest {
    /** Every 16411th float from the largest to the smallest: rounded to f32, at most one ulp off. */
    @ParameterizedTest
    @EnumSource(names = {"GELU", "GELU_TANH", "SILU"})
    void allOfF32(Nonlinearity f) {
        double[] value = new double[1];
        for (long bits = Integer.MIN_VALUE; bits <= Integer.MAX_VALUE; bits += 16411) {
            float x = Float.intBitsToFloat((int) bits);
            value[0] = x;
            SmoothFunctions.apply(f, value, 1);
            double expected = f.apply(x);
            float found = (float) value[0];
            if (Double.isNaN(expected) || Float.isInfinite((float) expected)) {
                assertEquals((float) expected, found, f + " of " + x);
            } else {
                double ulps = Math.abs(found - expected) / Math.ulp((float) expected);
                assertTrue(ulps <= 1, f + " of " + x + " is " + found + ", " + ulps + " ulps from " + expected);
            }
        }
    }

    @Test
    void whatIsExactIsNotSmooth() {
        assertThrows(IllegalArgumentException.class, () -> SmoothFunctions.apply(Nonlinearity.RELU, new double[1], 1));
    }
}
