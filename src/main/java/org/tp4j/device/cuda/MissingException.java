package org.tp4j.device.cuda;

import org.tp4j.device.Finding;

/** Something that CUDA devices need is missing; ends the look for them. */
final class MissingException extends Exception {
    private static final long serialVersionUID = 1L;

    private final String thing;
    private final String mend;

    MissingException(String thing, String reason, String mend) {
        super(reason);
        this.thing = thing;
        this.mend = mend + ", or use --device cpu";
    }

    Finding finding() {
        return Finding.missing(thing, getMessage(), mend);
    }
}
