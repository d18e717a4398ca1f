package org.tp4j.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Children are not of this process's job, find its classes and settings, and do not outlive their limit. */
@Timeout(120)
class ChildProcessTest {
    private static final Duration LONG = Duration.ofSeconds(100);

    @TempDir
    private Path folder;

    /** Prints what it was given, then does as it is told. */
    public static final class Child {
        private Child() {}

        /** The first argument is what to do. */
        public static void main(String[] arguments) throws Exception {
            System.out.println("setting " + System.getProperty("tp4j.a.setting"));
            System.out.println("pid " + ProcessHandle.current().pid());
            switch (arguments[0]) {
                case "sleep" -> {
                    System.out.print("half a line");
                    System.out.flush();
                    Thread.sleep(Long.MAX_VALUE);
                }
                case "fail" -> throw new IOException("as it was told");
                default -> System.out.println("done");
            }
        }
    }

    @Test
    void theLaunchersVariablesStayBehind() {
        ProcessBuilder builder = ChildProcess.builder(List.of("true"));
        assertTrue(builder.environment().containsKey("PATH"));
        Set<String> launched = builder.environment().keySet();
        assertEquals(
                Set.of(),
                launched.stream()
                        .filter(name -> name.matches("(OMPI|PMIX?)_.*"))
                        .collect(Collectors.toSet()));
        Set<String> names = new HashSet<>(Set.of("OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMIX_RANK", "KEPT_PMI_", "PATH"));
        ChildProcess.leaveJob(names);
        assertEquals(Set.of("KEPT_PMI_", "PATH"), names);
    }

    @Test
    void aChildFindsTheClassesAndTheSettings() throws Exception {
        ChildProcess.Ended ended = ChildProcess.run(java("end"), LONG);
        assertEquals("ended with status 0", ended.end());
        assertEquals("setting of the test", ended.lines().get(0));
        assertEquals("done", ended.lines().get(2));
    }

    @Test
    void aChildThatFailsSaysWhy() throws Exception {
        ChildProcess.Ended ended = ChildProcess.run(java("fail"), LONG);
        assertEquals("ended with status 1", ended.end());
        assertTrue(ended.complaint().contains("Child.main"), ended.complaint());
    }

    @Test
    void aChildIsKilledAtItsLimitAndTheLinesThatItPrintedAreKept() throws Exception {
        ChildProcess.Ended ended = ChildProcess.run(java("sleep"), Duration.ofSeconds(5));
        assertEquals("did not end within 5 s", ended.end());
        assertEquals("setting of the test", ended.lines().get(0));
        assertGone(ended.lines().get(1));
        assertEquals(2, ended.lines().size());
    }

    @Test
    void anInterruptKillsAChild() throws Exception {
        Path said = folder.resolve("said");
        Thread caller = new Thread(() -> {
            ProcessBuilder builder = java("sleep").redirectOutput(said.toFile());
            assertThrows(InterruptedException.class, () -> ChildProcess.run(builder, LONG));
        });
        caller.start();
        while (!Files.exists(said) || Files.readAllLines(said).size() < 2) {
            Thread.sleep(10);
        }
        caller.interrupt();
        caller.join();
        assertGone(Files.readAllLines(said).get(1));
    }

    @Test
    void aProgramThatDoesNotExistDoesNotStart() {
        ProcessBuilder builder =
                ChildProcess.builder(List.of(folder.resolve("nothing").toString()));
        assertThrows(IOException.class, () -> ChildProcess.run(builder, LONG));
    }

    private static ProcessBuilder java(String what) {
        return ChildProcess.java(Child.class, Map.of("tp4j.a.setting", "of the test"), List.of(), List.of(what));
    }

    private static void assertGone(String line) throws InterruptedException {
        long pid = Long.parseLong(line.substring("pid ".length()));
        for (int i = 0; i < 1000 && isAlive(pid); i++) {
            Thread.sleep(10);
        }
        assertFalse(isAlive(pid), "the child lives");
    }

    private static boolean isAlive(long pid) {
        return ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
    }
}
