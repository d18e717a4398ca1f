package org.tp4j.device;

import java.util.List;
import java.util.stream.Collectors;

/** The devices of one kind that the ranks of a test's worlds share. */
public record Machine(List<Device> devices) {
    public Machine {
        devices = List.copyOf(devices);
    }

    /** Which kind. */
    public DeviceKind kind() {
        return devices.get(0).kind();
    }

    /** Bytes of the matrices that are not yet released, on all devices. */
    public long liveBytes() {
        return devices.stream().mapToLong(Device::liveBytes).sum();
    }

    @Override
    public String toString() {
        return devices.stream().map(Device::name).collect(Collectors.joining(" and "));
    }
}
