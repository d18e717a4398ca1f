package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.tp4j.device.Backends;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.Probe;

/** What the other tests of a run on CUDA rely on. */
@Tag("cuda")
class CudaAvailabilityTest {
    @Test
    void aCudaDeviceWorks() {
        Probe probe = Backends.probes().stream()
                .filter(each -> each.kind() == DeviceKind.CUDA)
                .findFirst()
                .orElseThrow();
        assertTrue(probe.works(), () -> "no CUDA device works: " + probe.reason() + "; " + probe.mend());
    }
}
