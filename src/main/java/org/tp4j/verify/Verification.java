package org.tp4j.verify;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.tp4j.comm.World;
import org.tp4j.device.Backends;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceKind;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.WeightLayout;

/**
 * Every law on generated layers, over some world sizes and dtypes.
 *
 * @param kind which devices
 * @param worldSizes how many ranks, one after the other
 * @param dtypes which dtypes
 * @param seed what the layers are generated from; the same verification always generates the same
 */
public record Verification(DeviceKind kind, List<Integer> worldSizes, List<DType> dtypes, long seed) {
    /** The world sizes that are verified unless told otherwise. */
    public static final List<Integer> DEFAULT_WORLD_SIZES = List.of(1, 2, 3, 4, 8);

    /** @throws IllegalArgumentException if there is no world size or dtype, or a world cannot have a size */
    public Verification {
        worldSizes = List.copyOf(worldSizes);
        dtypes = List.copyOf(dtypes);
        if (worldSizes.isEmpty() || dtypes.isEmpty()) {
            throw new IllegalArgumentException("the world sizes are " + worldSizes + " and the dtypes " + dtypes
                    + ": there must be at least one of each");
        }
        for (int size : worldSizes) {
            if (size < 1 || size > World.MAX_RANKS) {
                throw new IllegalArgumentException("the world size is " + size + ": must be 1 to " + World.MAX_RANKS);
            }
        }
    }

    /** Every dtype, over {@link #DEFAULT_WORLD_SIZES}. */
    public static Verification standard(DeviceKind kind, long seed) {
        return new Verification(kind, DEFAULT_WORLD_SIZES, List.of(DType.values()), seed);
    }

    /**
     * How many results {@link #run} gives.
     *
     * @throws org.tp4j.device.NoDeviceException if no device of the kind works
     */
    public int size() {
        return size(Backends.open(kind));
    }

    private int size(List<Device> devices) {
        int count = 0;
        for (Law law : Law.values()) {
            long sizes = worldSizes.stream()
                    .filter(worldSize -> law.appliesTo(worldSize, devices))
                    .count();
            count += (int) sizes * dtypes.size() * law.shapes().size();
        }
        return count;
    }

    /**
     * Checks every law and gives each result to {@code progress} as it comes.
     *
     * @throws org.tp4j.device.NoDeviceException if no device of the kind works
     * @throws org.tp4j.device.UnusableDeviceException if one of them cannot be used
     */
    public VerificationReport run(Consumer<LawResult> progress) {
        return run(Backends.open(kind), progress);
    }

    /** As {@link #run(Consumer)}, on some devices. */
    VerificationReport run(List<Device> devices, Consumer<LawResult> progress) {
        devices.forEach(Device::start); // what is no fault of a law must not look like one
        long start = System.nanoTime();
        SplittableRandom seeds = new SplittableRandom(seed);
        List<LawResult> results = new ArrayList<>(size(devices));
        for (int worldSize : worldSizes) {
            try (Worlds worlds = new Worlds(devices)) {
                for (Trial trial : trials(worlds, devices, worldSize, seeds)) {
                    LawResult result = trial.check();
                    results.add(result);
                    progress.accept(result);
                }
            }
        }
        Duration took = Duration.ofNanos(System.nanoTime() - start);
        return new VerificationReport(this, results, environment(devices), took);
    }

    /** Each trial has layers of its own; the layouts take turns over dtypes and shapes. */
    private List<Trial> trials(Worlds worlds, List<Device> devices, int worldSize, SplittableRandom seeds) {
        List<Trial> trials = new ArrayList<>();
        for (Law law : Law.values()) {
            if (!law.appliesTo(worldSize, devices)) {
                continue;
            }
            for (int i = 0; i < dtypes.size(); i++) {
                for (int j = 0; j < law.shapes().size(); j++) {
                    WeightLayout layout = (i + j) % 2 == 0 ? WeightLayout.OUT_IN : WeightLayout.IN_OUT;
                    Shape shape = law.shapes().get(j);
                    trials.add(new Trial(law, worlds, worldSize, dtypes.get(i), shape, layout, seeds.nextLong()));
                }
            }
        }
        return trials;
    }

    private static Map<String, String> environment(List<Device> devices) {
        Map<String, String> environment = new TreeMap<>();
        for (Device device : devices) {
            environment.put("device " + device.kind().label() + " " + device.index(), device.name());
        }
        Device.difference(devices)
                .ifPresent(difference -> environment.put(
                        Law.TP_INVARIANT.title(), "not checked on devices of different models: " + difference));
        Runtime runtime = Runtime.getRuntime();
        environment.put("processors", Integer.toString(runtime.availableProcessors()));
        environment.put("java", System.getProperty("java.vm.name") + " " + Runtime.version());
        environment.put(
                "system",
                System.getProperty("os.name") + " " + System.getProperty("os.version") + ", "
                        + System.getProperty("os.arch"));
        return environment;
    }
}
