package org.tp4j.device;

/** How an all-reduce is done. All give the same bits. */
public enum AllReduceAlgorithm {
    /**
     * As one-shot, but every rank first copies its part to memory that its peers know from earlier sums: for parts so small
     * that copying them costs less than the way to memory not seen before.
     */
    EAGER,
    /** Every rank sums all parts into its own result: one step, N (N - 1) S bytes received in all. */
    ONE_SHOT,
    /** Every rank sums its slice of all parts and writes it into every result: 2 (N - 1) S bytes received in all. */
    TWO_SHOT
}
