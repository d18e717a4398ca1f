package org.tp4j.device.cuda;

import java.nio.file.Path;
import java.util.Objects;
import org.tp4j.device.cuda.library.UnusableLibraryException;

/** Loads libraries by their paths; what depends on them by name then takes them, wherever they lie. */
final class Loading {
    private Loading() {}

    /** Loads a file. Throws {@link UnusableLibraryException} if the system's loader refuses it. */
    static void load(Path file) throws UnusableLibraryException {
        try {
            System.load(file.toAbsolutePath().toString());
        } catch (UnsatisfiedLinkError e) {
            throw new UnusableLibraryException("does not load (" + reason(e) + ")");
        }
    }

    /** What the loader said first, without the file that it was to load. */
    static String reason(Throwable failure) {
        String message = Objects.requireNonNullElse(
                failure.getMessage(), failure.getClass().getSimpleName());
        String line = message.lines().findFirst().orElse("");
        return line.startsWith("/") && line.contains(": ") ? line.substring(line.indexOf(": ") + 2) : line;
    }
}
