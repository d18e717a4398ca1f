package org.tp4j.tensor;

import java.io.IOException;
import java.util.Objects;

/** A native library that everything rests on does not load; the message says why, and what would mend that. */
public final class NativeLibraryException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** What lets the libraries of a tp4j jar load. */
    public static final String MEND =
            "use a tp4j jar built for this platform, and let it unpack into ~/.javacpp/cache, or"
                    + " into another folder where files can be written and executed, given by"
                    + " -Dorg.bytedeco.javacpp.cachedir=FOLDER";

    NativeLibraryException(String library, Throwable cause) {
        super(library + " does not load (" + reason(cause) + "): " + MEND, cause);
    }

    /** The innermost cause in one line. */
    public static String reason(Throwable failure) {
        Throwable first = failure;
        while (first.getCause() != null) {
            first = first.getCause();
        }
        String line = Objects.requireNonNullElse(first.getMessage(), "no message")
                .lines()
                .findFirst()
                .orElse("");
        return first instanceof IOException ? line : first.getClass().getSimpleName() + ": " + line;
    }
}
