package org.tp4j.device;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.concurrent.ConcurrentHashMap;

/** The one place that finds devices and says why one is missing. Each backend is probed once per process. */
public final class Backends {
    private static final System.Logger LOG = System.getLogger(Backends.class.getName());

    /** What was found, once it was looked for. */
    private static final List<Probe> FOUND = new ArrayList<>();

    private Backends() {}

    /** What every kind's probe found, CPU first. */
    public static List<Probe> probes() {
        synchronized (FOUND) { // not in a class's initialiser: if memory or threads are short, one may try again
            if (FOUND.isEmpty()) {
                FOUND.addAll(look());
            }
            return List.copyOf(FOUND);
        }
    }

    /**
     * The devices of a kind, at least one.
     *
     * @throws NoDeviceException if there is none, with the probe's reason
     */
    public static List<Device> open(DeviceKind kind) {
        return open(kind, Integer.MAX_VALUE);
    }

    /**
     * The first devices of a kind, at least one. AUTO starts the GPUs that it gives, passes over those that cannot be used,
     * and gives the CPU if none can.
     *
     * @param most how many devices at most, at least 1
     * @throws NoDeviceException if there is none, with the probe's reason
     */
    public static List<Device> open(DeviceKind kind, int most) {
        if (kind == DeviceKind.AUTO) {
            List<Device> usable = probe(DeviceKind.CUDA).devices().stream()
                    .filter(Started::isUsable)
                    .limit(most)
                    .toList();
            return usable.isEmpty() ? open(DeviceKind.CPU, most) : usable;
        }
        Probe probe = probe(kind);
        if (!probe.works()) {
            throw new NoDeviceException(probe);
        }
        return probe.devices().stream().limit(most).toList();
    }

    private static Probe probe(DeviceKind kind) {
        return probes().stream()
                .filter(probe -> probe.kind() == kind)
                .findFirst()
                .orElseThrow();
    }

    /** Which GPUs AUTO takes; found out once, so that a process computes the same on every call. */
    private static final class Started {
        private static final Map<Device, Boolean> USABLE = new ConcurrentHashMap<>();

        static boolean isUsable(Device device) {
            return USABLE.computeIfAbsent(device, Started::starts);
        }

        private static boolean starts(Device device) {
            try {
                device.start();
                return true;
            } catch (UnusableDeviceException e) {
                LOG.log(System.Logger.Level.WARNING, "going on without " + device + ": " + e.getMessage());
                return false;
            }
        }
    }

    private static List<Probe> look() {
        List<Probe> probes = new ArrayList<>();
        for (Backend backend : ServiceLoader.load(Backend.class, Backends.class.getClassLoader())) {
            probes.add(backend.probe());
        }
        for (DeviceKind kind : List.of(DeviceKind.CPU, DeviceKind.CUDA)) {
            if (probes.stream().noneMatch(probe -> probe.kind() == kind)) {
                probes.add(Probe.missing(
                        kind,
                        Finding.missing(
                                "backend",
                                "this build of tp4j has no " + kind.label() + " backend",
                                "use a build that has one, or --device cpu")));
            }
        }
        probes.sort(Comparator.comparing(Probe::kind));
        return List.copyOf(probes);
    }
}
