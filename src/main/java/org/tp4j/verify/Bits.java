package org.tp4j.verify;

import java.util.Optional;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/**
 * Equality of matrices bit for bit. All NaNs count as one value, since no standard fixes their payloads; +0 and -0 are
 * different, since 1/y tells them apart.
 */
public final class Bits {
    private Bits() {}

    /** Whether both have the same shape, dtype and bits. */
    public static boolean equal(HostMatrix a, HostMatrix b) {
        return difference(a, b).isEmpty();
    }

    /** Where and how the matrices differ first, in row-major order; empty if they have the same bits. */
    public static Optional<String> difference(HostMatrix a, HostMatrix b) {
        if (a.dtype() != b.dtype() || a.rows() != b.rows() || a.columns() != b.columns()) {
            return Optional.of("one is " + a + ", the other " + b);
        }
        return a.dtype() == DType.F64 ? differenceOfDoubles(a, b) : differenceOfFloats(a, b);
    }

    private static Optional<String> differenceOfDoubles(HostMatrix a, HostMatrix b) {
        double[] lineA = new double[Math.toIntExact(a.columns())];
        double[] lineB = new double[lineA.length];
        for (long row = 0; row < a.rows(); row++) {
            a.read(row, 0, lineA, 0, lineA.length);
            b.read(row, 0, lineB, 0, lineB.length);
            for (int j = 0; j < lineA.length; j++) {
                if (Double.doubleToLongBits(lineA[j]) != Double.doubleToLongBits(lineB[j])) {
                    return Optional.of(message(row, j, lineA[j], lineB[j]));
                }
            }
        }
        return Optional.empty();
    }

    private static Optional<String> differenceOfFloats(HostMatrix a, HostMatrix b) {
        float[] lineA = new float[Math.toIntExact(a.columns())];
        float[] lineB = new float[lineA.length];
        for (long row = 0; row < a.rows(); row++) {
            a.read(row, 0, lineA, 0, lineA.length);
            b.read(row, 0, lineB, 0, lineB.length);
            for (int j = 0; j < lineA.length; j++) {
                if (Float.floatToIntBits(lineA[j]) != Float.floatToIntBits(lineB[j])) {
                    return Optional.of(message(row, j, lineA[j], lineB[j]));
                }
            }
        }
        return Optional.empty();
    }

    private static String message(long row, long column, double a, double b) {
        return "element (" + row + ", " + column + ") is " + a + " in one and " + b + " in the other";
    }
}
