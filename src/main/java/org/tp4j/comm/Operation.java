package org.tp4j.comm;

import java.util.Locale;

/** What the ranks of a group do together. */
public enum Operation {
    /** Sums partial results into every rank. */
    ALL_REDUCE,
    /** Sums partial results, each rank getting its tokens. */
    REDUCE_SCATTER,
    /** Joins the slices of all ranks in every rank. */
    ALL_GATHER,
    /** Copies one rank's matrix to every rank. */
    BROADCAST,
    /** Waits until every rank has come; moves nothing. */
    BARRIER,
    /** Makes smaller groups; moves nothing. */
    SPLIT;

    /** The name used in reports: {@code all_reduce} and so on. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Whether the operation moves an activation, and so has its place in the ledger. */
    boolean movesData() {
        return this != BARRIER && this != SPLIT;
    }
}
