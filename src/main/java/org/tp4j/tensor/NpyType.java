package org.tp4j.tensor;

import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The type of an {@code .npy} file's elements, as its {@code descr} names it.
 *
 * @param descr e.g. {@code <f4}
 * @param kind {@code f} floating point, {@code i} signed, {@code u} unsigned, {@code b} bool
 * @param bytes the size of an element
 */
record NpyType(String descr, char kind, int bytes, ByteOrder order) {
    private static final Pattern NUMBER = Pattern.compile("([<>=])([fiu])([248])|[|<>=]([iub])1");
    private static final String RIGHT = ": save it as float16, float32 or float64, e.g. with a.astype('float32')";

    /** @throws MatrixFileException if it is not a real number's */
    static NpyType parse(Path file, String descr) throws MatrixFileException {
        Matcher matcher = NUMBER.matcher(descr);
        if (!matcher.matches()) {
            throw new MatrixFileException(
                    file, "has dtype " + MatrixFileException.quote(descr) + ", which is " + family(descr) + RIGHT);
        }
        if (matcher.group(4) != null) {
            return new NpyType(descr, matcher.group(4).charAt(0), 1, ByteOrder.nativeOrder());
        }
        ByteOrder order = switch (matcher.group(1)) {
            case "<" -> ByteOrder.LITTLE_ENDIAN;
            case ">" -> ByteOrder.BIG_ENDIAN;
            default -> ByteOrder.nativeOrder();
        };
        return new NpyType(descr, matcher.group(2).charAt(0), Integer.parseInt(matcher.group(3)), order);
    }

    /** The refusal of a dtype that is written as a list of fields. */
    static MatrixFileException structured(Path file) {
        return new MatrixFileException(
                file, "has a structured dtype, which is not one number for each element" + RIGHT);
    }

    /** The type that a matrix of {@code dtype} is written in; bf16, which NumPy lacks, becomes f4. */
    static NpyType of(DType dtype) {
        int bytes = dtype == DType.BF16 ? Float.BYTES : dtype.bytes();
        return new NpyType("<f" + bytes, 'f', bytes, ByteOrder.LITTLE_ENDIAN);
    }

    boolean isFloat() {
        return kind == 'f';
    }

    /** The same format as a matrix's dtype; only for floating point. */
    DType dtype() {
        return switch (bytes) {
            case 2 -> DType.F16;
            case 4 -> DType.F32;
            default -> DType.F64;
        };
    }

    private static String family(String descr) {
        String kind = descr.length() < 2 ? "" : descr.substring(1, 2);
        return switch (kind) {
            case "c" -> "complex";
            case "O" -> "Python objects";
            case "S", "U", "a", "T" -> "text";
            case "M", "m" -> "a time";
            case "V" -> "raw bytes (NumPy stores bfloat16 so)";
            case "f" -> "a floating-point format of no known size";
            default -> "unknown";
        };
    }
}
