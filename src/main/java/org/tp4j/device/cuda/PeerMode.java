package org.tp4j.device.cuda;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What is made of the driver's word that devices reach each other's memory. */
enum PeerMode {
    /** It is tried, but for pairs with an NVLink. */
    AUTO,
    /** It is relied on. */
    TRUST,
    /** It is not asked for: every copy goes through host memory. */
    OFF;

    static final String PROPERTY = "tp4j.cuda.peers";

    /**
     * The one that {@code -Dtp4j.cuda.peers} names.
     *
     * @throws MissingException if it names none
     */
    static PeerMode ofThisProcess() throws MissingException {
        String label = System.getProperty(PROPERTY, AUTO.label());
        for (PeerMode mode : values()) {
            if (mode.label().equals(label)) {
                return mode;
            }
        }
        String labels = Arrays.stream(values()).map(PeerMode::label).collect(Collectors.joining(", "));
        throw new MissingException(
                "peers", "-D" + PROPERTY + " is " + label + ", which is none of " + labels, "name one of these");
    }

    String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** As it is given to Java. */
    String setting() {
        return "-D" + PROPERTY + "=" + label();
    }
}
