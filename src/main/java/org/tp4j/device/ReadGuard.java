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

    /** This guard and another, both. */
    default ReadGuard and(ReadGuard other) {
        ReadGuard self = this;
        return new ReadGuard() {
            @Override
            public boolean enqueued() {
                return self.enqueued() && other.enqueued();
            }

            @Override
            public void await(Stream stream) {
                self.await(stream);
                other.await(stream);
            }
        };
    }
}
