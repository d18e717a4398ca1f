package org.tp4j.tensor;

/** Conversions of IEEE 754 binary16 bit patterns; narrowing rounds to nearest, ties to even. */
public final class Float16 {
    private Float16() {}

    /** The value of a bit pattern; exact. */
    public static float toFloat(short bits) {
        int sign = (bits & 0x8000) << 16;
        int exponent = (bits >> 10) & 0x1f;
        int fraction = bits & 0x3ff;
        if (exponent == 0x1f) {
            return Float.intBitsToFloat(sign | 0x7f800000 | (fraction << 13));
        }
        if (exponent == 0) {
            float magnitude = fraction * 0x1p-24f;
            return sign == 0 ? magnitude : -magnitude;
        }
        return Float.intBitsToFloat(sign | ((exponent + 112) << 23) | (fraction << 13));
    }

    /** The nearest bit pattern. NaN keeps its sign and upper payload and is made quiet. */
    public static short fromFloat(float value) {
        int bits = Float.floatToRawIntBits(value);
        int sign = (bits >>> 16) & 0x8000;
        int magnitude = bits & 0x7fffffff;
        if (magnitude > 0x7f800000) {
            return (short) (sign | 0x7e00 | ((magnitude >> 13) & 0x3ff));
        }
        if (magnitude >= 0x477ff000) { // 65520: the midpoint above the largest finite half
            return (short) (sign | 0x7c00);
        }
        if (magnitude < 0x38800000) { // below the smallest normal half: a multiple of 2^-24
            float scaled = Math.abs(value) * 0x1p24f;
            return (short) (sign | (int) Math.rint(scaled));
        }
        int rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
        return (short) (sign | ((rounded - 0x38000000) >> 13));
    }

    /** The nearest bit pattern, in one rounding. */
    public static short fromDouble(double value) {
        return fromFloat(roundToOdd(value));
    }

    /**
     * {@code value} as a float that keeps, in its last bit, whether anything was lost: rounding the result to a format
     * at least two bits narrower is then the same as rounding {@code value} itself (Boldo and Melquiond, "Emulation of
     * FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008).
     */
    static float roundToOdd(double value) {
        float nearest = (float) value;
        if (nearest == value || Float.isNaN(nearest)) {
            return nearest;
        }
        if (Float.isInfinite(nearest)) {
            return Double.isInfinite(value) ? nearest : Math.copySign(Float.MAX_VALUE, nearest);
        }
        int bits = Float.floatToRawIntBits(nearest);
        if ((bits & 1) == 0) {
            boolean away = Math.abs((double) nearest) > Math.abs(value);
            bits = bits + (away ? -1 : 1);
        }
        return Float.intBitsToFloat(bits);
    }
}
