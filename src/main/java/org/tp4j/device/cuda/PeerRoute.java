package org.tp4j.device.cuda;

import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How bytes go between two devices, both ways.
 *
 * @param reason how that is known, or why it is no better, for people
 */
record PeerRoute(Way way, String reason) {
    private static final Pattern LINE = Pattern.compile("(?<way>DIRECT|STAGED|RELAYED) (?<reason>.*)");

    /** The best first. */
    enum Way {
        /** Each device copies from and to the other's memory, and its kernels read and write there. */
        DIRECT("copies go from device to device, and kernels reach its memory"),
        /** Access is not enabled: the driver takes copies through host memory. */
        STAGED("copies go through host memory, and kernels work on copies"),
        /** The driver's copies do not arrive at all: we take them through host memory. */
        RELAYED("copies go through host memory in two halves, and kernels work on copies");

        private final String text;

        Way(String text) {
            this.text = text;
        }
    }

    PeerRoute {
        Objects.requireNonNull(way, "way");
        Objects.requireNonNull(reason, "reason");
    }

    static PeerRoute direct(String reason) {
        return new PeerRoute(Way.DIRECT, reason);
    }

    static PeerRoute staged(String reason) {
        return new PeerRoute(Way.STAGED, reason);
    }

    static PeerRoute relayed(String reason) {
        return new PeerRoute(Way.RELAYED, reason);
    }

    /** What {@link #line} wrote; nothing if it is something else. */
    static Optional<PeerRoute> parsed(String line) {
        Matcher parts = LINE.matcher(line);
        return parts.matches()
                ? Optional.of(new PeerRoute(Way.valueOf(parts.group("way")), parts.group("reason")))
                : Optional.empty();
    }

    /** For other processes. */
    String line() {
        return way + " " + reason;
    }

    boolean isDirect() {
        return way == Way.DIRECT;
    }

    @Override
    public String toString() {
        return way.text + ": " + reason;
    }
}
