package org.tp4j.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** A file appears whole or not at all, whatever happens while it is written. */
class WholeFileTest {
    @TempDir
    Path folder;

    @Test
    void theContentAppearsAndNothingElse() throws IOException {
        Path file = folder.resolve("y.npy");
        Files.write(file, new byte[100]);
        WholeFile.write(file, channel -> channel.write(ByteBuffer.wrap(new byte[] {1, 2})));
        assertArrayEquals(new byte[] {1, 2}, Files.readAllBytes(file));
        assertEquals(List.of("y.npy"), names());
    }

    @Test
    void aFailureLeavesWhatWasThere() throws IOException {
        Path file = Files.write(folder.resolve("y.npy"), new byte[] {7});
        MatrixFileException refused = assertThrows(
                MatrixFileException.class,
                () -> WholeFile.write(file, channel -> {
                    channel.write(ByteBuffer.allocate(10));
                    throw new IOException("No space left on device");
                }));
        assertEquals(
                file + " cannot be written (No space left on device): choose a place that can be written and has enough"
                        + " space",
                refused.getMessage());
        assertThrows(
                IllegalStateException.class,
                () -> WholeFile.write(file, channel -> {
                    throw new IllegalStateException("the matrix was closed");
                }));
        assertArrayEquals(new byte[] {7}, Files.readAllBytes(file));
        assertEquals(List.of("y.npy"), names());
    }

    @Test
    void placesThatCannotHoldAFileAreRefused() throws IOException {
        Path missing = folder.resolve("none").resolve("y.npy");
        assertSentence(
                missing,
                " cannot be written because there is no folder " + folder.resolve("none") + ": create it first");
        assertSentence(folder, " is a folder: name a file in it");
        Path plain = Files.write(folder.resolve("plain"), new byte[1]);
        assertSentence(
                plain.resolve("y.npy"), " cannot be written because there is no folder " + plain + ": create it first");
        assertEquals(List.of("plain"), names());
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aFullDeviceIsOneSentenceAndADeviceStaysADevice() throws IOException {
        Path full = Path.of("/dev/full");
        assertSentence(
                full,
                " cannot be written (No space left on device): choose a place that can be written and has enough space");
        WholeFile.write(Path.of("/dev/null"), channel -> channel.write(ByteBuffer.allocate(10)));
        assertFalse(Files.isRegularFile(full) || Files.isRegularFile(Path.of("/dev/null")));
        try (Stream<Path> devices = Files.list(Path.of("/dev"))) {
            assertTrue(devices.noneMatch(path -> path.toString().contains("tp4j")));
        }
    }

    @Test
    void aLinkIsFollowed() throws IOException {
        Path real = Files.write(folder.resolve("real.npy"), new byte[1]);
        Path link = Files.createSymbolicLink(folder.resolve("link.npy"), real);
        WholeFile.write(link, channel -> channel.write(ByteBuffer.wrap(new byte[] {5})));
        assertTrue(Files.isSymbolicLink(link));
        assertArrayEquals(new byte[] {5}, Files.readAllBytes(real));
    }

    @Test
    void aMatrixInTheReplacedFileStaysAsItWas() throws IOException {
        Path file = folder.resolve("x.npy");
        try (HostMatrix ones = HostMatrix.of(new float[][] {{1, 1}});
                HostMatrix twos = HostMatrix.of(new float[][] {{2, 2}})) {
            NpyFile.write(file, Tensor.of(ones));
            try (TensorSource opened = NpyFile.open(file)) {
                NpyFile.write(file, Tensor.of(twos));
                assertEquals(1, opened.toMemory().matrix().get(0, 0));
                assertEquals(2, NpyFile.read(file).matrix().get(0, 0));
            }
        }
    }

    @Test
    void ofTwoWritersAtOnceOneWholeFileStays() throws Exception {
        Path file = folder.resolve("y.npy");
        List<Thread> writers = new ArrayList<>();
        List<Throwable> failures = new ArrayList<>();
        for (byte value = 1; value <= 4; value++) {
            byte[] content = new byte[100_000 + value];
            Arrays.fill(content, value);
            Thread writer = new Thread(() -> {
                try {
                    for (int i = 0; i < 20; i++) {
                        WholeFile.write(file, channel -> {
                            for (int at = 0; at < content.length; at += 1000) {
                                channel.write(ByteBuffer.wrap(content, at, Math.min(1000, content.length - at)));
                            }
                        });
                    }
                } catch (IOException | RuntimeException e) {
                    synchronized (failures) {
                        failures.add(e);
                    }
                }
            });
            writers.add(writer);
            writer.start();
        }
        for (Thread writer : writers) {
            writer.join();
        }
        assertEquals(List.of(), failures);
        byte[] found = Files.readAllBytes(file);
        assertEquals(100_000 + found[0], found.length);
        for (byte value : found) {
            assertEquals(found[0], value);
        }
        assertEquals(List.of("y.npy"), names());
    }

    @Test
    void aProcessThatIsToldToEndLeavesNothing() throws Exception {
        Process writer = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        EndlessWriter.class.getName(),
                        folder.resolve("y.npy").toString())
                .redirectErrorStream(true)
                .start();
        try {
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
            while (names().isEmpty()) {
                assertTrue(writer.isAlive() && System.nanoTime() < deadline, "the writer never began");
                Thread.sleep(10);
            }
            assertTrue(names().get(0).endsWith(".tmp"));
            writer.destroy(); // SIGTERM, which ends a JVM as SIGINT does
            assertTrue(writer.waitFor(20, TimeUnit.SECONDS));
            assertEquals(List.of(), names());
        } finally {
            writer.destroyForcibly();
        }
    }

    /** Writes a file that never ends. */
    static final class EndlessWriter {
        public static void main(String[] arguments) throws IOException {
            WholeFile.write(Path.of(arguments[0]), channel -> {
                while (true) {
                    channel.write(ByteBuffer.allocate(10));
                    LockSupport.parkNanos(1_000_000);
                }
            });
        }
    }

    private void assertSentence(Path file, String predicate) {
        MatrixFileException refused = assertThrows(
                MatrixFileException.class,
                () -> WholeFile.write(file, channel -> channel.write(ByteBuffer.allocate(1))));
        assertEquals(file + predicate, refused.getMessage());
    }

    private List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }
}
