package org.tp4j.device.cuda.library;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The cache in which the system's loader finds libraries by name, {@code /etc/ld.so.cache}, which ldconfig writes.
 *
 * @see <a href="https://sourceware.org/git/?p=glibc.git;a=blob;f=sysdeps/generic/dl-cache.h">Its format in glibc</a>
 */
final class LoaderCache {
    private static final byte[] MAGIC = "glibc-ld.so.cache1.1".getBytes(StandardCharsets.US_ASCII);
    private static final int HEADER_SIZE = 48;
    private static final int ENTRY_SIZE = 24;
    private static final int REQUIRED_FLAGS = 0xff00;
    private static final int X86_64 = 0x0300;

    private LoaderCache() {}

    /**
     * The files that a name stands for, in the loader's order; none if there is no cache.
     *
     * @throws IOException if the cache cannot be read
     */
    static List<Path> files(Path cache, String name) throws IOException {
        try {
            return files(Files.readAllBytes(cache), name);
        } catch (NoSuchFileException e) {
            return List.of();
        } catch (IndexOutOfBoundsException e) {
            throw new IOException("it is damaged: run ldconfig", e);
        }
    }

    private static List<Path> files(byte[] bytes, String name) throws IOException {
        int start = start(bytes); // texts are counted from here too
        ByteBuffer cache = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        List<Path> files = new ArrayList<>();
        int count = cache.getInt(start + MAGIC.length);
        for (int i = 0; i < count; i++) {
            int entry = start + HEADER_SIZE + i * ENTRY_SIZE;
            boolean ours = (cache.getInt(entry) & REQUIRED_FLAGS) == X86_64;
            if (ours && text(bytes, start + cache.getInt(entry + 4)).equals(name)) {
                files.add(Path.of(text(bytes, start + cache.getInt(entry + 8))));
            }
        }
        return files;
    }

    /** Where the format begins, which older systems put behind an older one. */
    private static int start(byte[] bytes) throws IOException {
        for (int at = 0; at + HEADER_SIZE <= bytes.length; at += Integer.BYTES) {
            if (Arrays.equals(bytes, at, at + MAGIC.length, MAGIC, 0, MAGIC.length)) {
                return at;
            }
        }
        throw new IOException("its format is unknown");
    }

    private static String text(byte[] bytes, int start) {
        int end = start;
        while (bytes[end] != 0) {
            end++;
        }
        return new String(bytes, start, end - start, StandardCharsets.UTF_8);
    }
}
