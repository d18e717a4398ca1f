package org.tp4j.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tp4j.device.Backends;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceKind;
import org.tp4j.tensor.DType;

/** With a shell script in Python's place, which answers that a product takes a second. */
class GemmBenchTest {
    private static final GemmShape SHAPE = new GemmShape(3, 64, 33);

    @TempDir
    private Path folder;

    private final Device device = Backends.open(DeviceKind.CPU).get(0);

    @Test
    void bothSidesAreMeasured() throws Exception {
        Path peer = peer("while read command rest; do case $command in"
                + " prepare) echo ready $rest;; run) echo 1000000000.0;; esac; done");
        long liveBefore = device.liveBytes();
        for (DType dtype : new DType[] {DType.F32, DType.F64}) {
            MedianRatio ratio = new GemmBench(device, 2, peer.toString(), 3).run(SHAPE, dtype);
            assertEquals(1.0, ratio.peer());
            assertTrue(ratio.ours() > 0 && ratio.ours() < 1, "a product of 6336 terms took " + ratio.ours() + " s");
            assertTrue(ratio.low() <= ratio.ratio() && ratio.ratio() <= ratio.high());
        }
        assertEquals(liveBefore, device.liveBytes());
    }

    @Test
    void thePeerIsToldShapeAndThreads() throws IOException {
        Path peer = peer("while read command rest; do echo ready $command $rest $OPENBLAS_NUM_THREADS; done");
        try (NumpyPeer numpy = new NumpyPeer(peer.toString(), 3)) {
            assertEquals("prepare f64 3 64 33 3", numpy.prepare(SHAPE, DType.F64));
        }
    }

    @Test
    void aPeerThatDoesNotRunIsTold() throws IOException {
        GemmBench none = new GemmBench(device, 2, folder.resolve("no-python").toString(), 3);
        assertTrue(assertThrows(IOException.class, () -> none.run(SHAPE, DType.F32))
                .getMessage()
                .contains("no-python"));
        GemmBench ends = new GemmBench(device, 2, peer("exit 1").toString(), 3);
        assertEquals(
                "NumPy failed: error: it ended without a message",
                assertThrows(IOException.class, () -> ends.run(SHAPE, DType.F32))
                        .getMessage());
    }

    private Path peer(String script) throws IOException {
        Path file = Files.writeString(folder.resolve("peer"), "#!/bin/sh\n" + script + "\n");
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
    }
}
