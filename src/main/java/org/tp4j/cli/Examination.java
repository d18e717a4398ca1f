package org.tp4j.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.tp4j.comm.World;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceException;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.Finding;
import org.tp4j.device.Probe;
import org.tp4j.device.UnusableDeviceException;
import org.tp4j.layer.ParallelMlp;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/**
 * A close look at one kind of device.
 *
 * @param kind which
 * @param findings what the devices need
 * @param devices each device
 */
record Examination(DeviceKind kind, List<Finding> findings, List<OfDevice> devices) {
    private static final float[][] X = {{1, -2, 3}, {4, 5, -6}};
    private static final float[][] W1 = {{1, -1, 2, 0}, {3, 1, -2, 1}, {0, 2, 1, -1}};
    private static final float[][] W2 = {{1, 2}, {-3, 1}, {2, 0}, {5, -7}};
    private static final float[][] Y = {{9, 3}, {74, -39}};

    /**
     * A close look at one device.
     *
     * @param findings what it has and can do
     * @param trial what a small layer did on it, or why none was tried
     */
    record OfDevice(Device device, List<Finding> findings, Finding trial) {
        private Map<String, Object> json() {
            Map<String, Object> object = new LinkedHashMap<>();
            object.put("index", device.index());
            object.put("name", device.name());
            object.put("works", trial.found());
            List<Finding> all = new ArrayList<>(findings);
            all.add(trial);
            object.put("findings", all.stream().map(Examination::json).toList());
            return object;
        }
    }

    /** Looks at what a probe found, and multiplies something on every device. */
    static Examination of(Probe probe) {
        return new Examination(
                probe.kind(),
                probe.examine(),
                probe.devices().stream().map(Examination::of).toList());
    }

    /** Whether a device works. */
    boolean works() {
        return devices.stream().anyMatch(each -> each.trial().found());
    }

    /** What keeps the devices from working, in one sentence with its mend; empty if nothing does. */
    Optional<String> complaint() {
        List<Finding> all = new ArrayList<>(findings);
        devices.forEach(each -> all.add(each.trial()));
        return works()
                ? Optional.empty()
                : all.stream()
                        .filter(each -> !each.found())
                        .findFirst()
                        .map(each -> "no " + kind.label() + " device works: " + each.detail() + "; " + each.mend());
    }

    Map<String, Object> json() {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("kind", kind.label());
        object.put("works", works());
        object.put("findings", findings.stream().map(Examination::json).toList());
        object.put("devices", devices.stream().map(OfDevice::json).toList());
        return object;
    }

    private static Map<String, Object> json(Finding finding) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("thing", finding.thing());
        object.put("found", finding.found());
        object.put("detail", finding.detail());
        object.put("mend", finding.mend());
        return object;
    }

    private static OfDevice of(Device device) {
        try {
            device.start();
        } catch (UnusableDeviceException e) {
            return new OfDevice(device, List.of(), e.finding("start"));
        }
        List<Finding> findings;
        try {
            findings = device.examine();
        } catch (DeviceException e) {
            findings = List.of(failed("device", e.getMessage(), e, device));
        }
        return new OfDevice(device, findings, layer(device));
    }

    /** {@code relu(x W1) W2} over two ranks of one device, in small integers, which every dtype holds. */
    private static Finding layer(Device device) {
        String thing = "2-rank mlp";
        try (World world =
                World.builder(device.kind(), 2).devices(List.of(device)).open()) {
            for (DType dtype : DType.values()) {
                Optional<String> wrong = wrong(world, dtype);
                if (wrong.isPresent()) {
                    return Finding.missing(thing, "in " + dtype + " it gave " + wrong.get(), mend(device));
                }
            }
            return Finding.found(thing, "it gave the unsplit layer's bits in " + names(DType.values()));
        } catch (RuntimeException | LinkageError | OutOfMemoryError e) { // the rest of the table is wanted all the more
            return failed(thing, "it failed: " + e.getMessage(), e, device);
        }
    }

    /** An element of the layer that is not as it must be; empty if all are. */
    private static Optional<String> wrong(World world, DType dtype) {
        try (HostMatrix x = matrix(X, dtype);
                HostMatrix w1 = matrix(W1, dtype);
                HostMatrix w2 = matrix(W2, dtype);
                HostMatrix y = world.compute(
                        rank -> ParallelMlp.shardOf(rank, w1, w2).allReduced(rank.comm(), rank.replicate(x)))) {
            for (int row = 0; row < Y.length; row++) {
                for (int column = 0; column < Y[row].length; column++) {
                    if (y.get(row, column) != Y[row][column]) {
                        return Optional.of(
                                y.get(row, column) + " at (" + row + ", " + column + "), not " + Y[row][column]);
                    }
                }
            }
            return Optional.empty();
        }
    }

    private static HostMatrix matrix(float[][] values, DType dtype) {
        try (HostMatrix single = HostMatrix.of(values)) {
            return single.to(dtype);
        }
    }

    private static String names(DType... dtypes) {
        return Arrays.stream(dtypes).map(DType::label).collect(Collectors.joining(", "));
    }

    private static Finding failed(String thing, String reason, Throwable failure, Device device) {
        return UnusableDeviceException.behind(failure)
                .map(unusable -> unusable.finding(thing))
                .orElseGet(() -> Finding.missing(thing, reason, mend(device)));
    }

    private static String mend(Device device) {
        return device.kind() == DeviceKind.CUDA
                ? "look at nvidia-smi, or leave " + device + " out with CUDA_VISIBLE_DEVICES"
                : "please report it";
    }
}
