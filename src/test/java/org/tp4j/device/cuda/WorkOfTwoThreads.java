package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.tp4j.device.Backends;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Scope;
import org.tp4j.device.ScopeStack;
import org.tp4j.device.Stream;
import org.tp4j.tensor.DType;

/** One thread of the host waits for what it wrote; then another one writes the same on a second stream. */
public final class WorkOfTwoThreads {
    private static final Duration LIMIT = Duration.ofSeconds(20);

    private WorkOfTwoThreads() {}

    /** A step of a thread. */
    @FunctionalInterface
    public interface Step {
        void run() throws Exception;
    }

    /**
     * The emulator finds the second thread's work in order.
     *
     * @param release what the first thread does last
     * @param acquire what the second thread, which is this one, does first
     */
    public static void isOrdered(Step release, Step acquire) throws Exception {
        assertEquals("", reports(release, acquire));
    }

    /** The emulator finds that nothing orders the second thread's work. */
    public static void races(Step release, Step acquire) throws Exception {
        String found = reports(release, acquire);
        assertTrue(found.contains("nothing orders the two"), found);
    }

    /** In a thread of its own, which is told nothing; it must end well. */
    static void elsewhere(Step step) throws Exception {
        Throwable[] thrown = new Throwable[1];
        Thread thread = new Thread(() -> {
            try {
                step.run();
            } catch (Throwable e) { // reaches the caller below
                thrown[0] = e;
            }
        });
        thread.start();
        thread.join();
        if (thrown[0] != null) {
            throw new IllegalStateException("the other thread failed", thrown[0]);
        }
    }

    private static String reports(Step release, Step acquire) throws Exception {
        Device device = Backends.open(DeviceKind.CUDA).get(0);
        try (Stream first = device.openStream();
                Stream second = device.openStream();
                Scope scope = new ScopeStack(first).open("written by two threads")) {
            DeviceMatrix matrix = scope.allocate(DType.F32, 4, 4);
            elsewhere(() -> {
                first.zero(matrix);
                first.synchronize(LIMIT);
                release.run();
            });
            acquire.run();
            second.zero(matrix);
            second.synchronize(LIMIT);
            Emulator.configure("run=all"); // this thread may free the memory
            return Emulator.takeReports();
        }
    }
}
