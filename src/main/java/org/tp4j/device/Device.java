package org.tp4j.device;

import java.util.List;
import java.util.Optional;
import org.tp4j.tensor.DType;

/** One processor with memory of its own that ranks can be bound to. Thread-safe. */
public interface Device {
    /** Which kind; never {@link DeviceKind#AUTO}. */
    DeviceKind kind();

    /** Its number among the devices of its kind, from 0. */
    int index();

    /** What it is, for people: model, library and version. */
    String name();

    /**
     * Its model, as far as that decides bits, for people too: devices of one model give equal bits for equal calls.
     */
    String model();

    /** Which two devices are not of one model, as a clause; empty if all are. */
    static Optional<String> difference(List<Device> devices) {
        Device first = devices.get(0);
        return devices.stream()
                .filter(other -> !other.model().equals(first.model()))
                .findFirst()
                .map(other -> first + " is of " + first.model() + ", but " + other + " is of " + other.model());
    }

    /**
     * Makes it ready for its first stream, if that is still to do; takes a moment.
     *
     * @throws UnusableDeviceException if it cannot be used
     */
    default void start() {}

    /** Tries what it has and can do, anew: its memory, which other devices it reaches, say. Takes a moment. */
    default List<Finding> examine() {
        return List.of();
    }

    /**
     * Finds out how devices reach each other's memory, unless that is known, so that nobody finds out in the middle of work.
     * May take seconds; a way that does not work is gone around, and no error.
     *
     * @param world devices of this kind, this one among them
     * @throws DeviceException if one of them does not start
     */
    default void connect(List<Device> world) {
        // devices that share one memory have nothing to find out
    }

    /** A new queue with its own workspace, to be used by one thread alone and closed by its owner. */
    Stream openStream();

    /** A new event, not yet recorded. */
    Event createEvent();

    /** Bytes of this device's memory in matrices that are not yet released; memory kept for reuse does not count. */
    long liveBytes();

    /**
     * Largest relative error of one operation in the sums of a product of {@code dtype} operands: the accumulator's unit
     * roundoff where it rounds to nearest, twice that where it truncates.
     */
    double roundoff(DType dtype);

    /** The faster way to sum {@code bytes} bytes over {@code ranks} ranks; the same answer for the same question. */
    AllReduceAlgorithm allReduceAlgorithm(long bytes, int ranks);
}
