package org.tp4j.device.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.tp4j.device.AllReduceAlgorithm;
import org.tp4j.device.Backends;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.Probe;

class CpuBackendTest {
    @Test
    void theServiceLoaderFindsOneProcessor() {
        Device device = Backends.open(DeviceKind.CPU).get(0);
        assertSame(DeviceKind.CPU, device.kind());
        assertEquals(0, device.index());
        assertTrue(device.name().matches("CPU .+, OpenBLAS \\d+\\.\\d+\\.\\d+.*"), device.name());
    }

    @Test
    void aMissingLibraryIsTold() {
        UnsatisfiedLinkError cause = new UnsatisfiedLinkError("no jniopenblas_nolapack in java.library.path\nmore");
        Probe probe = new CpuBackend(
                        () -> {
                            throw new ExceptionInInitializerError(cause);
                        },
                        false)
                .probe();
        assertFalse(probe.works());
        assertSame(DeviceKind.CPU, probe.kind());
        assertEquals(
                "OpenBLAS does not load (UnsatisfiedLinkError: no jniopenblas_nolapack in java.library.path)",
                probe.reason());
        assertTrue(probe.mend().contains("org.bytedeco.javacpp.cachedir"), probe.mend());
    }

    @Test
    void smallSumsTakeOneStep() {
        Device device = Backends.open(DeviceKind.CPU).get(0);
        assertSame(AllReduceAlgorithm.EAGER, device.allReduceAlgorithm(4096, 2));
        assertSame(AllReduceAlgorithm.TWO_SHOT, device.allReduceAlgorithm(16 << 20, 2));
        assertSame(AllReduceAlgorithm.ONE_SHOT, device.allReduceAlgorithm(16 << 20, 1));
    }
}
