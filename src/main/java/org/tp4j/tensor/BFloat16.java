package org.tp4j.tensor;

/** Conversions of bfloat16 bit patterns; narrowing rounds to nearest, ties to even. */
public final class BFloat16 {
    private BFloat16() {}

    /** The value of a bit pattern; exact. */
    public static float toFloat(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    /** The nearest bit pattern. NaN keeps its sign and upper payload and is made quiet. */
    public static short fromFloat(float value) {
        int bits = Float.floatToRawIntBits(value);
        if ((bits & 0x7fffffff) > 0x7f800000) {
            return (short) ((bits >>> 16) | 0x40);
        }
        return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
    }

    /** The nearest bit pattern, in one rounding. */
    public static short fromDouble(double value) {
        return fromFloat(Float16.roundToOdd(value));
    }
}
