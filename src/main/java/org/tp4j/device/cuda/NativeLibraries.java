package org.tp4j.device.cuda;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import jcuda.JCudaVersion;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import org.tp4j.device.cuda.library.NativeDirectory;
import org.tp4j.device.cuda.library.PackedLibrary;

/**
 * JCuda's native libraries, loaded once per process. JCuda itself would unpack them to fixed names in the folder for
 * temporary files and take whatever lies there.
 */
final class NativeLibraries {
    /** Whether this is Windows, where the system finds libraries, by other names. */
    static final boolean WINDOWS =
            System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("windows");

    private static final String TEMPORARY_FOLDER = "java.io.tmpdir";

    private final Path driver;
    private final Path cublas;

    private NativeLibraries(Path driver, Path cublas) {
        this.driver = driver;
        this.cublas = cublas;
    }

    /** Whether JCuda exists for this platform and came with this build. */
    static boolean exist() {
        return packed("JCudaDriver").isPresent();
    }

    /**
     * JCuda's libraries in a folder.
     *
     * @throws IOException if they cannot be unpacked
     */
    static NativeLibraries unpacked(NativeDirectory directory) throws IOException {
        return new NativeLibraries(
                directory.unpack(packed("JCudaDriver").orElseThrow()),
                directory.unpack(packed("JCublas2").orElseThrow()));
    }

    /** Where they lie, for people. */
    String place(NativeDirectory directory) {
        boolean unpacked = packed("JCudaDriver").orElseThrow().file().isEmpty();
        return unpacked ? "unpacked in " + directory : "in " + driver.getParent();
    }

    /**
     * Makes {@link JCudaDriver} usable. It needs libcuda.so.1, which must be loaded unless the system's loader finds it.
     *
     * @throws UnsatisfiedLinkError if the library does not load
     */
    void loadDriver() {
        load(driver, () -> JCudaDriver.setExceptionsEnabled(false)); // results are checked by CudaContext
    }

    /**
     * Makes {@link JCublas2} usable. It needs libcublas.so.12, which must be loaded unless the system's loader finds it.
     *
     * @throws UnsatisfiedLinkError if the library does not load
     */
    void loadCublas() {
        load(cublas, () -> JCublas2.setExceptionsEnabled(false));
    }

    /** JCuda finds the unpacked library where it would have unpacked it, if that folder is said to be for such files. */
    private static void load(Path library, Runnable firstUse) {
        System.load(library.toString());
        String folder = System.getProperty(TEMPORARY_FOLDER);
        System.setProperty(TEMPORARY_FOLDER, String.valueOf(library.getParent()));
        try {
            firstUse.run();
        } finally {
            System.setProperty(TEMPORARY_FOLDER, folder);
        }
    }

    private static Optional<PackedLibrary> packed(String library) {
        String architecture = System.getProperty("os.arch").equals("amd64") ? "x86_64" : System.getProperty("os.arch");
        String name = library + "-" + JCudaVersion.get() + (WINDOWS ? "-windows-" : "-linux-") + architecture;
        return PackedLibrary.of("/lib/" + (WINDOWS ? name + ".dll" : "lib" + name + ".so"));
    }
}
