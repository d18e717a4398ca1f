package org.tp4j.device.cuda.library;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is refused before the system's loader sees it, and in which words. */
class ElfLibraryTest {
    private static final Soname CUBLAS = new Soname("libcublas.so.12", true);

    @TempDir
    private Path folder;

    @Test
    void theLibraryThatIsWanted() throws Exception {
        Path file = write(ElfBytes.of("libcublas.so.12", "libcublas.so.12", "libcublas.so.12.private"));
        assertDoesNotThrow(() -> ElfLibrary.check(file, CUBLAS));
        assertEquals("libcublas.so.12", ElfLibrary.sonameOf(file));
    }

    @Test
    void withoutVersions() throws IOException {
        refused("does not define the version libcublas.so.12", ElfBytes.of("libcublas.so.12"));
    }

    @Test
    void ofAnotherVersion() throws IOException {
        refused("does not define the version libcublas.so.12", ElfBytes.of("libcublas.so.12", "libcublas.so.11"));
    }

    @Test
    void ofAnotherName() throws IOException {
        refused(
                "calls itself libcublasLt.so.12, not libcublas.so.12",
                ElfBytes.of("libcublasLt.so.12", "libcublas.so.12"));
    }

    @Test
    void forAnotherArchitecture() throws IOException {
        byte[] bytes = ElfBytes.of("libcublas.so.12", "libcublas.so.12");
        bytes[18] = (byte) 183;
        refused("is for aarch64 of 64 bits, not for x86_64", bytes);
        bytes[4] = 1;
        bytes[18] = 3;
        refused("is for x86 of 32 bits, not for x86_64", bytes);
    }

    @Test
    void forAnotherByteOrder() throws IOException {
        byte[] bytes = ElfBytes.of("libcublas.so.12", "libcublas.so.12");
        bytes[5] = 2;
        bytes[18] = 0;
        bytes[19] = 22;
        refused("is for s390 of 64 bits, not for x86_64", bytes);
    }

    /** Of every length that the file might have been cut to, none is taken, and none ends in another way. */
    @Test
    void cutOffAnywhere() throws IOException {
        byte[] whole = ElfBytes.of("libcublas.so.12", "libcublas.so.12");
        for (int length = 0; length < whole.length; length++) {
            Path file = write(Arrays.copyOf(whole, length));
            assertThrows(UnusableLibraryException.class, () -> ElfLibrary.check(file, CUBLAS), "cut to " + length);
        }
        refused("is cut off: it has 300 of at least " + whole.length + " bytes", Arrays.copyOf(whole, 300));
    }

    /** Whatever one byte is changed to, the look ends, with or without a refusal. */
    @Test
    void damagedAnywhere() throws IOException {
        byte[] whole = ElfBytes.of("libcublas.so.12", "libcublas.so.12");
        for (int at = 0; at < whole.length; at++) {
            for (int value : new int[] {0, 1, 0x7f, 0x80, 0xff}) {
                byte[] damaged = whole.clone();
                damaged[at] = (byte) value;
                Path file = write(damaged);
                try {
                    ElfLibrary.check(file, CUBLAS);
                } catch (UnusableLibraryException expected) {
                    // is what it is for
                }
            }
        }
    }

    @Test
    void noLibrary() throws IOException {
        refused("is no shared library", "no library".getBytes(StandardCharsets.US_ASCII));
    }

    @Test
    void aFolder() {
        UnusableLibraryException refusal =
                assertThrows(UnusableLibraryException.class, () -> ElfLibrary.check(folder, CUBLAS));
        assertEquals("cannot be read: is a directory", refusal.getMessage());
    }

    private void refused(String expected, byte[] bytes) throws IOException {
        Path file = write(bytes);
        UnusableLibraryException refusal =
                assertThrows(UnusableLibraryException.class, () -> ElfLibrary.check(file, CUBLAS));
        assertEquals(expected, refusal.getMessage());
    }

    private Path write(byte[] bytes) throws IOException {
        return Files.write(folder.resolve("library"), bytes);
    }
}
