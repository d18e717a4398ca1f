package org.tp4j.verify;

/** A layer and its input: what the oracle computes without splitting anything. */
public sealed interface Problem permits LinearProblem, MlpProblem {
    /** Rows of the result. */
    long tokens();

    /** Columns of the result. */
    long out();

    /** The sizes, as reports print them. */
    String shape();
}
