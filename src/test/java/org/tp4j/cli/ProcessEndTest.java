package org.tp4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.jna.NativeLibrary;
import com.sun.jna.Platform;
import com.sun.jna.Pointer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.tp4j.comm.RankException;
import org.tp4j.comm.World;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.cuda.JavaProcess;

/** The process ends, whatever a driver does at its end. */
@EnabledOnOs(OS.LINUX)
class ProcessEndTest {
    /** Has an exit handler that never returns, as a driver's with a rank inside it; then ends with 3. */
    public static final class Ends {
        private Ends() {}

        /** {@code lost}: a rank was abandoned, or {@code home}. */
        public static void main(String[] arguments) {
            boolean lost = arguments[0].equals("lost");
            try (World world = World.open(DeviceKind.CPU, 2)) {
                CountDownLatch never = new CountDownLatch(1);
                RankException failure = assertThrows(
                        RankException.class,
                        () -> world.execute(rank -> {
                            if (rank.index() == 0) {
                                throw new IllegalStateException("a planted mistake");
                            }
                            while (lost && never.getCount() > 0) {
                                Thread.onSpinWait(); // as in a driver, no interrupt ends this
                            }
                        }));
                System.out.println(failure.getMessage());
            }
            if (lost) {
                NativeLibrary libc = NativeLibrary.getInstance(Platform.C_LIBRARY_NAME);
                libc.getFunction("__cxa_atexit")
                        .invokeInt(new Object[] {libc.getFunction("pause"), Pointer.NULL, Pointer.NULL});
            }
            Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("a hook has run")));
            System.out.print("the last words");
            ProcessEnd.with(3);
        }
    }

    @Test
    void aRankThatIsLostInADriverDoesNotKeepTheProcess() throws Exception {
        String output = endOf("lost");
        assertTrue(output.endsWith("the last words"), output);
    }

    @Test
    void otherwiseShutdownHooksRun() throws Exception {
        String output = endOf("home");
        assertTrue(output.endsWith("the last wordsa hook has run"), output);
    }

    private static String endOf(String ranks) throws Exception {
        Process process = new JavaProcess(Ends.class).arguments(ranks).start();
        try {
            assertTrue(process.waitFor(40, TimeUnit.SECONDS), "the process does not end");
            assertEquals(3, process.exitValue());
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertFalse(output.isEmpty());
            return output.strip();
        } finally {
            process.destroyForcibly();
        }
    }
}
