package org.tp4j.tensor;

import java.nio.file.Path;

/** The machine could not read or write a file, which was named rightly: the disk is full, say, or fails. */
public final class DiskException extends MatrixFileException {
    private static final long serialVersionUID = 1L;

    DiskException(Path file, String predicate, Throwable cause) {
        super(file, predicate, cause);
    }
}
