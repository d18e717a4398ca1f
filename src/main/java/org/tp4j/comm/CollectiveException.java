package org.tp4j.comm;

/** A collective could not be done: its ranks disagree, one did not come in time, or another rank failed. */
public final class CollectiveException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final boolean release;

    private CollectiveException(String message, boolean release) {
        super(message);
        this.release = release;
    }

    static CollectiveException failed(String message) {
        return new CollectiveException(message, false);
    }

    /** For a rank that waited in vain because another one had failed. */
    static CollectiveException released(String message) {
        return new CollectiveException(message, true);
    }

    /** Whether this rank only stopped because another one had failed. */
    boolean isRelease() {
        return release;
    }
}
