package org.tp4j.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** One line on standard error that says what is being done, if that is a terminal; nothing is left of it at the end. */
final class Progress implements AutoCloseable {
    private static final String CLEAR_LINE = "\r\u001b[K";

    private final PrintStream terminal;
    private final boolean shown;

    private Progress(PrintStream terminal, boolean shown) {
        this.terminal = terminal;
        this.shown = shown;
    }

    static Progress onStandardError() {
        return new Progress(System.err, isTerminal());
    }

    /** Says what is being done now. */
    void step(String what) {
        if (shown) {
            terminal.print(CLEAR_LINE + what + " ...");
            terminal.flush();
        }
    }

    @Override
    public void close() {
        if (shown) {
            terminal.print(CLEAR_LINE);
            terminal.flush();
        }
    }

    /** Java does not tell whether standard error is a terminal; where /proc does not either, nothing is shown. */
    private static boolean isTerminal() {
        try {
            String target = Files.readSymbolicLink(Path.of("/proc/self/fd/2")).toString();
            return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
        } catch (IOException | UnsupportedOperationException e) {
            return false;
        }
    }
}
