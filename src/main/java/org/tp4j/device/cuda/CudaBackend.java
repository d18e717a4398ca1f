package org.tp4j.device.cuda;

import org.tp4j.device.Backend;
import org.tp4j.device.DeviceException;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.Finding;
import org.tp4j.device.Probe;

/** Finds NVIDIA GPUs whose driver and cuBLAS this build can use, or says what is missing. */
public final class CudaBackend implements Backend {
    /** The backend that {@link java.util.ServiceLoader} finds. */
    public CudaBackend() {
        // nothing to set
    }

    @Override
    public DeviceKind kind() {
        return DeviceKind.CUDA;
    }

    @Override
    public Probe probe() {
        try {
            return new CudaProbe().look();
        } catch (DeviceException e) {
            return Probe.missing(
                    DeviceKind.CUDA,
                    Finding.missing(
                            "driver",
                            "the NVIDIA driver failed (" + e.getMessage() + ")",
                            "look at nvidia-smi, or use --device cpu"));
        }
    }
}
