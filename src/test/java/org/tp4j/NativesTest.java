package org.tp4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tp4j.device.cuda.JavaProcess;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/** The library as a guest of a program with a small heap, or where its native libraries cannot be unpacked. */
class NativesTest {
    @TempDir
    Path folder;

    /** JavaCPP allows four times the heap, or so it would say. */
    @Test
    void nativeMemoryIsNotBoundedByTheHeap() throws Exception {
        assertEquals("1000.0", new JavaProcess(ALargeWeight.class).heap("32m").output());
    }

    @Test
    void librariesThatDoNotLoadAreTheSameSentenceEveryTime() throws Exception {
        Path file = Files.write(folder.resolve("file"), new byte[1]);
        List<String> said = new JavaProcess(Allocations.class)
                .property("org.bytedeco.javacpp.cachedir", file.resolve("below"))
                .property("java.io.tmpdir", file)
                .property("user.home", file)
                .output()
                .lines()
                .filter(line -> !line.equals("WARNING: java.io.tmpdir directory does not exist")) // JDK 25
                .toList();
        assertEquals(3, said.size(), said.toString());
        for (String line : said) {
            assertTrue(line.startsWith("NativeLibraryException: JavaCPP does not load ("), line);
            assertTrue(line.endsWith("-Dorg.bytedeco.javacpp.cachedir=FOLDER"), line);
        }
    }

    /** Splits a weight of 200 MB. */
    static final class ALargeWeight {
        public static void main(String[] arguments) {
            try (HostMatrix x = HostMatrix.allocate(DType.F32, 1, 1000);
                    HostMatrix w = HostMatrix.allocate(DType.F32, 50_000, 1000)) {
                float[] ones = new float[1000];
                java.util.Arrays.fill(ones, 1);
                x.write(0, 0, ones, 0, ones.length);
                for (int row = 0; row < 50_000; row++) {
                    w.write(row, 0, ones, 0, ones.length);
                }
                try (HostMatrix y = TensorParallel.rowParallel(x, w, 2)) {
                    System.out.println(y.get(0, 49_999));
                }
            }
        }
    }

    /** Asks for memory three times. */
    static final class Allocations {
        public static void main(String[] arguments) {
            for (int i = 0; i < 3; i++) {
                try (HostMatrix matrix = HostMatrix.allocate(DType.F32, 1, 1)) {
                    System.out.println(matrix);
                } catch (RuntimeException e) {
                    System.out.println(e.getClass().getSimpleName() + ": " + e.getMessage());
                }
            }
        }
    }
}
