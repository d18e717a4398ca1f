package org.tp4j.device.cuda.library;

/** A file is not the library that is wanted, or cannot be loaded; the message continues a sentence that names the file. */
public final class UnusableLibraryException extends Exception {
    private static final long serialVersionUID = 1L;

    /** @param reason {@code "is cut off: ..."}, say */
    public UnusableLibraryException(String reason) {
        super(reason);
    }
}
