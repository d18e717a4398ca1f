package org.tp4j.device.cuda.library;

import java.io.IOException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;

/**
 * Where libraries from the jar lie as files: each whole, in a folder named by its checksum, so that versions and processes
 * do not disturb each other. {@code -Dtp4j.natives=FOLDER} names it; else it is {@code .cache/tp4j} in the user's folder,
 * or, where that cannot be written, a folder of this process alone, which goes with it.
 */
public final class NativeDirectory {
    private static final String PROPERTY = "tp4j.natives";

    private final Optional<Path> named;
    private final Path cache;
    private Optional<String> refusal = Optional.empty();
    private Optional<Path> temporary = Optional.empty();

    /**
     * @param named the folder that the user has asked for
     * @param cache the folder to use if there is none
     */
    NativeDirectory(Optional<Path> named, Path cache) {
        this.named = named;
        this.cache = cache;
    }

    /** The one that this process's properties say. */
    public static NativeDirectory ofThisProcess() {
        return new NativeDirectory(
                Optional.ofNullable(System.getProperty(PROPERTY)).map(Path::of).map(Path::toAbsolutePath),
                Path.of(System.getProperty("user.home"), ".cache", "tp4j"));
    }

    /**
     * The file that holds a library from the jar, unpacked if it was not.
     *
     * @throws IOException if no folder can be written, naming each and why
     */
    public Path unpack(PackedLibrary library) throws IOException {
        if (library.file().isPresent()) {
            return library.file().get();
        }
        if (refusal.isPresent()) {
            return unpackForThisProcess(library);
        }
        Path folder = named.orElse(cache);
        try {
            if (!folder.isAbsolute()) {
                throw new IOException("it is not absolute"); // "?", for a user whom the system does not know
            }
            return unpack(library, folder);
        } catch (IOException e) {
            refusal = Optional.of(folder + " cannot be written: " + Reasons.of(e));
            if (named.isPresent()) {
                throw new IOException(refusal.get(), e);
            }
            return unpackForThisProcess(library);
        }
    }

    /** The folder in use. */
    public Path folder() {
        return temporary.orElseGet(() -> named.orElse(cache));
    }

    /** The folder in use, if it stays when this process ends. */
    public Optional<Path> lasting() {
        return temporary.isPresent() ? Optional.empty() : Optional.of(folder()).filter(Path::isAbsolute);
    }

    /** The folder in use, and why it is not the usual one if it is not. */
    @Override
    public String toString() {
        return temporary
                .map(folder -> folder + ", for this process alone, because " + refusal.orElseThrow())
                .orElseGet(() -> named.orElse(cache).toString());
    }

    private Path unpackForThisProcess(PackedLibrary library) throws IOException {
        try {
            if (temporary.isEmpty()) {
                temporary = Optional.of(Files.createTempDirectory("tp4j-"));
                temporary.get().toFile().deleteOnExit();
            }
            Path file = unpack(library, temporary.get());
            file.getParent().toFile().deleteOnExit();
            file.toFile().deleteOnExit();
            return file;
        } catch (IOException e) {
            String folder = temporary.map(Path::toString).orElse(System.getProperty("java.io.tmpdir"));
            throw new IOException(refusal.orElseThrow() + "; and " + folder + " neither: " + Reasons.of(e), e);
        }
    }

    private static Path unpack(PackedLibrary library, Path directory) throws IOException {
        long checksum = library.checksum();
        Path folder = directory.resolve(Long.toHexString(checksum));
        Path file = folder.resolve(library.name());
        if (isWhole(file, checksum)) {
            return file;
        }
        Files.createDirectories(folder);
        Path unfinished = Files.createTempFile(folder, library.name(), ".new");
        try {
            library.copyTo(unfinished);
            moveWhole(unfinished, file);
        } finally {
            Files.deleteIfExists(unfinished);
        }
        return file;
    }

    private static boolean isWhole(Path file, long checksum) throws IOException {
        try {
            return PackedLibrary.checksum(file) == checksum;
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    private static void moveWhole(Path unfinished, Path file) throws IOException {
        try {
            Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (AtomicMoveNotSupportedException e) {
            Files.move(unfinished, file, StandardCopyOption.REPLACE_EXISTING);
        }
    }
}
