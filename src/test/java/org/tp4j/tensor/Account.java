package org.tp4j.tensor;

import java.util.concurrent.locks.LockSupport;

/** The account of native memory, once the garbage collector has freed what other tests left to it. */
public final class Account {
    private static final int QUIET_MILLIS = 30;

    private Account() {}

    /** Live bytes that only the calling test changes from now on. */
    public static long settled() {
        System.gc();
        long bytes = HostMemory.liveBytes();
        for (int quiet = 0; quiet < QUIET_MILLIS; quiet++) {
            LockSupport.parkNanos(1_000_000);
            if (HostMemory.liveBytes() != bytes) {
                bytes = HostMemory.liveBytes();
                quiet = 0;
            }
        }
        return bytes;
    }
}
