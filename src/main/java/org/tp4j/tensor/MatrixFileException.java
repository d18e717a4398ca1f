package org.tp4j.tensor;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * A file could not be read or written as a matrix. The message is one sentence that names the file, the value found in
 * it and what would be right.
 */
public sealed class MatrixFileException extends IOException permits DiskException {
    private static final long serialVersionUID = 1L;
    private static final int LONGEST_QUOTE = 100;

    MatrixFileException(String sentence) {
        super(sentence);
    }

    MatrixFileException(String sentence, Throwable cause) {
        super(sentence, cause);
    }

    MatrixFileException(Path file, String predicate) {
        this(file + " " + predicate);
    }

    MatrixFileException(Path file, String predicate, Throwable cause) {
        this(file + " " + predicate, cause);
    }

    /** What went wrong while {@code file} was read. */
    static MatrixFileException reading(Path file, IOException cause) {
        if (cause instanceof MatrixFileException sentence) {
            return sentence;
        }
        if (cause instanceof NoSuchFileException) {
            return new MatrixFileException(file, "does not exist: check the path", cause);
        }
        if (cause instanceof AccessDeniedException) {
            return new MatrixFileException(file, "may not be read by this user: give it read permission", cause);
        }
        return new DiskException(
                file, "cannot be read (" + reason(cause) + "): it must be a file that can be read", cause);
    }

    /** What went wrong while {@code file} was written. */
    static MatrixFileException writing(Path file, IOException cause) {
        if (cause instanceof MatrixFileException sentence) {
            return sentence;
        }
        if (cause instanceof AccessDeniedException) {
            return new MatrixFileException(
                    file,
                    "may not be written by this user: choose a folder with write permission, or give that permission",
                    cause);
        }
        return new DiskException(
                file,
                "cannot be written (" + reason(cause) + "): choose a place that can be written and has enough space",
                cause);
    }

    /** A value found in a file, in quotes on one line: control characters escaped, long text cut. */
    static String quote(String value) {
        StringBuilder quoted = new StringBuilder("'");
        for (int i = 0; i < Math.min(value.length(), LONGEST_QUOTE); i++) {
            char c = value.charAt(i);
            if (Character.isISOControl(c)
                    || Character.getType(c) == Character.FORMAT
                    || c == '\u2028'
                    || c == '\u2029') {
                quoted.append(String.format("\\u%04x", (int) c));
            } else {
                quoted.append(c);
            }
        }
        return quoted.append(value.length() > LONGEST_QUOTE ? "...'" : "'").toString();
    }

    private static String reason(IOException cause) {
        if (cause instanceof ClosedByInterruptException) {
            return "interrupted";
        }
        if (cause instanceof NoSuchFileException) {
            return "no such file or folder";
        }
        String text = cause instanceof FileSystemException system ? system.getReason() : cause.getMessage();
        if (text == null || text.isBlank()) {
            return cause.getClass().getSimpleName();
        }
        return text.strip().lines().findFirst().orElseThrow();
    }
}
