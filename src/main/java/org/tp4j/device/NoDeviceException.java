package org.tp4j.device;

/** There is no working device of the kind asked for. */
public final class NoDeviceException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    NoDeviceException(Probe probe) {
        super("no " + probe.kind().label() + " device works: " + probe.reason() + "; " + probe.mend());
    }
}
