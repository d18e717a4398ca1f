package org.tp4j.tensor;

import java.util.Locale;

/** The number format of a matrix's elements. Every conversion rounds to nearest, ties to even. */
public enum DType {
    /** IEEE 754 binary64. */
    F64(8, 53, -1022),
    /** IEEE 754 binary32. */
    F32(4, 24, -126),
    /** IEEE 754 binary16. */
    F16(2, 11, -14),
    /** bfloat16: the upper half of a binary32. */
    BF16(2, 8, -126);

    private final int bytes;
    private final int precision;
    private final int minExponent;

    DType(int bytes, int precision, int minExponent) {
        this.bytes = bytes;
        this.precision = precision;
        this.minExponent = minExponent;
    }

    /**
     * The dtype with this {@link #label()}.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static DType parse(String label) {
        for (DType dtype : values()) {
            if (dtype.label().equals(label)) {
                return dtype;
            }
        }
        throw new IllegalArgumentException("dtype '" + label + "' is unknown: use f64, f32, f16 or bf16");
    }

    /** The name used on the command line and in reports: {@code f64}, {@code f32}, {@code f16} or {@code bf16}. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Size of one element, in bytes. */
    public int bytes() {
        return bytes;
    }

    /** The dtype in which products and sums of this dtype are taken: f64 for f64, f32 for all others. */
    public DType accumulator() {
        return this == F64 ? F64 : F32;
    }

    /** Number of significand bits, the hidden one included: every integer up to {@code 2^precision} is exact. */
    public int precision() {
        return precision;
    }

    /** The unit roundoff u = 2^-precision: one rounding changes a normal number by at most a factor 1 + u. */
    public double unitRoundoff() {
        return Math.scalb(1.0, -precision);
    }

    /** The smallest positive subnormal number. */
    public double smallestSubnormal() {
        return Math.scalb(1.0, minExponent - (precision - 1));
    }

    /** {@code value} rounded once to this dtype. */
    public double round(double value) {
        return switch (this) {
            case F64 -> value;
            case F32 -> (float) value;
            case F16 -> Float16.toFloat(Float16.fromDouble(value));
            case BF16 -> BFloat16.toFloat(BFloat16.fromDouble(value));
        };
    }

    @Override
    public String toString() {
        return label();
    }
}
