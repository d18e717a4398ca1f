package org.tp4j.device;

import java.util.ArrayList;
import java.util.List;
import org.tp4j.device.cpu.CpuBackend;

/**
 * The devices that every contract test runs on: those of every kind that work here, or with {@code
 * -Dtp4j.tests.devices=cuda} CUDA devices only, or with {@code cuda-together} of those only the machine that has all.
 */
public final class TestDevices {
    private static final String CHOICE = System.getProperty("tp4j.tests.devices", "");

    private TestDevices() {}

    /** One device of each kind that works here, and a CPU whose new memory is NaN. */
    public static List<Device> all() {
        List<Device> devices = new ArrayList<>();
        if (CHOICE.isEmpty()) {
            devices.addAll(CpuBackend.poisoned().probe().devices());
        }
        for (Probe probe : probes()) {
            probe.devices().stream().findFirst().ifPresent(devices::add);
        }
        return devices;
    }

    /** Each of these devices alone, and all of a kind together where there are several. */
    public static List<Machine> machines() {
        List<Machine> machines = new ArrayList<>();
        if (!CHOICE.equals("cuda-together")) {
            all().forEach(device -> machines.add(new Machine(List.of(device))));
        }
        for (Probe probe : probes()) {
            if (probe.devices().size() > 1 || CHOICE.equals("cuda-together")) {
                machines.add(new Machine(probe.devices()));
            }
        }
        return machines;
    }

    private static List<Probe> probes() {
        return Backends.probes().stream()
                .filter(probe -> CHOICE.isEmpty() || probe.kind() == DeviceKind.CUDA)
                .toList();
    }
}
