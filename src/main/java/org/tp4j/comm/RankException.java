package org.tp4j.comm;

import java.util.Objects;
import java.util.OptionalInt;
import org.tp4j.device.DeviceException;

/**
 * A run failed. The message names the first rank that failed, where it was and why; the cause is what it threw, and what
 * became of the other ranks is suppressed.
 */
public final class RankException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int rank;
    private final long sequence;

    RankException(int rank, Whereabouts where, Throwable cause) {
        super("rank " + rank + " failed " + where + ": " + reason(cause), Objects.requireNonNull(cause, "cause"));
        this.rank = rank;
        this.sequence = where.sequence();
    }

    RankException(String message, Throwable cause) {
        super(message, cause);
        this.rank = -1;
        this.sequence = 0;
    }

    /** The first rank that failed; empty if the caller cancelled the run. */
    public OptionalInt rank() {
        return rank < 0 ? OptionalInt.empty() : OptionalInt.of(rank);
    }

    /** Number of the collective that the rank was in, or had last finished, in its group, from 1; 0 if there was none. */
    public long sequence() {
        return sequence;
    }

    private static String reason(Throwable cause) {
        String message = cause.getMessage();
        if ((cause instanceof CollectiveException || cause instanceof DeviceException) && message != null) {
            return message;
        }
        return message == null || message.isBlank()
                ? cause.getClass().getName()
                : cause.getClass().getSimpleName() + ": " + message;
    }
}
