package org.tp4j.device;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;

/** The one place that finds devices and says why one is missing. Each backend is probed once per process. */
public final class Backends {
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
        if (kind == DeviceKind.AUTO) {
            return probe(DeviceKind.CUDA).works() ? open(DeviceKind.CUDA) : open(DeviceKind.CPU);
        }
        Probe probe = probe(kind);
        if (!probe.works()) {
            throw new NoDeviceException(probe);
        }
        return probe.devices();
    }

    private static Probe probe(DeviceKind kind) {
        return probes().stream()
                .filter(probe -> probe.kind() == kind)
                .findFirst()
                .orElseThrow();
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
