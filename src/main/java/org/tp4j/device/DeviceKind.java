package org.tp4j.device;

import java.util.Locale;

/** Which kind of device to open. */
public enum DeviceKind {
    /** CUDA where a CUDA device works, else the CPU. */
    AUTO,
    /** The host's processor. */
    CPU,
    /** NVIDIA GPUs. */
    CUDA;

    /** The name used on the command line: {@code auto}, {@code cpu} or {@code cuda}. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
