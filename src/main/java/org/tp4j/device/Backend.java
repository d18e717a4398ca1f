package org.tp4j.device;

/** A kind of device that this build can drive; found through {@link java.util.ServiceLoader}. */
public interface Backend {
    /** Which kind; never {@link DeviceKind#AUTO}. */
    DeviceKind kind();

    /** Looks for devices and never throws: what is missing is told in the {@link Probe}. */
    Probe probe();
}
