package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.tp4j.device.Backends;
import org.tp4j.device.DeviceKind;

/**
 * Where CUDA is emulated, every test must end with no finding of the emulator, and with no stream, event, handle,
 * allocation or pinned memory on any device.
 */
public final class EmulatorWatch implements AfterEachCallback {
    private static final List<String> COUNTED = List.of("streams", "events", "handles", "allocations", "pinned");

    /** Whether this process's CUDA devices are the emulator's. */
    public static boolean isEmulated() {
        return Emulated.DEVICES;
    }

    @Override
    public void afterEach(ExtensionContext context) {
        if (isEmulated()) {
            assertEquals("", Emulator.takeReports(), "what the emulator found wrong");
            assertEquals("", left(), "what is left on the devices");
        }
    }

    private static String left() {
        return COUNTED.stream()
                .filter(what -> Emulator.count(what) != 0)
                .map(what -> what + "=" + Emulator.count(what))
                .collect(Collectors.joining(", "));
    }

    private static final class Emulated {
        static final boolean DEVICES = Backends.probes().stream()
                .filter(probe -> probe.kind() == DeviceKind.CUDA)
                .flatMap(probe -> probe.devices().stream())
                .anyMatch(device -> device.name().contains("Emulated"));
    }
}
