package org.tp4j.device;

import java.util.List;
import java.util.Objects;

/**
 * What one look for devices found.
 *
 * @param kind which kind was looked for
 * @param devices the devices that work; empty if none does
 * @param reason why there is none, in one sentence; empty if there is one
 * @param mend what would mend that, in one sentence; empty if there is one
 */
public record Probe(DeviceKind kind, List<Device> devices, String reason, String mend) {
    public Probe {
        Objects.requireNonNull(kind, "kind");
        devices = List.copyOf(devices);
        Objects.requireNonNull(reason, "reason");
        Objects.requireNonNull(mend, "mend");
    }

    /** A probe that found devices. */
    public static Probe found(DeviceKind kind, List<Device> devices) {
        return new Probe(kind, devices, "", "");
    }

    /** A probe that found none. */
    public static Probe missing(DeviceKind kind, String reason, String mend) {
        return new Probe(kind, List.of(), reason, mend);
    }

    /** Whether at least one device works. */
    public boolean works() {
        return !devices.isEmpty();
    }
}
