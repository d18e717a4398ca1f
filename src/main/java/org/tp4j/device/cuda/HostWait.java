package org.tp4j.device.cuda;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import jcuda.driver.CUresult;
import org.tp4j.device.DeviceException;

/**
 * A host thread's wait for a device: by asking, first often, then less and less, because a wait inside the driver could
 * not be ended.
 *
 * @param context the device's
 * @param limit how long to wait
 * @param what is waited for, as messages say it
 */
record HostWait(CudaContext context, Duration limit, Supplier<String> what) {
    private static final int SPINS = 200;
    private static final int YIELDS = 200;
    private static final long SHORTEST_PARK_NANOS = 10_000;
    private static final long LONGEST_PARK_NANOS = 200_000;

    /**
     * Returns when {@code query} says success instead of not ready.
     *
     * @throws DeviceException if it says anything else, the limit passes, or the thread is interrupted
     */
    void until(IntSupplier query) {
        context.enter();
        long start = System.nanoTime();
        long park = SHORTEST_PARK_NANOS;
        int result = query.getAsInt();
        for (int turn = 0; result == CUresult.CUDA_ERROR_NOT_READY; turn++) {
            if (turn < SPINS) {
                Thread.onSpinWait();
            } else if (turn < SPINS + YIELDS) {
                yieldProcessor();
            } else {
                LockSupport.parkNanos(this, park);
                park = Math.min(2 * park, LONGEST_PARK_NANOS);
            }
            checkPatience(start);
            result = query.getAsInt();
        }
        context.check(result, () -> "waiting for " + what.get());
    }

    @SuppressWarnings("ThreadPriorityCheck") // where threads outnumber cores the awaited one may need this core
    private static void yieldProcessor() {
        Thread.yield();
    }

    private void checkPatience(long start) {
        if (System.nanoTime() - start > limit.toNanos()) {
            throw new DeviceException(context + ": waiting for " + what.get() + " took longer than the limit of "
                    + limit.toNanos() / 1e9 + " s");
        }
        if (Thread.currentThread().isInterrupted()) {
            throw new DeviceException(context + ": the thread was interrupted while waiting for " + what.get());
        }
    }
}
