package org.tp4j.cli;

import com.sun.jna.Native;
import com.sun.jna.Platform;

/**
 * The end of the process. Where a rank was abandoned inside a driver, that driver's own exit handlers may wait for it for
 * ever, and {@link Runtime#halt} runs them too: then the process ends without any. All output is written by then, and no
 * file is unfinished, so that no shutdown hook is missed but the one that removes natives that were unpacked for this
 * process alone.
 */
final class ProcessEnd {
    /** How the thread of a rank is called. */
    private static final String RANK = "tp4j-rank-";

    private ProcessEnd() {}

    /** Ends the process; all worlds are closed. */
    static void with(int exitCode) {
        System.out.flush();
        System.err.flush();
        if (aRankIsLeft() && LibC.FOUND) {
            LibC._exit(exitCode);
        }
        System.exit(exitCode);
    }

    private static boolean aRankIsLeft() {
        return Thread.getAllStackTraces().keySet().stream()
                .anyMatch(thread -> thread.getName().startsWith(RANK));
    }

    /** The C library, bound when it is first asked. */
    private static final class LibC {
        static final boolean FOUND = Platform.isLinux() && bind();

        /** @see <a href="https://man7.org/linux/man-pages/man2/_exit.2.html">_exit(2)</a> */
        static native void _exit(int status);

        private static boolean bind() {
            try {
                Native.register(LibC.class, Platform.C_LIBRARY_NAME);
                return true;
            } catch (LinkageError e) { // JNA's own library needs a folder to be unpacked into
                return false;
            }
        }
    }
}
