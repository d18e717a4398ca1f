package org.tp4j.verify;

import java.util.Objects;
import org.tp4j.device.Device;
import org.tp4j.tensor.DType;

/**
 * What a device promises about its numbers: the operands are rounded to {@code dtype}; products and sums are taken in its
 * {@linkplain DType#accumulator() accumulator}; the result is rounded to {@code dtype} once.
 *
 * @param dtype of operands and result
 * @param parts how many partial sums a reduction adds: the world size, or the number of blocks in TP-invariant mode
 * @param roundoff largest relative error of one accumulator operation: 2^-24 for f32 and 2^-53 for f64 that round to
 *     nearest, 2^-23 for an f32 accumulator that truncates, as tensor cores do
 */
public record Arithmetic(DType dtype, int parts, double roundoff) {
    /** @throws IllegalArgumentException if there is no part, or the roundoff is not in (0, 1) */
    public Arithmetic {
        Objects.requireNonNull(dtype, "dtype");
        if (parts < 1) {
            throw new IllegalArgumentException("parts is " + parts + ": must be at least 1");
        }
        if (!(roundoff > 0 && roundoff < 1)) {
            throw new IllegalArgumentException("roundoff is " + roundoff + ": must be between 0 and 1");
        }
    }

    /** How many additions a part goes through on its way up the binary tree: {@code ceil(log2 parts)}. */
    int additionsOfParts() {
        return Integer.SIZE - Integer.numberOfLeadingZeros(parts - 1);
    }

    /** What a device promises. */
    public static Arithmetic of(Device device, DType dtype, int parts) {
        return new Arithmetic(dtype, parts, device.roundoff(dtype));
    }

    /** An accumulator that rounds to nearest. */
    public static Arithmetic of(DType dtype, int parts) {
        return new Arithmetic(dtype, parts, dtype.accumulator().unitRoundoff());
    }
}
