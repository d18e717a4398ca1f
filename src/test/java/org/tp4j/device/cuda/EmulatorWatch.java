package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.tp4j.device.Backends;
import org.tp4j.device.DeviceKind;

/**
 * Where CUDA is emulated, every test must end with no finding of the emulator, work that nobody waited for included, and
 * with no stream, event, handle, allocation or pinned memory more than it began with.
 */
public final class EmulatorWatch implements BeforeEachCallback, AfterEachCallback {
    private static final List<String> COUNTED = List.of("streams", "events", "handles", "allocations", "pinned");
    private static final ExtensionContext.Namespace NAMESPACE = ExtensionContext.Namespace.create(EmulatorWatch.class);

    /** Whether this process's CUDA devices are the emulator's. */
    public static boolean isEmulated() {
        return Emulated.DEVICES;
    }

    @Override
    public void beforeEach(ExtensionContext context) {
        if (isEmulated()) {
            context.getStore(NAMESPACE).put("before", counts());
        }
    }

    @Override
    public void afterEach(ExtensionContext context) {
        if (isEmulated()) {
            Emulator.configure("run=all"); // what nobody waited for may touch what was freed
            assertEquals("", Emulator.takeReports(), "what the emulator found wrong");
            if (context.getTags().stream().noneMatch("leaves-memory"::equals)) {
                assertEquals(context.getStore(NAMESPACE).get("before"), counts(), "what is left on the devices");
            }
        }
    }

    private static Map<String, Long> counts() {
        Map<String, Long> counts = new LinkedHashMap<>();
        COUNTED.forEach(what -> counts.put(what, Emulator.count(what)));
        return counts;
    }

    private static final class Emulated {
        static final boolean DEVICES = Backends.probes().stream()
                .filter(probe -> probe.kind() == DeviceKind.CUDA)
                .flatMap(probe -> probe.devices().stream())
                .anyMatch(device -> device.name().contains("Emulated"));
    }
}
