package org.tp4j.device;

/** A mark in a stream that another stream can wait for. */
public interface Event extends AutoCloseable {
    /** Releases the event; a second call does nothing. */
    @Override
    void close();
}
