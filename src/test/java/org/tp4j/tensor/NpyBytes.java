package org.tp4j.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** {@code .npy} files made by hand, byte by byte. */
final class NpyBytes {
    private NpyBytes() {}

    /** A version 1.0 file whose header is padded as NumPy pads it. */
    static byte[] file(String descr, boolean fortranOrder, String shape, byte[] data) {
        return file(1, dictionary(descr, fortranOrder, shape), data);
    }

    static String dictionary(String descr, boolean fortranOrder, String shape) {
        String order = fortranOrder ? "True" : "False";
        return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
    }

    /** A file of version {@code major}.0 whose data starts at a multiple of 64. */
    static byte[] file(int major, String dictionary, byte[] data) {
        int before = major == 1 ? 10 : 12;
        int length = dictionary.getBytes(StandardCharsets.UTF_8).length + 1;
        int padding = (64 - (before + length) % 64) % 64;
        return raw(major, (dictionary + " ".repeat(padding) + "\n").getBytes(StandardCharsets.UTF_8), data);
    }

    /** A file with exactly these bytes as its header. */
    static byte[] raw(int major, byte[] header, byte[] data) {
        int before = major == 1 ? 10 : 12;
        ByteBuffer file =
                ByteBuffer.allocate(before + header.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
        file.put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', (byte) major, 0});
        if (major == 1) {
            file.putShort((short) header.length);
        } else {
            file.putInt(header.length);
        }
        return file.put(header).put(data).array();
    }

    /** Numbers as the bytes of {@code descr}, e.g. {@code >f8} or {@code |i1}. */
    static byte[] numbers(String descr, double... values) {
        int size = descr.charAt(2) - '0';
        ByteBuffer bytes = ByteBuffer.allocate(values.length * size)
                .order(descr.charAt(0) == '>' ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
        for (double value : values) {
            switch (descr.substring(1)) {
                case "f2" -> bytes.putShort(Float16.fromDouble(value));
                case "f4" -> bytes.putFloat((float) value);
                case "f8" -> bytes.putDouble(value);
                case "i1", "u1", "b1" -> bytes.put((byte) (long) value);
                case "i2", "u2" -> bytes.putShort((short) (long) value);
                case "i4", "u4" -> bytes.putInt((int) (long) value);
                case "i8" -> bytes.putLong((long) value);
                default -> throw new IllegalArgumentException(descr);
            }
        }
        return bytes.array();
    }

    /** Whole 64-bit words, little-endian. */
    static byte[] longs(long... values) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (long value : values) {
            bytes.putLong(value);
        }
        return bytes.array();
    }
}
