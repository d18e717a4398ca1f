package org.tp4j.verify;

/** The sizes of a generated layer; a linear one has no use for {@code hidden}. */
record Shape(int tokens, int in, int hidden, int out) {
    /** {@code tokens x in -> out}. */
    String linear() {
        return tokens + " x " + in + " -> " + out;
    }

    /** {@code tokens x in -> hidden -> out}. */
    String mlp() {
        return tokens + " x " + in + " -> " + hidden + " -> " + out;
    }
}
