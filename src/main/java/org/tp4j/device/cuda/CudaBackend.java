package org.tp4j.device.cuda;

import static jcuda.driver.JCudaDriver.cuDeviceGet;
import static jcuda.driver.JCudaDriver.cuDeviceGetCount;
import static jcuda.driver.JCudaDriver.cuDriverGetVersion;
import static jcuda.driver.JCudaDriver.cuInit;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import org.tp4j.device.Backend;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.Probe;

/** Finds NVIDIA GPUs whose driver and cuBLAS this build can use, or says what is missing. */
public final class CudaBackend implements Backend {
    /** CUDA 12.0, the first whose driver takes the PTX that this build holds. */
    private static final int OLDEST_DRIVER = 12000;

    private static final String OTHERWISE = ", or use --device cpu";

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
        if (!NativeLibraries.exist()) {
            return missing(
                    "this build of tp4j holds no JCuda for " + System.getProperty("os.name") + " on "
                            + System.getProperty("os.arch"),
                    "use a build for Linux or Windows on x86_64");
        }
        try {
            NativeLibraries.loadDriver();
        } catch (LinkageError | IOException | RuntimeException e) {
            return missing(
                    "the NVIDIA driver's library libcuda.so.1 does not load (" + reason(e) + ")",
                    "install the NVIDIA driver, or name the library with -Dtp4j.cuda.driver=FILE");
        }
        try {
            return probeDriver();
        } catch (RuntimeException e) {
            return missing("the NVIDIA driver failed (" + reason(e) + ")", "look at nvidia-smi");
        }
    }

    private static Probe probeDriver() {
        int[] version = new int[1];
        int result = cuDriverGetVersion(version);
        if (result == CUresult.CUDA_SUCCESS && version[0] < OLDEST_DRIVER) {
            return missing(
                    "the NVIDIA driver is of CUDA " + text(version[0]) + ", too old for this build's kernels",
                    "install a driver of CUDA " + text(OLDEST_DRIVER) + " or newer");
        }
        result = result == CUresult.CUDA_SUCCESS ? cuInit(0) : result;
        int[] count = new int[1];
        result = result == CUresult.CUDA_SUCCESS ? cuDeviceGetCount(count) : result;
        if (result == CUresult.CUDA_ERROR_NO_DEVICE || (result == CUresult.CUDA_SUCCESS && count[0] == 0)) {
            return missing(
                    "the NVIDIA driver finds no GPU",
                    "make one visible, for instance in CUDA_VISIBLE_DEVICES or with docker's --gpus all");
        }
        if (result != CUresult.CUDA_SUCCESS) {
            return missing(
                    "the NVIDIA driver does not start: it gave " + CUresult.stringFor(result) + " (" + result + ")",
                    "make nvidia-smi work");
        }
        try {
            NativeLibraries.loadCublas();
        } catch (LinkageError | IOException | RuntimeException e) {
            return missing(
                    "cuBLAS's library libcublas.so.12 does not load (" + reason(e) + ")",
                    "install CUDA 12's cuBLAS, or name the library with -Dtp4j.cublas=FILE");
        }
        return withDevices(count[0], "driver of CUDA " + text(version[0]));
    }

    private static Probe withDevices(int count, String driver) {
        PeerAccess peers = new PeerAccess();
        List<CudaDevice> devices = new ArrayList<>();
        List<String> tooOld = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            CUdevice handle = new CUdevice();
            int result = cuDeviceGet(handle, i);
            if (result != CUresult.CUDA_SUCCESS) {
                return missing(
                        "the NVIDIA driver does not give device " + i + ": " + CUresult.stringFor(result),
                        "make nvidia-smi work");
            }
            CudaDevice device = new CudaDevice(handle, i, driver, peers);
            if (device.capability() >= CudaDevice.OLDEST_CAPABILITY) {
                devices.add(device);
            } else {
                tooOld.add(device.name());
            }
        }
        peers.among(devices);
        return devices.isEmpty()
                ? missing(
                        "no GPU is new enough for this build's kernels: " + String.join("; ", tooOld),
                        "use one of compute capability 7.5 or newer")
                : Probe.found(DeviceKind.CUDA, List.copyOf(devices));
    }

    private static Probe missing(String reason, String mend) {
        return Probe.missing(DeviceKind.CUDA, reason, mend + OTHERWISE);
    }

    private static String text(int version) {
        return version / 1000 + "." + version % 1000 / 10;
    }

    /** What the loader said first, without the path of what it unpacked. */
    private static String reason(Throwable failure) {
        String message = Objects.requireNonNullElse(
                failure.getMessage(), failure.getClass().getSimpleName());
        String line = message.lines().findFirst().orElse("");
        String ownFile = line.startsWith("/") && line.contains("JC") ? line.substring(line.indexOf(": ") + 2) : line;
        return ownFile;
    }
}
