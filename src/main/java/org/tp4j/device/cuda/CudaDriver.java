package org.tp4j.device.cuda;

import static jcuda.driver.JCudaDriver.cuDeviceGetCount;
import static jcuda.driver.JCudaDriver.cuDriverGetVersion;
import static jcuda.driver.JCudaDriver.cuInit;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import jcuda.driver.CUresult;
import org.tp4j.device.cuda.library.ElfLibrary;
import org.tp4j.device.cuda.library.LibrarySearch;
import org.tp4j.device.cuda.library.Soname;
import org.tp4j.device.cuda.library.Surroundings;
import org.tp4j.device.cuda.library.UnusableLibraryException;

/**
 * NVIDIA's driver: libcuda.so.1, where the system's loader finds it or {@code -Dtp4j.cuda.driver=FILE} says.
 *
 * @param version of CUDA, 1000 major + 10 minor
 * @param devices how many there are, at least one
 * @param library where it was found
 */
record CudaDriver(int version, int devices, String library) {
    private static final System.Logger LOG = System.getLogger(CudaDriver.class.getName());
    static final String PROPERTY = "tp4j.cuda.driver";
    private static final Soname LIBRARY = new Soname("libcuda.so.1", false);
    private static final Soname COMPILER = new Soname("libnvidia-ptxjitcompiler.so.1", false);
    private static final String WINDOWS_LIBRARY = "nvcuda.dll"; // the system finds it

    /** CUDA 12.0, the first whose driver takes the PTX that this build holds. */
    private static final int OLDEST = 12000;

    /**
     * Loads and starts it.
     *
     * @throws MissingException if there is none, or it is too old, or has no device
     */
    static CudaDriver started(NativeLibraries natives) throws MissingException {
        String library = NativeLibraries.WINDOWS ? WINDOWS_LIBRARY : loaded();
        try {
            natives.loadDriver();
        } catch (LinkageError e) {
            throw notLoaded("JCuda's library for it does not load (" + Loading.reason(e) + ")");
        }
        int version = askVersion();
        if (version < OLDEST) {
            throw new MissingException(
                    "driver",
                    "the NVIDIA driver is of CUDA " + text(version) + ", too old for this build's kernels",
                    "install a driver of CUDA " + text(OLDEST) + " or newer");
        }
        return new CudaDriver(version, startAndCount(), library);
    }

    /** {@code "CUDA 12.6"}. */
    String name() {
        return "CUDA " + text(version);
    }

    private static String loaded() throws MissingException {
        Optional<Path> named = Optional.ofNullable(System.getProperty(PROPERTY)).map(Path::of);
        if (named.isPresent()) {
            return loadedNamed(named.get());
        }
        LibrarySearch search = LibrarySearch.ofTheSystem(Surroundings.ofThisProcess());
        LibrarySearch.Found found = search.first(LIBRARY, CudaDriver::load).orElseThrow(() -> notLoaded(search.told()));
        return realName(found.file()) + ", from " + found.place();
    }

    private static String loadedNamed(Path file) throws MissingException {
        try {
            ElfLibrary.check(file, LIBRARY);
            load(file);
            return file + ", named by -D" + PROPERTY;
        } catch (UnusableLibraryException e) {
            throw notLoaded(file + ", named by -D" + PROPERTY + ", " + e.getMessage());
        }
    }

    /** Loads it, and its compiler of PTX, which it would ask the system's loader for: that may not know their folder. */
    private static void load(Path file) throws UnusableLibraryException {
        Loading.load(file);
        Path compiler = file.resolveSibling(COMPILER.name());
        if (Files.exists(compiler)) {
            try {
                ElfLibrary.check(compiler, COMPILER);
                Loading.load(compiler);
            } catch (UnusableLibraryException e) {
                LOG.log(System.Logger.Level.DEBUG, compiler + " " + e.getMessage());
            }
        }
    }

    /** The file behind the links, whose name ends with the driver's release. */
    private static Path realName(Path file) {
        try {
            return file.toRealPath();
        } catch (IOException e) {
            return file;
        }
    }

    private static MissingException notLoaded(String reason) {
        return new MissingException(
                "driver",
                "the NVIDIA driver's library " + (NativeLibraries.WINDOWS ? WINDOWS_LIBRARY : LIBRARY.name())
                        + " does not load: " + reason,
                "install the NVIDIA driver (on Ubuntu: sudo ubuntu-drivers install), start the container with --gpus all,"
                        + " or name the library with -D" + PROPERTY + "=FILE");
    }

    private static int askVersion() throws MissingException {
        int[] version = new int[1];
        check(cuDriverGetVersion(version));
        return version[0];
    }

    private static int startAndCount() throws MissingException {
        int[] count = new int[1];
        check(cuInit(0));
        check(cuDeviceGetCount(count));
        if (count[0] == 0) {
            check(CUresult.CUDA_ERROR_NO_DEVICE);
        }
        return count[0];
    }

    private static void check(int result) throws MissingException {
        if (result == CUresult.CUDA_SUCCESS) {
            return;
        }
        StartFailure failure = StartFailure.of(result);
        throw result == CUresult.CUDA_ERROR_NO_DEVICE
                ? new MissingException("GPU", failure.wrong(), failure.mend())
                : new MissingException(
                        "driver", "the NVIDIA driver does not start (" + failure.reason() + ")", failure.mend());
    }

    /** {@code "12.6"} of 12060. */
    static String text(int version) {
        return version / 1000 + "." + version % 1000 / 10;
    }
}
