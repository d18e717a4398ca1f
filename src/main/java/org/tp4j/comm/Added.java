package org.tp4j.comm;

import org.tp4j.device.Addends;

/** What a reduction adds to the sum of its partials, before the one rounding. */
public enum Added {
    /** Nothing. */
    NOTHING(""),
    /** The bias that the partials carry. */
    BIAS(" + bias"),
    /** A residual. */
    RESIDUAL(" + residual"),
    /** The bias, then a residual. */
    BIAS_AND_RESIDUAL(" + bias + residual");

    private final String suffix;

    Added(String suffix) {
        this.suffix = suffix;
    }

    static Added of(Addends addends) {
        if (addends.bias().isPresent()) {
            return addends.residual().isPresent() ? BIAS_AND_RESIDUAL : BIAS;
        }
        return addends.residual().isPresent() ? RESIDUAL : NOTHING;
    }

    /** What stands behind the sum in a message: empty, or {@code " + bias"} and so on. */
    @Override
    public String toString() {
        return suffix;
    }
}
