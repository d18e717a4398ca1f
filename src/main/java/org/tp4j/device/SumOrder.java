package org.tp4j.device;

/** The order in which parts are added. A sum has one order, whatever the algorithm, so its bits are always the same. */
public enum SumOrder {
    /** ((part 0 + part 1) + part 2) + ... */
    LEFT,
    /** Neighbours first: (part 0 + part 1) + (part 2 + part 3), and so on; an odd last part moves up unchanged. */
    TREE
}
