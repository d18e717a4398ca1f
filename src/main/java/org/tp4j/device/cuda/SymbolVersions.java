package org.tp4j.device.cuda;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The symbol versions that a 64-bit ELF library defines. Where a library that is already loaded lacks a version that the
 * next one asks for, the system's loader ends the process; so it is asked here first.
 *
 * @see <a href="https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html">Symbol
 *     versioning</a>
 */
final class SymbolVersions {
    private static final int ELF = 0x464c457f;
    private static final int PROGRAM_HEADERS_OFFSET = 0x20;
    private static final int PROGRAM_HEADER_SIZE = 0x36;
    private static final int LOAD = 1;
    private static final int DYNAMIC = 2;
    private static final int DYNAMIC_ENTRY = 16;
    private static final long STRING_TABLE = 5;
    private static final long VERSIONS = 0x6ffffffcL;
    private static final long VERSION_COUNT = 0x6ffffffdL;

    private final ByteBuffer file;

    private SymbolVersions(ByteBuffer file) {
        this.file = file;
    }

    /** Whether a library defines a version; true for what is no ELF library, which the loader itself refuses. */
    static boolean define(Path library, String version) throws IOException {
        try (FileChannel channel = FileChannel.open(library, StandardOpenOption.READ)) {
            // Headers lie before the code, which may be larger than a buffer.
            long length = Math.min(channel.size(), Integer.MAX_VALUE);
            ByteBuffer bytes =
                    channel.map(FileChannel.MapMode.READ_ONLY, 0, length).order(ByteOrder.LITTLE_ENDIAN);
            return length < 64 || bytes.getInt(0) != ELF || new SymbolVersions(bytes).defines(version);
        } catch (IndexOutOfBoundsException e) {
            throw new IOException(library + " is a damaged library", e);
        }
    }

    private boolean defines(String version) {
        long versions = dynamic(VERSIONS);
        if (versions == 0) {
            return false;
        }
        int strings = offset(dynamic(STRING_TABLE));
        int definition = offset(versions);
        for (long left = dynamic(VERSION_COUNT); left > 0; left--) {
            int name = definition + file.getInt(definition + 12);
            if (text(strings + file.getInt(name)).equals(version)) {
                return true;
            }
            definition += file.getInt(definition + 16);
        }
        return false;
    }

    /** An entry of the dynamic section, or 0. */
    private long dynamic(long tag) {
        int header = programHeader(DYNAMIC, 0);
        long start = file.getLong(header + 8);
        long size = file.getLong(header + 32);
        for (long at = start; at < start + size; at += DYNAMIC_ENTRY) {
            if (file.getLong((int) at) == tag) {
                return file.getLong((int) at + 8);
            }
        }
        return 0;
    }

    /** Where in the file an address of the loaded library lies. */
    private int offset(long address) {
        int header = programHeader(LOAD, address);
        return (int) (address - file.getLong(header + 16) + file.getLong(header + 8));
    }

    /** The program header of a type that covers an address, if that is asked. */
    private int programHeader(int type, long address) {
        int first = (int) file.getLong(PROGRAM_HEADERS_OFFSET);
        int size = file.getShort(PROGRAM_HEADER_SIZE);
        int count = file.getShort(PROGRAM_HEADER_SIZE + 2);
        for (int header = first; header < first + count * size; header += size) {
            long start = file.getLong(header + 16);
            boolean covers = address == 0 || (address >= start && address < start + file.getLong(header + 40));
            if (file.getInt(header) == type && covers) {
                return header;
            }
        }
        throw new IndexOutOfBoundsException("no program header of type " + type + " for address " + address);
    }

    private String text(int start) {
        int end = start;
        while (file.get(end) != 0) {
            end++;
        }
        byte[] bytes = new byte[end - start];
        file.get(start, bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
