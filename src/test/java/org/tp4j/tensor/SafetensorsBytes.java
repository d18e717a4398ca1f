package org.tp4j.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** {@code .safetensors} files made by hand. */
final class SafetensorsBytes {
    private SafetensorsBytes() {}

    /** A file with this header, as it stands. */
    static byte[] file(String header, byte[] data) {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        return raw(json.length, json, data);
    }

    /** A file that says its header has {@code length} bytes. */
    static byte[] raw(long length, byte[] header, byte[] data) {
        return ByteBuffer.allocate(8 + header.length + data.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(length)
                .put(header)
                .put(data)
                .array();
    }

    /** One entry of a header. */
    static String entry(String name, String dtype, String shape, long begin, long end) {
        return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":[" + begin + ","
                + end + "]}";
    }

    /** A header of {@code entries} padded with spaces so that the data is aligned to 8 bytes, plus {@code shift}. */
    static String header(int shift, String... entries) {
        String json = "{" + String.join(",", entries) + "}";
        return json + " ".repeat((8 - json.getBytes(StandardCharsets.UTF_8).length % 8) % 8 + shift);
    }
}
