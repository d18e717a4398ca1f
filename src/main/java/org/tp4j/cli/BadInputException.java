package org.tp4j.cli;

/** What the user asked for cannot be done; the message says in one sentence what was wrong and what would be right. */
final class BadInputException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    BadInputException(String message) {
        super(message);
    }

    BadInputException(String message, Throwable cause) {
        super(message, cause);
    }
}
