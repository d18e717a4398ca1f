package org.tp4j.device.cuda;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.tp4j.device.cuda.library.UnusableLibraryException;

/**
 * Which versions of cuBLAS work with a driver and its GPUs. To be asked before one is loaded, because none can be unloaded.
 *
 * @param driver the driver's CUDA, 1000 major + 10 minor
 * @param newestCapability of the GPUs, 10 major + minor
 * @see <a href="https://docs.nvidia.com/cuda/cuda-toolkit-release-notes/index.html">CUDA's release notes</a>
 */
record CublasFit(int driver, int newestCapability) {
    /** Where there is no driver yet, nothing is known to be wrong. */
    static final CublasFit UNKNOWN = new CublasFit(Integer.MAX_VALUE, 0);

    private static final int THIRTEENS_OLDEST_DRIVER = 13000;
    private static final int BLACKWELL = 100;
    private static final int BLACKWELLS_OLDEST_MINOR = 8;

    /** {@code libcublas.so.12.6.3.3}; in Python's packages, {@code nvidia_cublas_cu12-12.6.3.3.dist-info} says it. */
    private static final Pattern FILE = Pattern.compile("libcublas\\.so\\.(12\\.(\\d+)(\\.\\d+)*)");

    private static final Pattern PACKAGE = Pattern.compile("nvidia_cublas_cu12-(12\\.(\\d+)(\\.\\d+)*)\\.dist-info");

    /** Throws unless a libcublas.so.12 knows the newest GPU, or its version is not told. */
    void checkTwelve(Path file) throws UnusableLibraryException {
        Optional<MatchResult> version = newestCapability < BLACKWELL ? Optional.empty() : version(file);
        if (version.isPresent() && Integer.parseInt(version.get().group(2)) < BLACKWELLS_OLDEST_MINOR) {
            throw new UnusableLibraryException("is cuBLAS " + version.get().group(1) + ", too old for a GPU of compute"
                    + " capability " + CudaDevice.version(newestCapability) + ", which needs 12."
                    + BLACKWELLS_OLDEST_MINOR + " or newer");
        }
    }

    /** Throws unless the driver is new enough for CUDA 13. */
    void checkThirteen() throws UnusableLibraryException {
        if (driver < THIRTEENS_OLDEST_DRIVER) {
            throw new UnusableLibraryException("is of CUDA 13, which needs an NVIDIA driver of CUDA "
                    + CudaDriver.text(THIRTEENS_OLDEST_DRIVER) + " or newer, but this one is of CUDA "
                    + CudaDriver.text(driver));
        }
    }

    private static Optional<MatchResult> version(Path file) {
        try {
            Path real = file.toRealPath();
            Optional<MatchResult> named = match(FILE, real);
            return named.isPresent() ? named : ofPackage(real);
        } catch (IOException e) {
            return Optional.empty(); // whoever loads it will say more
        }
    }

    /** Of {@code site-packages/nvidia/cublas/lib/libcublas.so.12}. */
    private static Optional<MatchResult> ofPackage(Path file) throws IOException {
        if (file.getNameCount() <= 4) {
            return Optional.empty();
        }
        Path packages = file.resolve("../../../..").normalize();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(packages, "nvidia_cublas_cu12-*.dist-info")) {
            for (Path entry : entries) {
                return match(PACKAGE, entry);
            }
        }
        return Optional.empty();
    }

    private static Optional<MatchResult> match(Pattern pattern, Path file) {
        Matcher matcher = pattern.matcher(String.valueOf(file.getFileName()));
        return matcher.matches() ? Optional.of(matcher.toMatchResult()) : Optional.empty();
    }
}
