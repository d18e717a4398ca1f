package org.tp4j.device;

import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * What one look for devices found.
 *
 * @param kind which kind was looked for
 * @param devices the devices that work; empty if none does
 * @param findings what they need, in the order in which it was looked for; something in it is missing if there is no
 *     device
 * @param rest looks for what was not looked for, because without what is missing it is of no use yet
 */
public record Probe(DeviceKind kind, List<Device> devices, List<Finding> findings, Supplier<List<Finding>> rest) {
    public Probe {
        Objects.requireNonNull(kind, "kind");
        devices = List.copyOf(devices);
        findings = List.copyOf(findings);
        Objects.requireNonNull(rest, "rest");
        if (devices.isEmpty() && findings.stream().allMatch(Finding::found)) {
            throw new IllegalArgumentException("there is no " + kind.label() + " device, but nothing is missing");
        }
    }

    /** A probe that found devices. */
    public static Probe found(DeviceKind kind, List<Device> devices) {
        return new Probe(kind, devices, List.of(), List::of);
    }

    /** A probe that found none, for one reason. */
    public static Probe missing(DeviceKind kind, Finding missing) {
        return new Probe(kind, List.of(), List.of(missing), List::of);
    }

    /** All that is needed, and whether it is there; looks further than the probe did, which takes a moment. */
    public List<Finding> examine() {
        return Stream.concat(findings.stream(), rest.get().stream()).toList();
    }

    /** Whether at least one device works. */
    public boolean works() {
        return !devices.isEmpty();
    }

    /** Why there is no device, in one sentence; empty if there is one. */
    public String reason() {
        return works() ? "" : firstMissing().detail();
    }

    /** What would mend that, in one sentence; empty if there is a device. */
    public String mend() {
        return works() ? "" : firstMissing().mend();
    }

    private Finding firstMissing() {
        return findings.stream().filter(each -> !each.found()).findFirst().orElseThrow();
    }
}
