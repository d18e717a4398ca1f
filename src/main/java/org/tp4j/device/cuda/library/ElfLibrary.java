package org.tp4j.device.cuda.library;

import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What a shared library for Linux on x86_64 says of itself. Read before it is loaded, because the system's loader
 * ends the process where a file is cut off or lacks a version that is asked for; and a few small reads do, however large
 * it is.
 *
 * @see <a href="https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html">System V ABI</a>
 * @see <a href="https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html">Symbol
 *     versioning</a>
 */
public final class ElfLibrary {
    private static final int HEADER_SIZE = 64;
    private static final int MAGIC = 0x464c457f;
    private static final int CLASS_64 = 2;
    private static final int LITTLE_ENDIAN = 1;
    private static final int SHARED_OBJECT = 3;
    private static final int X86_64 = 62;
    private static final Map<Integer, String> MACHINES = Map.of(
            3, "x86", 20, "powerpc", 21, "ppc64", 22, "s390", 40, "arm", 62, "x86_64", 183, "aarch64", 243, "riscv");

    private static final int PROGRAM_HEADER_SIZE = 56;
    private static final int LOAD = 1;
    private static final int DYNAMIC = 2;

    private static final int DYNAMIC_ENTRY_SIZE = 16;
    private static final long STRINGS = 5;
    private static final long SONAME = 14;
    private static final long VERSIONS = 0x6ffffffcL;
    private static final long VERSION_COUNT = 0x6ffffffdL;

    private static final int LONGEST_NAME = 4096;
    private static final int LONGEST_SECTION = 1 << 16;

    private final FileChannel file;
    private final List<Segment> segments = new ArrayList<>();
    private final Map<Long, Long> dynamic = new HashMap<>();

    /** A part of the file that the loader maps. */
    private record Segment(int type, long offset, long address, long size) {}

    private ElfLibrary(FileChannel file) throws IOException, UnusableLibraryException {
        this.file = file;
        readSegments(header());
        readDynamicSection();
    }

    /**
     * Looks whether a file is the library of that name.
     *
     * @throws UnusableLibraryException if it is not, or cannot be read
     */
    public static void check(Path file, Soname wanted) throws UnusableLibraryException {
        look(file, library -> {
            if (wanted.isVersion() && !library.versions().contains(wanted.name())) {
                throw new UnusableLibraryException("does not define the version " + wanted);
            }
            if (!library.soname().equals(wanted.name())) {
                throw new UnusableLibraryException("calls itself " + library.soname() + ", not " + wanted);
            }
            return wanted;
        });
    }

    /**
     * The name by which a library wants to be asked for; empty if it has none.
     *
     * @throws UnusableLibraryException if it is no library, or cannot be read
     */
    public static String sonameOf(Path file) throws UnusableLibraryException {
        return look(file, ElfLibrary::soname);
    }

    private interface Question<T> {
        T ask(ElfLibrary library) throws IOException, UnusableLibraryException;
    }

    private static <T> T look(Path file, Question<T> question) throws UnusableLibraryException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            return question.ask(new ElfLibrary(channel));
        } catch (IOException e) {
            throw new UnusableLibraryException("cannot be read: " + Reasons.of(e));
        } catch (BufferUnderflowException e) {
            throw new UnusableLibraryException("is damaged");
        }
    }

    private String soname() throws IOException {
        return dynamic.containsKey(SONAME) ? string(dynamic.get(SONAME)) : "";
    }

    private List<String> versions() throws IOException {
        List<String> versions = new ArrayList<>();
        long definition = dynamic.containsKey(VERSIONS) ? offset(dynamic.get(VERSIONS)) : 0;
        for (long left = dynamic.getOrDefault(VERSION_COUNT, 0L); left > 0; left--) {
            ByteBuffer fields = read(definition, 20);
            ByteBuffer name = read(definition + fields.getInt(12), 4);
            versions.add(string(name.getInt(0)));
            if (fields.getInt(16) == 0) {
                break;
            }
            definition += fields.getInt(16);
        }
        return versions;
    }

    private ByteBuffer header() throws IOException, UnusableLibraryException {
        if (file.size() < HEADER_SIZE || read(0, 4).getInt() != MAGIC) {
            throw new UnusableLibraryException("is no shared library");
        }
        ByteBuffer header = read(0, HEADER_SIZE);
        header.order(header.get(5) == LITTLE_ENDIAN ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
        if (header.get(4) != CLASS_64 || header.get(5) != LITTLE_ENDIAN || header.getShort(18) != X86_64) {
            String machine = MACHINES.getOrDefault((int) header.getShort(18), "machine " + header.getShort(18));
            throw new UnusableLibraryException(
                    "is for " + machine + " of " + 32 * header.get(4) + " bits, not for x86_64");
        }
        if (header.getShort(16) != SHARED_OBJECT) {
            throw new UnusableLibraryException("is no shared library");
        }
        return header;
    }

    private void readSegments(ByteBuffer header) throws IOException, UnusableLibraryException {
        long table = header.getLong(32);
        for (int i = 0; i < header.getShort(56); i++) {
            ByteBuffer entry = read(table + (long) i * PROGRAM_HEADER_SIZE, PROGRAM_HEADER_SIZE);
            Segment segment = new Segment(entry.getInt(0), entry.getLong(8), entry.getLong(16), entry.getLong(32));
            long end = segment.offset() + segment.size();
            if (segment.type() == LOAD && end > file.size()) {
                throw new UnusableLibraryException(
                        "is cut off: it has " + file.size() + " of at least " + end + " bytes");
            }
            segments.add(segment);
        }
    }

    private void readDynamicSection() throws IOException, UnusableLibraryException {
        Segment section = segments.stream()
                .filter(each -> each.type() == DYNAMIC)
                .findFirst()
                .orElseThrow(() -> new UnusableLibraryException("is no shared library"));
        ByteBuffer entries = read(section.offset(), Math.min(section.size(), LONGEST_SECTION));
        while (entries.remaining() >= DYNAMIC_ENTRY_SIZE) {
            dynamic.put(entries.getLong(), entries.getLong());
        }
    }

    private String string(long index) throws IOException {
        if (!dynamic.containsKey(STRINGS)) {
            throw new BufferUnderflowException();
        }
        long start = offset(dynamic.get(STRINGS)) + index;
        ByteBuffer bytes = read(start, Math.min(LONGEST_NAME, file.size() - start));
        int length = 0;
        while (bytes.get() != 0) {
            length++;
        }
        return StandardCharsets.UTF_8.decode(bytes.flip().limit(length)).toString();
    }

    /** Where in the file an address of the loaded library lies. */
    private long offset(long address) {
        return segments.stream()
                .filter(each ->
                        each.type() == LOAD && address >= each.address() && address < each.address() + each.size())
                .findFirst()
                .map(each -> address - each.address() + each.offset())
                .orElseThrow(BufferUnderflowException::new);
    }

    private ByteBuffer read(long offset, long length) throws IOException {
        if (offset < 0 || length < 0 || offset + length > file.size()) {
            throw new BufferUnderflowException();
        }
        ByteBuffer bytes = ByteBuffer.allocate((int) length).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining() && file.read(bytes, offset + bytes.position()) >= 0) {
            // until all is there, or the file ends because somebody cut it now
        }
        return bytes.flip();
    }
}
