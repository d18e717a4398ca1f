package org.tp4j.bench;

import java.io.IOException;

/** The peer of a measurement is missing or failed; the message says what it said, or what to install. */
public final class PeerException extends IOException {
    private static final long serialVersionUID = 1L;

    PeerException(String message) {
        super(message);
    }

    PeerException(String message, Throwable cause) {
        super(message, cause);
    }
}
