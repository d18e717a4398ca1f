package org.tp4j.device;

/** How an all-reduce is done. Both give the same bits. */
public enum AllReduceAlgorithm {
    /** Every rank sums all parts into its own result: one step, N (N - 1) S bytes received in all. */
    ONE_SHOT,
    /** Every rank sums its slice of all parts and writes it into every result: 2 (N - 1) S bytes received in all. */
    TWO_SHOT
}
