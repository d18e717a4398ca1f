package org.tp4j.comm;

/** The system refuses a thread for a rank. */
public final class OutOfThreadsException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    OutOfThreadsException(int started, int ranks, OutOfMemoryError cause) {
        super(
                "the system refuses a thread for rank " + started + " of " + ranks
                        + " ranks: use fewer ranks, or raise the limit on threads (ulimit -u, or the container's on pids)",
                cause);
    }

    /** Whether an error, by which the JVM tells of memory too, tells of a thread. */
    static boolean isMeantBy(OutOfMemoryError error) {
        return error.getMessage() != null && error.getMessage().contains("thread");
    }
}
