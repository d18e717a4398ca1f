package org.tp4j.verify;

import org.tp4j.device.AllReduceAlgorithm;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.Event;
import org.tp4j.device.Stream;

/** A device that sums over its ranks in one way, whatever is faster. */
record FixedAlgorithm(Device device, AllReduceAlgorithm algorithm) implements Device {
    @Override
    public DeviceKind kind() {
        return device.kind();
    }

    @Override
    public int index() {
        return device.index();
    }

    @Override
    public String name() {
        return device.name();
    }

    @Override
    public Stream openStream() {
        return device.openStream();
    }

    @Override
    public Event createEvent() {
        return device.createEvent();
    }

    @Override
    public long liveBytes() {
        return device.liveBytes();
    }

    @Override
    public AllReduceAlgorithm allReduceAlgorithm(long bytes, int ranks) {
        return algorithm;
    }
}
