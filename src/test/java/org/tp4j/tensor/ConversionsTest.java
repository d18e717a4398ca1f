package org.tp4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The 16-bit formats, over all their values and between every two of them. */
class ConversionsTest {
    /** A 16-bit format: its conversions, and its bit pattern of infinity. */
    private enum Format {
        HALF(DType.F16, 0x7c00),
        BFLOAT(DType.BF16, 0x7f80);

        final DType dtype;
        final int infinity;

        Format(DType dtype, int infinity) {
            this.dtype = dtype;
            this.infinity = infinity;
        }

        /** The value of a finite pattern, from the definition of the format. */
        double value(int bits) {
            int fractionBits = dtype.precision() - 1;
            int exponent = Math.max(1, bits >> fractionBits);
            int hidden = bits >> fractionBits == 0 ? 0 : 1 << fractionBits;
            int bias = this == HALF ? 15 : 127;
            return Math.scalb((double) (hidden | (bits & ((1 << fractionBits) - 1))), exponent - bias - fractionBits);
        }

        float toFloat(int bits) {
            return this == HALF ? Float16.toFloat((short) bits) : BFloat16.toFloat((short) bits);
        }

        int fromFloat(float value) {
            return (this == HALF ? Float16.fromFloat(value) : BFloat16.fromFloat(value)) & 0xffff;
        }

        int fromDouble(double value) {
            return (this == HALF ? Float16.fromDouble(value) : BFloat16.fromDouble(value)) & 0xffff;
        }

        /** What lies at {@code bits}, infinity taken as the next power of two. */
        double ladder(int bits) {
            return bits == infinity ? 2 * value(infinity - 1) - value(infinity - 2) : value(bits);
        }
    }

    @ParameterizedTest
    @EnumSource
    void everyBitPatternHasItsValue(Format format) {
        for (int bits = 0; bits < format.infinity; bits++) {
            assertEquals(format.value(bits), format.toFloat(bits));
            assertEquals(-format.value(bits), format.toFloat(bits | 0x8000));
        }
        assertEquals(Float.POSITIVE_INFINITY, format.toFloat(format.infinity));
        assertEquals(Float.NEGATIVE_INFINITY, format.toFloat(format.infinity | 0x8000));
        for (int bits = format.infinity + 1; bits < 0x8000; bits++) {
            assertTrue(Float.isNaN(format.toFloat(bits)));
            assertTrue(Float.isNaN(format.toFloat(bits | 0x8000)));
        }
    }

    @ParameterizedTest
    @EnumSource
    void everyBitPatternComesBack(Format format) {
        int quiet = format == Format.HALF ? 0x200 : 0x40;
        for (int bits = 0; bits < 1 << 16; bits++) {
            boolean nan = (bits & 0x7fff) > format.infinity;
            int expected = nan ? bits | quiet : bits;
            assertEquals(expected, format.fromFloat(format.toFloat(bits)), () -> format + " from float");
            assertEquals(expected, format.fromDouble(format.toFloat(bits)), () -> format + " from double");
        }
    }

    @ParameterizedTest
    @EnumSource
    void roundsToTheNearestAndTiesToEvenBetweenAllNeighbors(Format format) {
        for (int bits = 0; bits < format.infinity; bits++) {
            double middle = (format.ladder(bits) + format.ladder(bits + 1)) / 2; // exact: at most 12 bits
            int even = (bits & 1) == 0 ? bits : bits + 1;
            check(format, middle, even);
            check(format, Math.nextUp(middle), bits + 1);
            check(format, Math.nextDown(middle), bits);
            checkFloat(format, (float) middle, even);
            checkFloat(format, Math.nextUp((float) middle), bits + 1);
            checkFloat(format, Math.nextDown((float) middle), bits);
        }
    }

    @ParameterizedTest
    @EnumSource
    void agreesWithExactDecimalArithmetic(Format format) {
        Random random = new Random(7);
        for (int i = 0; i < 20_000; i++) {
            double value = i % 2 == 0
                    ? Double.longBitsToDouble(random.nextLong())
                    : Math.scalb(random.nextGaussian(), random.nextInt(44) - 28);
            if (Double.isFinite(value)) {
                int sign = Double.doubleToRawLongBits(value) < 0 ? 0x8000 : 0;
                assertEquals(
                        sign | nearest(format, Math.abs(value)),
                        format.fromDouble(value),
                        () -> format + " of " + value);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void extremesAndNotANumber(Format format) {
        assertEquals(format.infinity, format.fromDouble(Double.MAX_VALUE));
        assertEquals(format.infinity, format.fromDouble(Double.POSITIVE_INFINITY));
        assertEquals(format.infinity | 0x8000, format.fromDouble(Double.NEGATIVE_INFINITY));
        assertEquals(0, format.fromDouble(Double.MIN_VALUE));
        assertEquals(0x8000, format.fromDouble(-Double.MIN_VALUE));
        assertEquals(0x8000, format.fromDouble(-0.0));
        assertTrue(Float.isNaN(format.toFloat(format.fromDouble(Double.NaN))));
        assertTrue(Float.isNaN(format.toFloat(format.fromFloat(Float.intBitsToFloat(0x7f800001)))));
        assertTrue(Float.isNaN(format.toFloat(format.fromFloat(Float.intBitsToFloat(0xffffffff)))));
    }

    @ParameterizedTest
    @EnumSource
    void theDtypeDescribesItsFormat(DType dtype) {
        double big = Math.scalb(1.0, dtype.precision());
        assertEquals(big, dtype.round(big));
        assertEquals(big - 1, dtype.round(big - 1));
        assertEquals(big, dtype.round(big + 1));
        assertEquals(1.0, dtype.round(1 + dtype.unitRoundoff()));
        assertTrue(dtype.round(1 + 2 * dtype.unitRoundoff()) > 1);
        assertEquals(dtype.smallestSubnormal(), dtype.round(dtype.smallestSubnormal()));
        assertEquals(0.0, dtype.round(dtype.smallestSubnormal() / 2));
        assertEquals(dtype, DType.parse(dtype.label()));
    }

    @Test
    void anUnknownDtypeIsRefused() {
        assertEquals(
                "dtype 'f8' is unknown: use f64, f32, f16 or bf16",
                assertThrows(IllegalArgumentException.class, () -> DType.parse("f8"))
                        .getMessage());
    }

    private static void check(Format format, double value, int bits) {
        assertEquals(bits, format.fromDouble(value), () -> format + " of " + value);
        assertEquals(bits | 0x8000, format.fromDouble(-value), () -> format + " of -" + value);
        assertEquals(format.toFloat(bits), format.dtype.round(value));
    }

    private static void checkFloat(Format format, float value, int bits) {
        if (value != 0 || bits == 0) { // half of the smallest bf16 subnormal has no float below it but 0
            assertEquals(bits, format.fromFloat(value), () -> format + " of " + value);
            assertEquals(bits | 0x8000, format.fromFloat(-value), () -> format + " of -" + value);
        }
    }

    /** The nearest bit pattern of a number that is not negative, by exact comparison. */
    private static int nearest(Format format, double value) {
        int below = 0;
        int above = format.infinity;
        while (above - below > 1) {
            int middle = (below + above) >>> 1;
            if (format.ladder(middle) <= value) {
                below = middle;
            } else {
                above = middle;
            }
        }
        BigDecimal exact = new BigDecimal(value);
        BigDecimal down = exact.subtract(new BigDecimal(format.ladder(below)));
        BigDecimal up = new BigDecimal(format.ladder(above)).subtract(exact);
        int nearer = down.compareTo(up);
        return nearer < 0 || (nearer == 0 && (below & 1) == 0) ? below : above;
    }
}
