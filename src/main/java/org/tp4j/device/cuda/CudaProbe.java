package org.tp4j.device.cuda;

import static jcuda.driver.JCudaDriver.cuDeviceGet;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasStatus;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.Finding;
import org.tp4j.device.Probe;
import org.tp4j.device.cuda.library.NativeDirectory;

/** One look for CUDA: JCuda's libraries, the driver, cuBLAS and the devices, in this order, to the first that is missing. */
final class CudaProbe {
    private final NativeDirectory directory = NativeDirectory.ofThisProcess();
    private final List<Finding> findings = new ArrayList<>();

    Probe look() {
        try {
            NativeLibraries natives = unpacked();
            CudaDriver driver = started(natives);
            String cublas = loadedCublas(natives, new CublasFit(driver.version(), newestCapability(driver)));
            return new Probe(DeviceKind.CUDA, devices(driver, cublas), findings, List::of);
        } catch (MissingException e) {
            findings.add(e.finding());
            return new Probe(DeviceKind.CUDA, List.of(), findings, rest());
        }
    }

    private NativeLibraries unpacked() throws MissingException {
        if (!NativeLibraries.exist()) {
            throw new MissingException(
                    "JCuda",
                    "this build of tp4j holds no JCuda for " + System.getProperty("os.name") + " on "
                            + System.getProperty("os.arch"),
                    "use a build for Linux or Windows on x86_64");
        }
        try {
            NativeLibraries natives = NativeLibraries.unpacked(directory);
            findings.add(Finding.found("natives", natives.place(directory)));
            return natives;
        } catch (IOException e) {
            throw new MissingException(
                    "natives",
                    "JCuda's native libraries cannot be unpacked: " + e.getMessage(),
                    "make room there or allow it, or name a folder that can be written with -Dtp4j.natives=FOLDER");
        }
    }

    private CudaDriver started(NativeLibraries natives) throws MissingException {
        CudaDriver driver = CudaDriver.started(natives);
        findings.add(Finding.found("driver", driver.name() + ", " + driver.library()));
        return driver;
    }

    /** Its version, after loading it. */
    private String loadedCublas(NativeLibraries natives, CublasFit fit) throws MissingException {
        String library = NativeLibraries.WINDOWS ? "cublas64_12.dll" : CublasLibrary.loaded(directory, fit);
        try {
            natives.loadCublas();
        } catch (LinkageError e) {
            throw new MissingException(
                    "cuBLAS",
                    "JCuda's library for cuBLAS does not load (" + Loading.reason(e) + ") with " + library,
                    NativeLibraries.WINDOWS
                            ? "put the folder bin of CUDA 12's toolkit on the PATH"
                            : "name another libcublas.so.12 with -Dtp4j.cublas=FILE");
        }
        String version = "cuBLAS " + property(0) + "." + property(1) + "." + property(2);
        findings.add(Finding.found("cuBLAS", version + ", " + library));
        return version;
    }

    private static String property(int property) {
        int[] value = new int[1];
        return JCublas2.cublasGetProperty(property, value) == cublasStatus.CUBLAS_STATUS_SUCCESS
                ? String.valueOf(value[0])
                : "?";
    }

    private static int newestCapability(CudaDriver driver) throws MissingException {
        int newest = 0;
        for (int i = 0; i < driver.devices(); i++) {
            newest = Math.max(newest, CudaDevice.capability(handle(i)));
        }
        return newest;
    }

    /** What is missing beside the driver, so that nobody must install one thing to hear of the next. */
    private Supplier<List<Finding>> rest() {
        boolean looked = NativeLibraries.WINDOWS
                || findings.stream().anyMatch(each -> each.thing().equals("cuBLAS"));
        return looked ? List::of : () -> List.of(seenCublas());
    }

    private Finding seenCublas() {
        try {
            return Finding.found("cuBLAS", CublasLibrary.seen(directory) + ", not loaded yet");
        } catch (MissingException e) {
            return e.finding();
        }
    }

    private List<Device> devices(CudaDriver driver, String cublas) throws MissingException {
        PeerAccess peers = new PeerAccess(PeerMode.ofThisProcess(), directory);
        List<CudaDevice> devices = new ArrayList<>();
        List<String> tooOld = new ArrayList<>();
        for (int i = 0; i < driver.devices(); i++) {
            CudaDevice device = new CudaDevice(handle(i), i, "driver of " + driver.name() + ", " + cublas, peers);
            if (device.capability() >= CudaDevice.OLDEST_CAPABILITY) {
                devices.add(device);
            } else {
                tooOld.add(device.name());
            }
        }
        Optional<MissingException> refusal = tooOld.isEmpty()
                ? Optional.empty()
                : Optional.of(new MissingException(
                        "GPU",
                        "not new enough for this build's kernels: " + String.join("; ", tooOld),
                        "use one of compute capability 7.5 or newer"));
        if (devices.isEmpty()) {
            throw refusal.orElseThrow();
        }
        refusal.ifPresent(each -> findings.add(each.finding()));
        peers.among(devices);
        return List.copyOf(devices);
    }

    private static CUdevice handle(int index) throws MissingException {
        CUdevice handle = new CUdevice();
        int result = cuDeviceGet(handle, index);
        if (result != CUresult.CUDA_SUCCESS) {
            StartFailure failure = StartFailure.of(result);
            throw new MissingException(
                    "GPU",
                    "the NVIDIA driver does not give device " + index + " (" + failure.reason() + ")",
                    failure.mend());
        }
        return handle;
    }
}
