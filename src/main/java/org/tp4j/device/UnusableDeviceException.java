package org.tp4j.device;

import java.util.Optional;

/** A device cannot be used as this machine stands; says what is wrong, and what would mend it. */
public final class UnusableDeviceException extends DeviceException {
    private static final long serialVersionUID = 1L;

    private final String reason;
    private final String mend;

    /**
     * @param reason what is wrong, with the device's name
     * @param mend what would mend that
     */
    public UnusableDeviceException(String reason, String mend) {
        super(reason + "; " + mend);
        this.reason = reason;
        this.mend = mend;
    }

    /** The one among a failure and its causes, if there is one. */
    public static Optional<UnusableDeviceException> behind(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof UnusableDeviceException unusable) {
                return Optional.of(unusable);
            }
        }
        return Optional.empty();
    }

    /** What is wrong, for people. */
    public Finding finding(String thing) {
        return Finding.missing(thing, reason, mend);
    }
}
