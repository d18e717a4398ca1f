package org.tp4j.device;

/**
 * Readers on other streams of a block of memory. The block is not reused before all of them have been enqueued, and
 * then only behind them.
 */
public interface ReadGuard {
    /** Whether every reader has enqueued its reads. */
    boolean enqueued();

    /** Makes {@code stream} wait for the reads; only after {@link #enqueued()}. */
    void await(Stream stream);

    /** Whether who waits for these readers need not wait for the {@code earlier} ones as well. */
    boolean covers(ReadGuard earlier);
}
