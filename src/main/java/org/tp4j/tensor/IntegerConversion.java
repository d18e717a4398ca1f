package org.tp4j.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.List;

/**
 * Integers and bools turned into floating point, exactly or not at all: into f32 if it holds every one of them, else
 * into f64 if that does.
 */
final class IntegerConversion {
    private final Path file;
    private final NpyType type;
    private final ElementBytes source;
    private final List<Long> shape;
    private final long[] values = new long[ElementBytes.MAX_WINDOW];

    IntegerConversion(Path file, NpyType type, ElementBytes source, List<Long> shape) {
        this.file = file;
        this.type = type;
        this.source = source;
        this.shape = shape;
    }

    /**
     * An owned matrix with the same numbers.
     *
     * @throws MatrixFileException naming the first one that f64 does not hold
     */
    HostMatrix toMatrix() throws MatrixFileException {
        DType dtype = smallestExact();
        HostMemory memory = HostMemory.allocate(source.count() * dtype.bytes());
        ElementBytes target = new ElementBytes(memory, source.count(), dtype.bytes(), ByteOrder.nativeOrder());
        for (long first = 0; first < source.count(); first += values.length) {
            int length = decode(first);
            ByteBuffer window = target.window(first, length);
            if (dtype == DType.F32) {
                FloatBuffer floats = window.asFloatBuffer();
                for (int i = 0; i < length; i++) {
                    floats.put(i, (float) value(values[i]));
                }
            } else {
                DoubleBuffer doubles = window.asDoubleBuffer();
                for (int i = 0; i < length; i++) {
                    doubles.put(i, value(values[i]));
                }
            }
        }
        return HostMatrix.on(memory, dtype, Tensor.rows(shape), Tensor.columns(shape));
    }

    private DType smallestExact() throws MatrixFileException {
        int widest = 0;
        for (long first = 0; first < source.count(); first += values.length) {
            int length = decode(first);
            for (int i = 0; i < length; i++) {
                int width = significantBits(values[i]);
                if (width > DType.F64.precision()) {
                    throw refuse(
                            "the integer " + text(values[i]), first + i, "no f64 has that value: save floating point");
                }
                if (type.kind() == 'b' && values[i] > 1) {
                    throw refuse("the byte " + values[i], first + i, "a bool is 0 or 1");
                }
                widest = Math.max(widest, width);
            }
        }
        return widest <= DType.F32.precision() ? DType.F32 : DType.F64;
    }

    /** The elements from {@code first} on as longs, u8 as the same 64 bits; how many they are. */
    private int decode(long first) {
        int length = (int) Math.min(values.length, source.count() - first);
        ByteBuffer window = source.window(first, length);
        boolean signed = type.kind() == 'i';
        switch (type.bytes()) {
            case Byte.BYTES -> {
                for (int i = 0; i < length; i++) {
                    values[i] = signed ? window.get(i) : window.get(i) & 0xffL;
                }
            }
            case Short.BYTES -> {
                for (int i = 0; i < length; i++) {
                    short value = window.getShort(i * Short.BYTES);
                    values[i] = signed ? value : value & 0xffffL;
                }
            }
            case Integer.BYTES -> {
                for (int i = 0; i < length; i++) {
                    int value = window.getInt(i * Integer.BYTES);
                    values[i] = signed ? value : value & 0xffff_ffffL;
                }
            }
            default -> window.asLongBuffer().get(values, 0, length);
        }
        return length;
    }

    /** Bits from the highest to the lowest that is set: the precision that a format needs to hold the number. */
    private int significantBits(long value) {
        long magnitude = value < 0 && !isUnsignedLong() ? -value : value;
        return magnitude == 0
                ? 0
                : Long.SIZE - Long.numberOfLeadingZeros(magnitude) - Long.numberOfTrailingZeros(magnitude);
    }

    private double value(long value) {
        if (value < 0 && isUnsignedLong()) {
            return (value >>> 11) * 0x1p11; // exact: with at most 53 significant bits the lower 11 are 0
        }
        return (double) value;
    }

    private String text(long value) {
        return isUnsignedLong() ? Long.toUnsignedString(value) : Long.toString(value);
    }

    private boolean isUnsignedLong() {
        return type.kind() == 'u' && type.bytes() == Long.BYTES;
    }

    private MatrixFileException refuse(String what, long position, String right) {
        long columns = Tensor.columns(shape);
        return new MatrixFileException(
                file,
                "holds " + what + " in row " + position / columns + ", column " + position % columns + " of its "
                        + Tensor.shape(shape) + " elements of '" + type.descr() + "': " + right);
    }
}
