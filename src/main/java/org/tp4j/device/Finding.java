package org.tp4j.device;

import java.util.Objects;

/**
 * One thing that a look for devices came across, for people.
 *
 * @param thing what it is, in a word or two
 * @param found whether it is there and works
 * @param detail what was found, or why it is missing
 * @param mend what would mend that; empty if nothing needs it
 */
public record Finding(String thing, boolean found, String detail, String mend) {
    public Finding {
        Objects.requireNonNull(thing, "thing");
        Objects.requireNonNull(detail, "detail");
        Objects.requireNonNull(mend, "mend");
    }

    /** Something that is there and works. */
    public static Finding found(String thing, String detail) {
        return new Finding(thing, true, detail, "");
    }

    /** Something that is missing or does not work. */
    public static Finding missing(String thing, String reason, String mend) {
        return new Finding(thing, false, reason, mend);
    }
}
