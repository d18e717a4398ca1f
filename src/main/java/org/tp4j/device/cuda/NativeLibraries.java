package org.tp4j.device.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URL;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.zip.CRC32;
import jcuda.JCudaVersion;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;

/**
 * Loads JCuda's native libraries, once per process. JCuda itself would unpack them to fixed names in the folder for
 * temporary files and take whatever lies there; here each lies, whole, in a folder named by its checksum. What lies in a
 * folder of the class path, and not in a jar, is loaded from there and never copied.
 *
 * <p>The system's loader finds libcuda.so.1 and libcublas.so.12, on which they depend, unless {@code
 * -Dtp4j.cuda.driver=FILE} and {@code -Dtp4j.cublas=FILE} name them.
 */
final class NativeLibraries {
    private static final String DRIVER_PROPERTY = "tp4j.cuda.driver";
    private static final String CUBLAS_PROPERTY = "tp4j.cublas";
    private static final String CUBLAS_VERSION = "libcublas.so.12"; // on Linux, where JCuda asks for it
    private static final String TEMPORARY_FOLDER = "java.io.tmpdir";

    private NativeLibraries() {}

    /**
     * Loads the driver's library and makes {@link JCudaDriver} usable.
     *
     * @throws UnsatisfiedLinkError if a library does not load
     * @throws IOException if one cannot be unpacked
     */
    static void loadDriver() throws IOException {
        loadNamedBy(DRIVER_PROPERTY);
        Path loaded = load("JCudaDriver");
        initialize(loaded, () -> JCudaDriver.setExceptionsEnabled(false)); // results are checked by CudaContext
    }

    /**
     * Loads cuBLAS and makes {@link JCublas2} usable; after {@link #loadDriver}.
     *
     * @throws UnsatisfiedLinkError if a library does not load
     * @throws IOException if one cannot be unpacked
     */
    static void loadCublas() throws IOException {
        String file = System.getProperty(CUBLAS_PROPERTY);
        if (file != null && Files.exists(Path.of(file)) && !SymbolVersions.define(Path.of(file), CUBLAS_VERSION)) {
            throw new UnsatisfiedLinkError(file + " does not define the version " + CUBLAS_VERSION);
        }
        loadNamedBy(CUBLAS_PROPERTY);
        Path loaded = load("JCublas2");
        initialize(loaded, () -> JCublas2.setExceptionsEnabled(false));
    }

    /** Whether JCuda exists for this platform and came with this build. */
    static boolean exist() {
        return NativeLibraries.class.getResource(resource("JCudaDriver")) != null;
    }

    private static void loadNamedBy(String property) {
        String file = System.getProperty(property);
        if (file != null) {
            System.load(Path.of(file).toAbsolutePath().toString());
        }
    }

    private static Path load(String library) throws IOException {
        Path file = file(resource(library));
        System.load(file.toString());
        return file;
    }

    /** JCuda finds the library where it would have unpacked it, if that folder is said to be for temporary files. */
    private static void initialize(Path loaded, Runnable firstUse) {
        String folder = System.getProperty(TEMPORARY_FOLDER);
        System.setProperty(TEMPORARY_FOLDER, String.valueOf(loaded.getParent()));
        try {
            firstUse.run();
        } finally {
            System.setProperty(TEMPORARY_FOLDER, folder);
        }
    }

    private static String resource(String library) {
        boolean windows = System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("windows");
        String architecture = System.getProperty("os.arch").equals("amd64") ? "x86_64" : System.getProperty("os.arch");
        String name = library + "-" + JCudaVersion.get() + (windows ? "-windows-" : "-linux-") + architecture;
        return "/lib/" + (windows ? name + ".dll" : "lib" + name + ".so");
    }

    private static Path file(String resource) throws IOException {
        URL found = NativeLibraries.class.getResource(resource);
        boolean lies = found != null && found.getProtocol().equals("file");
        return lies ? Path.of(URI.create(found.toString())) : unpack(resource);
    }

    private static Path unpack(String resource) throws IOException {
        byte[] library = read(resource);
        String name = resource.substring(resource.lastIndexOf('/') + 1);
        String version = JCudaVersion.get() + "-" + Long.toHexString(checksum(library));
        Path folder = Path.of(System.getProperty("user.home"), ".cache", "tp4j", version);
        try {
            return unpack(library, folder, name);
        } catch (IOException e) {
            // No home to write to: a folder of this process alone.
            return unpack(library, Files.createTempDirectory("tp4j-"), name);
        }
    }

    private static Path unpack(byte[] library, Path folder, String name) throws IOException {
        Path file = folder.resolve(name);
        if (Files.exists(file) && checksum(Files.readAllBytes(file)) == checksum(library)) {
            return file;
        }
        Files.createDirectories(folder);
        Path temporary = Files.createTempFile(folder, name, ".new");
        try {
            Files.write(temporary, library);
            moveWhole(temporary, file);
        } finally {
            Files.deleteIfExists(temporary);
        }
        return file;
    }

    private static void moveWhole(Path temporary, Path file) throws IOException {
        try {
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (AtomicMoveNotSupportedException e) {
            Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private static byte[] read(String resource) throws IOException {
        try (InputStream in = NativeLibraries.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IOException("the build holds no " + resource);
            }
            return in.readAllBytes();
        }
    }

    /** A cryptographic hash would take most of the time that a look for devices takes. */
    private static long checksum(byte[] bytes) {
        CRC32 sum = new CRC32();
        sum.update(bytes);
        return sum.getValue();
    }
}
