package org.tp4j.device.cpu;

import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.tp4j.device.Backend;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.Finding;
import org.tp4j.device.Probe;
import org.tp4j.tensor.NativeLibraryException;

/** Finds the host's processor, which works wherever OpenBLAS loads. */
public final class CpuBackend implements Backend {
    private final Supplier<OpenBlas> library;
    private final boolean poisoned;

    /** The backend that {@link java.util.ServiceLoader} finds. */
    public CpuBackend() {
        this(OpenBlas::loaded, false);
    }

    CpuBackend(Supplier<OpenBlas> library, boolean poisoned) {
        this.library = Objects.requireNonNull(library, "library");
        this.poisoned = poisoned;
    }

    /** A backend whose allocations come filled with NaN, so that a read of undefined elements shows. */
    public static CpuBackend poisoned() {
        return new CpuBackend(OpenBlas::loaded, true);
    }

    @Override
    public DeviceKind kind() {
        return DeviceKind.CPU;
    }

    @Override
    public Probe probe() {
        try {
            return Probe.found(DeviceKind.CPU, List.of(new CpuDevice(library.get(), poisoned)));
        } catch (LinkageError | RuntimeException e) {
            if (e.getCause() instanceof OutOfMemoryError memory) { // no memory or thread, while the library was loaded
                throw memory;
            }
            return Probe.missing(
                    DeviceKind.CPU,
                    Finding.missing(
                            "OpenBLAS",
                            "OpenBLAS does not load (" + NativeLibraryException.reason(e) + ")",
                            NativeLibraryException.MEND));
        }
    }
}
