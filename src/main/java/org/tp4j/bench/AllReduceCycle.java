package org.tp4j.bench;

/**
 * One side of the measurement: ranks that each fill their own f32 buffer, all-reduce it and read the result, again and
 * again.
 */
interface AllReduceCycle extends AutoCloseable {
    /**
     * Seconds per cycle, over {@code cycles} cycles in a row on buffers of {@code elements} elements.
     *
     * @throws PeerException if this side is another program and does not answer
     */
    double measure(long elements, long cycles) throws PeerException;

    @Override
    void close();
}
