package org.tp4j.cli;

import java.io.UncheckedIOException;
import java.util.Optional;
import org.tp4j.bench.PeerException;
import org.tp4j.comm.CollectiveException;
import org.tp4j.comm.OutOfThreadsException;
import org.tp4j.comm.RankException;
import org.tp4j.device.DeviceException;
import org.tp4j.device.NoDeviceException;
import org.tp4j.tensor.DiskException;
import org.tp4j.tensor.MatrixFileException;
import org.tp4j.tensor.NativeLibraryException;
import org.tp4j.tensor.OutOfHostMemoryException;

/**
 * What the user is told of something that was thrown.
 *
 * @param sentence what went wrong and what would be right; empty if it is a mistake in this program
 * @param exitCode how the process ends
 */
record Failure(Optional<String> sentence, int exitCode) {
    static final String HEAP = "the Java heap is too small: give java a larger -Xmx";
    private static final String THREADS = "the system refuses another thread: raise ulimit -u, or the container's limit"
            + " on processes, or use fewer ranks";

    static Failure of(Throwable thrown) {
        Throwable cause = cause(thrown);
        if (cause instanceof OutOfMemoryError) {
            return of(isOfThreads(cause) ? THREADS : HEAP, ExitCode.MACHINE);
        }
        if (cause instanceof DiskException || cause instanceof NativeLibraryException) {
            return of(cause.getMessage(), ExitCode.MACHINE);
        }
        if (isOfNatives(cause)) {
            return of(
                    "a native library does not load (" + NativeLibraryException.reason(cause) + "): "
                            + NativeLibraryException.MEND,
                    ExitCode.MACHINE);
        }
        if (cause instanceof BadInputException
                || cause instanceof MatrixFileException
                || cause instanceof PeerException
                || cause instanceof IllegalArgumentException) {
            return of(cause.getMessage(), ExitCode.BAD_INPUT);
        }
        if (cause instanceof NoDeviceException
                || cause instanceof DeviceException
                || cause instanceof OutOfHostMemoryException
                || cause instanceof OutOfThreadsException
                || cause instanceof RankException
                || cause instanceof CollectiveException
                || cause instanceof InterruptedException) {
            return of(thrown.getMessage(), ExitCode.MACHINE);
        }
        return new Failure(Optional.empty(), ExitCode.INTERNAL);
    }

    private static Failure of(String sentence, int exitCode) {
        return new Failure(Optional.of(sentence), exitCode);
    }

    /** What a rank, a reader or the initialisation of a class passed on. */
    private static Throwable cause(Throwable thrown) {
        boolean wrapper = thrown instanceof RankException
                || thrown instanceof UncheckedIOException
                || thrown instanceof ExceptionInInitializerError;
        return wrapper && thrown.getCause() != null ? cause(thrown.getCause()) : thrown;
    }

    /** Java says it in words alone. */
    private static boolean isOfThreads(Throwable error) {
        return error.getMessage() != null && error.getMessage().contains("native thread");
    }

    private static boolean isOfNatives(Throwable cause) {
        return cause instanceof UnsatisfiedLinkError
                || (cause instanceof NoClassDefFoundError
                        && cause.getMessage() != null
                        && cause.getMessage().contains("org.bytedeco"));
    }
}
