package org.tp4j.cli;

/** How the process ends. */
final class ExitCode {
    /** Done, and every check held. */
    static final int OK = 0;
    /** A law or check failed. */
    static final int CHECK_FAILED = 1;
    /** The command line or an input was wrong; nothing was written. */
    static final int BAD_INPUT = 2;
    /** The machine could not do it: a device, memory, threads, native libraries, a disk. */
    static final int MACHINE = 3;
    /** A mistake in this program. */
    static final int INTERNAL = 70;

    private ExitCode() {}
}
