package org.tp4j.device;

import java.util.ArrayList;
import java.util.List;
import org.tp4j.device.cpu.CpuBackend;

/** The devices that every contract test runs on. */
public final class TestDevices {
    private TestDevices() {}

    /** One device of each kind that works here, and a CPU whose new memory is NaN. */
    public static List<Device> all() {
        List<Device> devices = new ArrayList<>(CpuBackend.poisoned().probe().devices());
        for (Probe probe : Backends.probes()) {
            probe.devices().stream().findFirst().ifPresent(devices::add);
        }
        return devices;
    }

    /** Each of these devices alone, and all of a kind together where there are several. */
    public static List<Machine> machines() {
        List<Machine> machines = new ArrayList<>();
        all().forEach(device -> machines.add(new Machine(List.of(device))));
        for (Probe probe : Backends.probes()) {
            if (probe.devices().size() > 1) {
                machines.add(new Machine(probe.devices()));
            }
        }
        return machines;
    }
}
