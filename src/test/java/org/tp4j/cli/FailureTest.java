package org.tp4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.tp4j.comm.RankException;
import org.tp4j.comm.World;
import org.tp4j.device.DeviceException;
import org.tp4j.device.DeviceKind;
import org.tp4j.tensor.MatrixFileException;
import org.tp4j.tensor.NpyFile;

/** What is said of whatever is thrown, from the caller's thread and from a rank. */
class FailureTest {
    private static final String THREADS =
            "unable to create native thread: possibly out of memory or process/resource" + " limits reached";

    @Test
    void whatTheMachineLacksIsASentence() {
        assertMachine(new OutOfMemoryError("Java heap space"), "the Java heap is too small: give java a larger -Xmx");
        assertMachine(new OutOfMemoryError("GC overhead limit exceeded"), "the Java heap is too small");
        assertMachine(new OutOfMemoryError(THREADS), "the system refuses another thread: raise ulimit -u");
        UnsatisfiedLinkError link = new UnsatisfiedLinkError("no jnijavacpp in java.library.path\nmore");
        String said = "a native library does not load (UnsatisfiedLinkError: no jnijavacpp in java.library.path): use";
        assertMachine(link, said);
        assertMachine(new ExceptionInInitializerError(link), said);
        assertMachine(
                new NoClassDefFoundError("Could not initialize class org.bytedeco.javacpp.Pointer"),
                "a native library does not load (NoClassDefFoundError: Could not");
        assertMachine(
                new ExceptionInInitializerError(new OutOfMemoryError(THREADS)), "the system refuses another thread");
        assertMachine(new DeviceException("device 0 failed"), "device 0 failed");
    }

    @Test
    void aBadInputIsASentence() {
        MatrixFileException file = assertThrows(MatrixFileException.class, () -> NpyFile.read(Path.of("none.npy")));
        assertEquals(new Failure(Optional.of(file.getMessage()), 2), Failure.of(file));
        assertEquals(new Failure(Optional.of(file.getMessage()), 2), Failure.of(new UncheckedIOException(file)));
        assertEquals(
                new Failure(Optional.of(file.getMessage()), 2),
                Failure.of(ofARank(new UncheckedIOException("x", file))));
        assertEquals(
                new Failure(Optional.of("x is y"), 2), Failure.of(ofARank(new IllegalArgumentException("x is y"))));
    }

    @Test
    void aFullDiskIsTheMachines() {
        IOException full = assertThrows(
                IOException.class, () -> org.tp4j.tensor.WholeFile.write(Path.of("/dev/full"), new byte[1]));
        assertMachine(full, "/dev/full cannot be written (No space left on device)");
    }

    @Test
    void aMistakeIsOne() {
        List<Throwable> mistakes = List.of(
                new StackOverflowError(),
                new InternalError("a fault occurred"),
                new NullPointerException(),
                new AssertionError(),
                new NoSuchMethodError("x"),
                new NoClassDefFoundError("org/tp4j/comm/World"),
                new IllegalStateException("x"));
        for (Throwable mistake : mistakes) {
            assertEquals(new Failure(Optional.empty(), 70), Failure.of(mistake));
            assertEquals(new Failure(Optional.empty(), 70), Failure.of(ofARank(mistake)));
        }
    }

    private static void assertMachine(Throwable thrown, String beginning) {
        for (Failure failure : List.of(Failure.of(thrown), Failure.of(ofARank(thrown)))) {
            assertEquals(3, failure.exitCode());
            String sentence = failure.sentence().orElseThrow();
            assertTrue(sentence.contains(beginning), sentence);
        }
    }

    /** How it reaches the caller of a run. */
    private static RankException ofARank(Throwable thrown) {
        try (World world = World.open(DeviceKind.CPU, 2)) {
            return assertThrows(
                    RankException.class,
                    () -> world.execute(rank -> {
                        if (rank.index() == 1) {
                            FailureTest.<RuntimeException>sneak(thrown);
                        }
                    }));
        }
    }

    @SuppressWarnings("unchecked") // the compiler must not know what is thrown
    private static <T extends Throwable> void sneak(Throwable thrown) throws T {
        throw (T) thrown;
    }
}
