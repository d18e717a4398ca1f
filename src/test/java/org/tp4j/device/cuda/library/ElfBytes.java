package org.tp4j.device.cuda.library;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** The smallest shared library that says its name and the versions that it defines, and holds nothing else. */
public final class ElfBytes {
    private static final int HEADERS = 64 + 2 * 56;
    private static final int DYNAMIC_SIZE = 5 * 16;
    private static final int STRINGS = HEADERS + DYNAMIC_SIZE;

    private ElfBytes() {}

    /** Writes one, and the folders above it. */
    public static Path write(Path file, String soname, String... versions) throws IOException {
        Files.createDirectories(file.getParent());
        return Files.write(file, of(soname, versions));
    }

    static byte[] of(String soname, String... versions) {
        byte[] strings =
                ("\0" + soname + "\0" + String.join("\0", versions) + "\0").getBytes(StandardCharsets.US_ASCII);
        int definitions = STRINGS + strings.length;
        int size = definitions + 28 * versions.length;
        ByteBuffer file = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
        file.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1}).position(16);
        file.putShort((short) 3).putShort((short) 62).putInt(1);
        file.putLong(32, 64).putShort(52, (short) 64).putShort(54, (short) 56).putShort(56, (short) 2);
        segment(file, 64, 1, 0, size);
        segment(file, 120, 2, HEADERS, DYNAMIC_SIZE);
        file.position(HEADERS);
        file.putLong(5).putLong(STRINGS).putLong(14).putLong(1);
        if (versions.length > 0) {
            file.putLong(0x6ffffffcL).putLong(definitions).putLong(0x6ffffffdL).putLong(versions.length);
        }
        file.position(STRINGS);
        file.put(strings);
        int name = soname.length() + 2;
        for (int i = 0; i < versions.length; i++) {
            file.putShort((short) 1)
                    .putShort((short) 0)
                    .putShort((short) (i + 1))
                    .putShort((short) 1);
            file.putInt(0).putInt(20).putInt(i + 1 < versions.length ? 28 : 0);
            file.putInt(name).putInt(0);
            name += versions[i].length() + 1;
        }
        return file.array();
    }

    private static void segment(ByteBuffer file, int at, int type, long offset, long size) {
        file.putInt(at, type)
                .putLong(at + 8, offset)
                .putLong(at + 16, offset)
                .putLong(at + 32, size)
                .putLong(at + 40, size);
    }
}
