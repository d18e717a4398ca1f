package org.tp4j.tensor;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * Any bytes as a {@code .safetensors} file and as an index. With {@code JAZZER_FUZZ=1} in the environment and {@code -Dtests.fuzzing=true} it searches;
 * else it runs its seeds.
 */
class SafetensorsFuzzTest {
    private static final int TENSORS = 4; // which one is read depends on the length, so that all are

    private final Path file;
    private final Path index;

    SafetensorsFuzzTest() throws IOException {
        Path folder = Files.createTempDirectory("tp4j-fuzz");
        file = folder.resolve("model.safetensors");
        index = folder.resolve("model.safetensors.index.json");
        folder.toFile().deleteOnExit();
        file.toFile().deleteOnExit();
        index.toFile().deleteOnExit();
    }

    @FuzzTest(maxDuration = "5m")
    void read(byte[] bytes) throws IOException {
        int which = bytes.length % TENSORS;
        Fuzzing.check(file, bytes, path -> SafetensorsFile.read(path, name(path, which)));
        Fuzzing.check(file, wrapped(bytes), path -> SafetensorsFile.read(path, name(path, which)));
        Fuzzing.check(index, bytes, path -> SafetensorsFile.read(path, name(path, 0)));
    }

    private static String name(Path path, int which) throws MatrixFileException {
        List<String> names = SafetensorsFile.names(path);
        return which < names.size() ? names.get(which) : "missing";
    }

    /** {@code bytes} up to the last brace as the header of a file, the rest as its data. */
    private static byte[] wrapped(byte[] bytes) {
        int end = bytes.length;
        while (end > 0 && bytes[end - 1] != '}') {
            end--;
        }
        return SafetensorsBytes.raw(end, Arrays.copyOf(bytes, end), Arrays.copyOfRange(bytes, end, bytes.length));
    }
}
