package org.tp4j.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
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
            MedianRatio ratio = bench().beside(GemmBench.Peer.NUMPY, peer.toString(), SHAPE, dtype);
            assertEquals(1.0, ratio.peer());
            assertTrue(ratio.ours() > 0 && ratio.ours() < 1, "a product of 6336 terms took " + ratio.ours() + " s");
            assertTrue(ratio.low() <= ratio.ratio() && ratio.ratio() <= ratio.high());
        }
        assertEquals(liveBefore, device.liveBytes());
    }

    @Test
    void ourSideIsMeasuredAlone() throws InterruptedException {
        long liveBefore = device.liveBytes();
        for (DType dtype : DType.values()) {
            double seconds = bench().alone(SHAPE, dtype);
            assertTrue(seconds > 0 && seconds < 1, "a product of 6336 terms took " + seconds + " s");
        }
        assertEquals(liveBefore, device.liveBytes());
    }

    @Test
    @Timeout(60)
    void aRankThatFailsEndsTheMeasurement() {
        try (RankThreads threads = new RankThreads(3)) {
            RankThreads.Task fails = rank -> {
                if (rank == 2) {
                    throw new IllegalStateException("rank 2 fails");
                }
            };
            ExecutionException failure =
                    assertThrows(ExecutionException.class, () -> threads.seconds(5, fails, rank -> {}));
            assertEquals("rank 2 fails", failure.getCause().getMessage());
        }
    }

    @Test
    void thePeerIsToldShapeAndThreads() throws IOException {
        Path peer = peer("while read command rest; do echo ready $command $rest $OPENBLAS_NUM_THREADS; done");
        try (PythonPeer numpy = PythonPeer.numpy(peer.toString(), 3)) {
            assertEquals("prepare f64 3 64 33 3", numpy.prepare(SHAPE, DType.F64));
        }
    }

    @Test
    void aPeerThatDoesNotRunIsTold() throws IOException {
        String missing = folder.resolve("no-python").toString();
        for (GemmBench.Peer peer : GemmBench.Peer.values()) {
            assertTrue(refusal(peer, missing).contains("no-python"));
        }
        String ends = peer("exit 1").toString();
        assertEquals("NumPy failed: error: it ended without a message", refusal(GemmBench.Peer.NUMPY, ends));
        assertEquals("PyTorch failed: error: it ended without a message", refusal(GemmBench.Peer.TORCH, ends));
    }

    private String refusal(GemmBench.Peer peer, String interpreter) {
        return assertThrows(PeerException.class, () -> bench().beside(peer, interpreter, SHAPE, DType.F32))
                .getMessage();
    }

    private GemmBench bench() {
        return new GemmBench(device, 2, 3);
    }

    private Path peer(String script) throws IOException {
        Path file = Files.writeString(folder.resolve("peer"), "#!/bin/sh\n" + script + "\n");
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
    }
}
