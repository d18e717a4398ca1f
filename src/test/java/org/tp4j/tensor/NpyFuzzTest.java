package org.tp4j.tensor;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** Any bytes as an {@code .npy} file. With {@code JAZZER_FUZZ=1} in the environment and {@code
 * -Dtests.fuzzing=true} it searches; else it runs its seeds.
 */
class NpyFuzzTest {
    private final Path file;

    NpyFuzzTest() throws IOException {
        file = Files.createTempFile("tp4j-fuzz", ".npy");
        file.toFile().deleteOnExit();
    }

    @FuzzTest(maxDuration = "5m")
    void read(byte[] bytes) throws IOException {
        Fuzzing.check(file, bytes, NpyFile::read);
        Fuzzing.check(file, wrapped(bytes), NpyFile::read);
    }

    /** The first line of {@code bytes} as the header of a file, the rest as its data. */
    private static byte[] wrapped(byte[] bytes) {
        int end = 0;
        while (end < Math.min(bytes.length, 0xffff) && bytes[end] != '\n') {
            end++;
        }
        int header = Math.min(bytes.length, Math.min(end + 1, 0xffff));
        return NpyBytes.raw(1, Arrays.copyOf(bytes, header), Arrays.copyOfRange(bytes, header, bytes.length));
    }
}
