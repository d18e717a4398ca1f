package org.tp4j.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tp4j.device.DeviceKind;
import org.tp4j.tensor.Account;
import org.tp4j.tensor.HostMemory;

/** With shell scripts in the place of MPI's commands. */
class AllReduceBenchTest {
    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4})
    void ourSideChecksItsSumsAndLeavesNothing(int ranks) throws PeerException {
        long before = Account.settled();
        try (WorldCycle ours = new WorldCycle(DeviceKind.CPU, ranks)) {
            for (long elements : new long[] {1, 1000, 16_384, 70_001}) {
                assertTrue(ours.measure(elements, 9) > 0);
            }
        }
        assertEquals(before, HostMemory.liveBytes());
    }

    @Test
    void thePeerIsCompiledStartedAndAsked() throws IOException {
        String compiler = script("cc", "while [ \"$1\" != -o ]; do shift; done; cp \"$3\" \"$2\"");
        String launcher = script("run", "echo MPI of $3; while read n c; do echo ${n}e-$c; done");
        try (MpiCycle peer = MpiCycle.start(2, compiler, launcher)) {
            assertEquals("MPI of 2", peer.version());
            assertEquals(5e-3, peer.measure(5, 3));
        }
    }

    @Test
    void aPeerThatIsMissingOrFailsIsTold() throws IOException {
        String compiler = script("cc", "echo no header; exit 1");
        assertEquals(compiler + " failed: no header", refusal(compiler, "mpirun"));
        assertTrue(refusal(folder + "/none", "mpirun").contains("apt-get install libopenmpi-dev openmpi-bin"));
        String works = script("works", "exit 0");
        assertTrue(refusal(works, folder + "/none").contains("apt-get install libopenmpi-dev openmpi-bin"));
        String launcher = script("run", "echo no slots >&2; exit 1");
        assertEquals(launcher + " failed: error: no slots", refusal(works, launcher));
    }

    @Test
    void aWrongSumOfThePeerIsTold() throws IOException {
        String launcher = script("run", "echo MPI; read line; echo error: a sum is wrong");
        try (MpiCycle peer = MpiCycle.start(2, script("cc", "exit 0"), launcher)) {
            assertEquals(
                    launcher + " failed: error: a sum is wrong",
                    assertThrows(PeerException.class, () -> peer.measure(5, 3)).getMessage());
        }
    }

    @Test
    void everySizeIsMeasuredOnBothSidesInTurn() throws PeerException {
        List<String> turns = new ArrayList<>();
        AllReduceCycle ours = side("ours", 0.25, turns);
        AllReduceCycle theirs = side("theirs", 0.5, turns);
        AllReduceBench.Result result = AllReduceBench.compare(ours, theirs, 64 << 10, settings(List.of(65_536L), 3));
        assertEquals(new MedianRatio(0.25, 0.5, 0.5, 0.5), result.seconds());
        assertEquals(
                List.of("ours", "theirs", "ours", "theirs", "ours", "theirs"),
                turns.subList(turns.size() - 6, turns.size()));
        assertTrue(result.passed());
    }

    @Test
    void targetsAreByTheSize() {
        assertEquals(1.0, AllReduceBench.target(4096, 1));
        assertEquals(0.6, AllReduceBench.target(65_536, 1));
        assertEquals(Double.POSITIVE_INFINITY, AllReduceBench.target(65_536, 10_000));
        assertFalse(new AllReduceBench.Result(65_536, new MedianRatio(7, 10, 0.61, 0.8), 0.6).passed());
        assertTrue(new AllReduceBench.Result(65_536, new MedianRatio(7, 10, 0.59, 0.8), 0.6).passed());
    }

    @Test
    void settingsThatMeanNothingAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> settings(List.of(0L), 3));
        assertThrows(IllegalArgumentException.class, () -> settings(List.of(6L), 3));
        assertThrows(IllegalArgumentException.class, () -> settings(List.of(4L), 0));
    }

    private static AllReduceBench.Settings settings(List<Long> sizes, int rounds) {
        return new AllReduceBench.Settings(DeviceKind.CPU, 1, sizes, rounds);
    }

    private static AllReduceCycle side(String name, double seconds, List<String> turns) {
        return new AllReduceCycle() {
            @Override
            public double measure(long elements, long cycles) {
                turns.add(name);
                return seconds;
            }

            @Override
            public void close() {}
        };
    }

    private String refusal(String compiler, String launcher) {
        return assertThrows(PeerException.class, () -> MpiCycle.start(2, compiler, launcher))
                .getMessage();
    }

    private String script(String name, String text) throws IOException {
        Path file = Files.writeString(folder.resolve(name), "#!/bin/sh\n" + text + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
        return file.toString();
    }
}
