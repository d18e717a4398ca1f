package org.tp4j.device.cuda;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.tp4j.device.cuda.library.ElfLibrary;
import org.tp4j.device.cuda.library.LibrarySearch;
import org.tp4j.device.cuda.library.NativeDirectory;
import org.tp4j.device.cuda.library.PackedLibrary;
import org.tp4j.device.cuda.library.Soname;
import org.tp4j.device.cuda.library.Surroundings;
import org.tp4j.device.cuda.library.UnusableLibraryException;

/**
 * Finds cuBLAS. JCuda asks for {@code libcublas.so.12}, so that of CUDA 12 is best: the file that {@code
 * -Dtp4j.cublas=FILE} names, else one that the machine has and that fits its GPUs, else one on the class path. Else that of CUDA 13 does, through
 * the forwarder of {@code cuda/compat}, if this build holds it.
 */
final class CublasLibrary {
    private static final String PROPERTY = "tp4j.cublas";
    private static final Soname CUBLAS_12 = new Soname("libcublas.so.12", true);
    private static final Soname CUBLAS_13 = new Soname("libcublas.so.13", false);
    static final String FORWARDER = "/org/tp4j/device/cuda/libcublas-forwarder-linux-x86_64.so";

    /** Where org.bytedeco:cuda:linux-x86_64-redist has what NVIDIA lets others distribute. */
    private static final String REDISTRIBUTABLE = "/org/bytedeco/cuda/linux-x86_64/";

    private static final String THROUGH_THE_FORWARDER = ", through the forwarder";
    private static final String MEND =
            "install one, for instance by python3 -m pip install nvidia-cublas-cu12, or name one with -D" + PROPERTY
                    + "=FILE";

    static final String MEND_UNFIT = "install a cuBLAS that fits the driver and the GPU, for instance by"
            + " python3 -m pip install -U nvidia-cublas-cu12, name another one with -D" + PROPERTY
            + "=FILE, or use --device cpu";

    private final LibrarySearch search = LibrarySearch.ofEverything(Surroundings.ofThisProcess());
    private final NativeDirectory directory;
    private final CublasFit fit;
    private final boolean loads;

    private CublasLibrary(NativeDirectory directory, CublasFit fit, boolean loads) {
        this.directory = directory;
        this.fit = fit;
        this.loads = loads;
    }

    /**
     * Loads one, and says which.
     *
     * @param directory where to unpack what is in the jar
     * @param fit what it must fit
     * @throws MissingException if there is none that fits and loads
     */
    static String loaded(NativeDirectory directory, CublasFit fit) throws MissingException {
        return new CublasLibrary(directory, fit, true).found();
    }

    /**
     * Looks for one without loading it, which takes the driver, and says which.
     *
     * @throws MissingException if there is none
     */
    static String seen(NativeDirectory directory) throws MissingException {
        return new CublasLibrary(directory, CublasFit.UNKNOWN, false).found();
    }

    private String found() throws MissingException {
        String found = choice();
        return search.refusals().isEmpty() ? found : found + "; passed over: " + String.join("; ", search.refusals());
    }

    private String choice() throws MissingException {
        Optional<Path> named = Optional.ofNullable(System.getProperty(PROPERTY)).map(Path::of);
        if (named.isPresent()) {
            return named(named.get().toAbsolutePath());
        }
        Optional<LibrarySearch.Found> twelve = search.first(CUBLAS_12, file -> {
            fit.checkTwelve(file);
            loadTwelve(file);
        });
        if (twelve.isPresent()) {
            return twelve.get().toString();
        }
        Optional<PackedLibrary> packed = PackedLibrary.of(REDISTRIBUTABLE + CUBLAS_12);
        if (packed.isPresent()) {
            return packed(packed.get());
        }
        return thirteen()
                .orElseThrow(
                        () -> missing(
                                "no cuBLAS of CUDA 12 or 13 can be used: " + search.told()
                                        + (PackedLibrary.of(FORWARDER).isPresent()
                                                ? ""
                                                : "; and this build of tp4j holds no forwarder, without which CUDA 13's is of no use")));
    }

    private String named(Path file) throws MissingException {
        try {
            if (ElfLibrary.sonameOf(file).equals(CUBLAS_13.name())) {
                loadThirteen(file, PackedLibrary.of(FORWARDER).orElseThrow(() -> noForwarder(file.toString())));
                return file + ", named by -D" + PROPERTY + THROUGH_THE_FORWARDER;
            }
            ElfLibrary.check(file, CUBLAS_12);
            loadTwelve(file);
            return file + ", named by -D" + PROPERTY;
        } catch (UnusableLibraryException e) {
            throw missing("cuBLAS's library " + file + ", named by -D" + PROPERTY + ", " + e.getMessage());
        }
    }

    private String packed(PackedLibrary library) throws MissingException {
        if (!loads) {
            return CUBLAS_12 + " on the class path";
        }
        try {
            Optional<PackedLibrary> light = PackedLibrary.of(REDISTRIBUTABLE + light(CUBLAS_12));
            if (light.isPresent()) {
                load(directory.unpack(light.get()), new Soname(light(CUBLAS_12), false));
            }
            Path file = directory.unpack(library);
            load(file, CUBLAS_12);
            return file + ", from the class path";
        } catch (IOException e) {
            throw missing(CUBLAS_12 + " on the class path cannot be unpacked: " + e.getMessage());
        } catch (UnusableLibraryException e) {
            throw missing(CUBLAS_12 + " on the class path " + e.getMessage());
        }
    }

    private Optional<String> thirteen() throws MissingException {
        Optional<PackedLibrary> forwarder = PackedLibrary.of(FORWARDER);
        if (forwarder.isPresent()) {
            return search.first(CUBLAS_13, file -> loadThirteen(file, forwarder.get()))
                    .map(found -> found + THROUGH_THE_FORWARDER);
        }
        Optional<LibrarySearch.Found> useless = search.first(CUBLAS_13, file -> {});
        if (useless.isPresent()) {
            throw noForwarder(useless.get().toString());
        }
        return Optional.empty();
    }

    private static MissingException noForwarder(String thirteen) {
        return new MissingException(
                "cuBLAS",
                "there is no " + CUBLAS_12 + ", and this build of tp4j holds no forwarder to " + thirteen,
                "build it with mvn package -Pcuda-compat, or install CUDA 12's cuBLAS, for instance by"
                        + " python3 -m pip install nvidia-cublas-cu12");
    }

    private void loadTwelve(Path file) throws UnusableLibraryException {
        loadLight(file, light(CUBLAS_12));
        load(file, CUBLAS_12);
    }

    private void loadThirteen(Path file, PackedLibrary forwarder) throws UnusableLibraryException {
        fit.checkThirteen();
        loadLight(file, light(CUBLAS_13));
        load(file, CUBLAS_13);
        try {
            load(directory.unpack(forwarder), CUBLAS_12);
        } catch (IOException e) {
            throw new UnusableLibraryException("has a forwarder that cannot be unpacked: " + e.getMessage());
        }
    }

    /** cuBLAS's other half, from the same folder: the system's loader might take another version's. */
    private void loadLight(Path file, String name) throws UnusableLibraryException {
        Path light = file.resolveSibling(name);
        if (Files.exists(light)) {
            load(light, new Soname(name, false));
        }
    }

    private void load(Path file, Soname name) throws UnusableLibraryException {
        ElfLibrary.check(file, name);
        if (loads) {
            Loading.load(file);
        }
    }

    private static String light(Soname cublas) {
        return cublas.name().replace("cublas", "cublasLt");
    }

    private static MissingException missing(String reason) {
        return new MissingException("cuBLAS", reason, MEND);
    }
}
