package org.tp4j.verify;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.tp4j.comm.World;
import org.tp4j.device.AllReduceAlgorithm;
import org.tp4j.device.Device;

/** The worlds that some trials run on, each opened when it is first needed. */
final class Worlds implements AutoCloseable {
    private final List<Device> devices;
    private final Map<Settings, World> open = new HashMap<>();

    private record Settings(int size, boolean tpInvariant, Optional<AllReduceAlgorithm> algorithm) {}

    /** Worlds whose ranks are bound to {@code devices} in turn. */
    Worlds(List<Device> devices) {
        this.devices = devices;
    }

    /** A world as users open it. */
    World of(int size) {
        return of(new Settings(size, false, Optional.empty()));
    }

    /** A world whose results have the same bits at 1, 2, 4 and 8 ranks. */
    World tpInvariant(int size) {
        return of(new Settings(size, true, Optional.empty()));
    }

    /** A world that sums in one way, whatever is faster. */
    World summing(int size, AllReduceAlgorithm algorithm) {
        return of(new Settings(size, false, Optional.of(algorithm)));
    }

    @Override
    public void close() {
        open.values().forEach(World::close);
    }

    private World of(Settings settings) {
        return open.computeIfAbsent(settings, this::open);
    }

    private World open(Settings settings) {
        World.Builder builder = World.builder(devices.get(0).kind(), settings.size())
                .devices(devices)
                .tpInvariant(settings.tpInvariant());
        settings.algorithm().ifPresent(builder::allReduce);
        return builder.open();
    }
}
