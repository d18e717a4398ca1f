package org.tp4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.tp4j.comm.World;
import org.tp4j.device.Backends;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.Probe;
import org.tp4j.layer.ParallelMlp;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.HostMemory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Says what this machine has and lacks. */
@Command(
        name = "doctor",
        description = "Print which devices and libraries were found, and the reason and mend for whatever is missing.")
final class DoctorCommand implements Callable<Integer> {
    @Mixin
    private DeviceOptions options;

    @Spec
    private CommandSpec spec;

    /** What a small layer did on one device, and what else there is to say of that. */
    private record Smoke(boolean passed, String detail, List<String> notes) {
        static Smoke failed(String detail) {
            return new Smoke(false, detail, List.of());
        }
    }

    @Override
    public Integer call() throws IOException {
        List<Probe> probes = Backends.probes().stream()
                .filter(probe -> options.kind() == DeviceKind.AUTO || options.kind() == probe.kind())
                .toList();
        Map<Device, Smoke> smokes = new LinkedHashMap<>();
        for (Probe probe : probes) {
            probe.devices().forEach(device -> smokes.put(device, smoke(device)));
        }
        PrintWriter out = spec.commandLine().getOut();
        if (options.json()) {
            Json.print(out, json(probes, smokes));
        } else {
            print(out, probes, smokes);
        }
        boolean anyWorks = smokes.values().stream().anyMatch(Smoke::passed);
        return anyWorks ? ExitCode.OK : ExitCode.DEVICE;
    }

    /** {@code relu(x W1) W2} over two ranks of one device, in small integers. */
    private static Smoke smoke(Device device) {
        float[][] expected = {{9, 3}, {74, -39}};
        try (HostMatrix x = HostMatrix.of(new float[][] {{1, -2, 3}, {4, 5, -6}});
                HostMatrix w1 = HostMatrix.of(new float[][] {{1, -1, 2, 0}, {3, 1, -2, 1}, {0, 2, 1, -1}});
                HostMatrix w2 = HostMatrix.of(new float[][] {{1, 2}, {-3, 1}, {2, 0}, {5, -7}});
                World world =
                        World.builder(device.kind(), 2).devices(List.of(device)).open();
                HostMatrix y = world.compute(
                        rank -> ParallelMlp.shardOf(rank, w1, w2).allReduced(rank.comm(), rank.replicate(x)))) {
            for (int row = 0; row < 2; row++) {
                for (int column = 0; column < 2; column++) {
                    if (y.get(row, column) != expected[row][column]) {
                        return Smoke.failed("a 2-rank mlp gave " + y.get(row, column) + " at (" + row + ", " + column
                                + "), not " + expected[row][column]);
                    }
                }
            }
            return new Smoke(true, "a 2-rank mlp gave the unsplit layer's bits", device.notes());
        } catch (RuntimeException e) {
            return Smoke.failed("a 2-rank mlp failed: " + e.getMessage());
        }
    }

    private static Map<String, String> environment() throws IOException {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("tp4j", Tp4jCommand.Version.text());
        facts.put("java", System.getProperty("java.version") + ", " + System.getProperty("java.vendor"));
        facts.put(
                "system",
                System.getProperty("os.name") + " " + System.getProperty("os.version") + ", "
                        + System.getProperty("os.arch") + ", "
                        + Runtime.getRuntime().availableProcessors() + " processors");
        facts.put(
                "memory",
                String.format(
                        Locale.ROOT,
                        "heap up to %d MiB; matrices lie outside of it, %d bytes now",
                        Runtime.getRuntime().maxMemory() >> 20,
                        HostMemory.liveBytes()));
        return facts;
    }

    private static void print(PrintWriter out, List<Probe> probes, Map<Device, Smoke> smokes) throws IOException {
        environment().forEach((name, value) -> out.printf("%-8s %s%n", name, value));
        for (Probe probe : probes) {
            String kind = probe.kind().label();
            if (!probe.works()) {
                out.printf("%-8s missing: %s%n", kind, probe.reason());
                out.printf("%-8s to mend it: %s%n", "", probe.mend());
            }
            for (Device device : probe.devices()) {
                Smoke smoke = smokes.get(device);
                out.printf("%-8s %d: %s%n", kind, device.index(), device.name());
                out.printf("%-8s %s: %s%n", "", smoke.passed() ? "works" : "FAILED", smoke.detail());
                smoke.notes().forEach(note -> out.printf("%-8s %s%n", "", note));
            }
        }
        out.flush();
    }

    private static Map<String, Object> json(List<Probe> probes, Map<Device, Smoke> smokes) throws IOException {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("command", "doctor");
        object.put("environment", environment());
        List<Map<String, Object>> backends = new ArrayList<>();
        for (Probe probe : probes) {
            Map<String, Object> backend = new LinkedHashMap<>();
            backend.put("kind", probe.kind().label());
            backend.put("works", probe.works());
            backend.put("reason", probe.reason());
            backend.put("mend", probe.mend());
            List<Map<String, Object>> devices = new ArrayList<>();
            for (Device device : probe.devices()) {
                Smoke smoke = smokes.get(device);
                devices.add(Map.of(
                        "index",
                        device.index(),
                        "name",
                        device.name(),
                        "passed",
                        smoke.passed(),
                        "detail",
                        smoke.detail(),
                        "notes",
                        smoke.notes()));
            }
            backend.put("devices", devices);
            backends.add(backend);
        }
        object.put("backends", backends);
        return object;
    }
}
