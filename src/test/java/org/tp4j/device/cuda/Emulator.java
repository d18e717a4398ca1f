package org.tp4j.device.cuda;

import java.util.function.Predicate;

/**
 * Steers the emulated driver (cuda/emulator) from a test in the same process. Its natives are the emulator's own: they
 * are found once a class of this class's loader has loaded its libcuda.so.1 by {@code System.load}.
 */
public final class Emulator {
    private static volatile Predicate<String> dropped = call -> false;

    private Emulator() {}

    /**
     * Changes a setting from now on, for all threads.
     *
     * @param setting {@code schedule=eager|lazy|random:SEED}, {@code peers=RULE[@A>B|@A-B][:BYTES][;...]} with a RULE
     *     of {@code all|none|broken-copies|broken-kernels|broken|hang|fault|nvlink}, {@code
     *     driver=VERSION}, {@code capability|multiprocessors|name=VALUE[;...]} of each device, {@code
     *     cublas=ok|not-initialized|not-supported|execution-failed}, {@code cublas-version=VERSION}, {@code run=all},
     *     {@code restart=now}, {@code fault=NAME[@DEVICE]:OCCURRENCE[+]:CODE[:sticky]}, {@code
     *     drop=NAME[@DEVICE]:OCCURRENCE}, {@code faults=none}, {@code omit=FILE:LINE|none}; a NAME is a driver or cuBLAS call's without {@code _v2},
     *     or {@code kernel}, {@code copy} or {@code gemm} for a fault that shows only when the device runs one
     * @throws IllegalArgumentException if there is no such setting
     */
    public static void configure(String setting) {
        String wrong = set(setting);
        if (wrong != null) {
            throw new IllegalArgumentException(wrong);
        }
    }

    /**
     * From now on every call that orders work (records, waits, synchronizations and queries of streams, events and
     * contexts) is dropped where {@code choice} says so of its name, and answers success. It is asked on the calling
     * thread, whose stack tells who calls, and must not throw.
     */
    public static void dropWhere(Predicate<String> choice) {
        dropped = choice;
        ask(true);
    }

    /** Ends {@link #dropWhere}. */
    public static void dropNothing() {
        ask(false);
        dropped = call -> false;
    }

    /**
     * How many there are now, or -1 if that is not counted.
     *
     * @param what {@code allocations} (of all devices, a cuBLAS handle's own workspace among them), {@code pinned},
     *     {@code streams}, {@code events}, {@code modules}, {@code handles}, {@code contexts}, {@code reports}, {@code
     *     dead} devices, {@code calls:NAME}: calls of that name since the process began, or {@code missed}: how often
     *     somebody did not get to know what a dropped call would have told
     */
    public static native long count(String what);

    /**
     * Where the kernels' sources call what lets their threads wait for each other: {@code FILE:LINE FUNCTION REACHED}, one
     * a line, with how often threads came there. {@code omit=FILE:LINE} makes that line's calls do nothing, and {@code
     * omit=none} ends it.
     */
    public static native String kernelSites();

    /** What the emulator found wrong with the program since the last call of this, one finding a line. */
    public static native String takeReports();

    private static native String set(String setting);

    private static native void ask(boolean whether);

    /** The emulator's question. */
    static boolean drops(String call) {
        return dropped.test(call);
    }
}
