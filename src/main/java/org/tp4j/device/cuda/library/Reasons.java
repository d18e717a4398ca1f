package org.tp4j.device.cuda.library;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Locale;
import java.util.Objects;

/** Why the system refused something, in its words but without the path, which the sentence names already. */
public final class Reasons {
    private Reasons() {}

    /** {@code "permission denied"} or {@code "no space left on device"}, say. */
    public static String of(IOException failure) {
        if (failure instanceof AccessDeniedException) {
            return "permission denied";
        }
        if (failure instanceof NoSuchFileException) {
            return "it does not exist";
        }
        String reason = failure instanceof FileSystemException named ? named.getReason() : failure.getMessage();
        String text = Objects.requireNonNullElse(reason, failure.getClass().getSimpleName());
        return text.substring(0, 1).toLowerCase(Locale.ROOT) + text.substring(1);
    }
}
