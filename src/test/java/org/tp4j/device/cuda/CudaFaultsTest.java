package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.tp4j.comm.RankException;
import org.tp4j.comm.World;
import org.tp4j.device.Backends;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceException;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.OutOfDeviceMemoryException;
import org.tp4j.device.Scope;
import org.tp4j.device.ScopeStack;
import org.tp4j.device.Stream;
import org.tp4j.layer.ParallelMlp;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/** Faults of the driver and the device: each ends in one exception that names them, and leaves the rest usable. */
@Tag("emulated")
class CudaFaultsTest {
    private static final int RANKS = 4;

    /** From a fault to the caller's exception, at a limit of 1 s. */
    private static final Duration PROMPT = Duration.ofSeconds(2);

    private static final float[][] X = {{1, -2, 3}, {4, 5, -6}};
    private static final float[][] W1 = {{1, -1, 2, 0}, {3, 1, -2, 1}, {0, 2, 1, -1}};
    private static final float[][] W2 = {{1, 2}, {-3, 1}, {2, 0}, {5, -7}};
    private static final float[][] Y = {{9, 3}, {74, -39}};

    @AfterEach
    void noMoreFaults() {
        Emulator.configure("faults=none");
    }

    @Test
    void outOfMemoryOnOneRank() {
        Device last = last();
        long before = last.liveBytes();
        try (World world = world(Backends.open(DeviceKind.CUDA))) {
            // A stream whose allocation fails frees what it kept for reuse and tries again: one of the ranks that share
            // the device must fail twice, whichever comes first.
            int sharing = RANKS / Backends.open(DeviceKind.CUDA).size();
            for (int i = 0; i <= sharing; i++) {
                Emulator.configure("fault=cuMemAlloc@" + last.index() + ":1:2");
            }
            RankException failure = assertThrows(RankException.class, () -> mlp(world));
            assertInstanceOf(OutOfDeviceMemoryException.class, failure.getCause());
            assertTrue(
                    failure.getMessage().contains(last.name() + " has no memory for a block of 2048 bytes"),
                    failure::toString);
            assertEquals(
                    last.index(),
                    failure.rank().orElseThrow()
                            % Backends.open(DeviceKind.CUDA).size());
            Emulator.configure("faults=none");
            mlp(world);
        }
        assertEquals(before, last.liveBytes());
    }

    @Test
    void aLaunchThatIsRefused() {
        Device last = last();
        try (World world = world(Backends.open(DeviceKind.CUDA))) {
            Emulator.configure("fault=cuLaunchKernel@" + last.index() + ":1:701");
            RankException failure = assertThrows(RankException.class, () -> mlp(world));
            assertTrue(
                    failure.getMessage().contains("CUDA device " + last.index() + ": launching ")
                            && failure.getMessage().contains("CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES (701"),
                    failure::toString);
            mlp(world);
        }
    }

    @Test
    void aProductThatIsRefused() {
        Device last = last();
        try (World world = world(Backends.open(DeviceKind.CUDA))) {
            Emulator.configure("fault=cublasGemmEx_64@" + last.index() + ":1:13");
            RankException failure = assertThrows(RankException.class, () -> mlp(world));
            assertTrue(
                    failure.getMessage().contains("the product of x f32 (2, 3) and w f32 ")
                            && failure.getMessage().contains("CUBLAS_STATUS_EXECUTION_FAILED (13)"),
                    failure::toString);
            mlp(world);
        }
    }

    /** In a process of its own, because the device stays dead in it. */
    @ParameterizedTest
    @CsvSource({
        "kernel, 700, CUDA_ERROR_ILLEGAL_ADDRESS",
        "gemm, 719, CUDA_ERROR_LAUNCH_FAILED",
        "copy, 716, CUDA_ERROR_MISALIGNED_ADDRESS",
    })
    void aDeviceThatFailsForGood(String operation, int code, String name) throws Exception {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-Dtp4j.cuda.driver=" + System.getProperty("tp4j.cuda.driver"),
                        "-Dtp4j.cublas=" + System.getProperty("tp4j.cublas"),
                        "-cp",
                        System.getProperty("java.class.path"),
                        LastDeviceDies.class.getName(),
                        operation,
                        Integer.toString(code),
                        name)
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), output);
        assertEquals("as promised", output.strip());
    }

    /** The last device fails for good in the middle of a run; then it refuses, and everything else works. */
    public static final class LastDeviceDies {
        /** Of matrices, or of the launch that was the first to be told of the failure. */
        private static final Pattern NAMES_SIZES = Pattern.compile("f32 \\(|for \\d+ rows of \\d+ threads");

        private LastDeviceDies() {}

        /** Takes what fails, with which code, and the code's name. */
        public static void main(String[] arguments) {
            String error = arguments[2] + " (" + arguments[1];
            List<Device> devices = Backends.open(DeviceKind.CUDA);
            Device last = last();
            Stream neighbor = devices.get(0).openStream();
            Scope scope = new ScopeStack(neighbor).open("a neighbor");
            Stream doomed = last.openStream();
            DeviceMatrix source = new ScopeStack(doomed).open("the last device").allocate(DType.F32, 3, 5);
            DeviceMatrix target = scope.allocate(DType.F32, 3, 5);
            doomed.zero(source);
            doomed.synchronize(Duration.ofSeconds(20));
            neighbor.copy(source, target);
            neighbor.synchronize(Duration.ofSeconds(20));

            failFor(
                    devices,
                    last,
                    "fault=" + arguments[0] + "@" + last.index() + ":1:" + arguments[1] + ":sticky",
                    error);

            DeviceException refusal = assertInstanceOf(
                    DeviceException.class,
                    assertThrows(RankException.class, () -> world(List.of(last)))
                            .getCause());
            assertTrue(
                    refusal.getMessage()
                                    .startsWith(
                                            "CUDA device " + last.index() + " cannot be used any more in this process")
                            && refusal.getMessage().contains(error),
                    refusal::toString);
            assertTrue(assertThrows(DeviceException.class, () -> neighbor.copy(source, target))
                    .getMessage()
                    .contains(error));
            doomed.close();
            if (devices.size() > 1) {
                scope.close();
                neighbor.close(); // is alive, though its copy failed with the other device's error
                try (World world = world(devices.subList(0, devices.size() - 1))) {
                    mlp(world);
                }
            }
            try (World world = World.open(DeviceKind.CPU, RANKS)) {
                mlp(world);
            }
            assertEquals("", Emulator.takeReports());
            System.out.println("as promised");
        }

        /** Soon, in one exception; and afterwards nothing is left but what the driver keeps of the dead device. */
        private static void failFor(List<Device> devices, Device last, String fault, String error) {
            long streams = Emulator.count("streams");
            long handles = Emulator.count("handles");
            long ranks = IntStream.range(0, RANKS)
                    .filter(rank -> rank % devices.size() == last.index())
                    .count();
            try (World world = world(devices)) {
                mlp(world);
                Emulator.configure(fault);
                long start = System.nanoTime();
                RankException failure = assertThrows(RankException.class, () -> mlp(world));
                assertTrue(System.nanoTime() - start < PROMPT.toNanos(), failure::toString);
                assertEquals(last.index(), failure.rank().orElseThrow() % devices.size(), failure::toString);
                assertTrue(
                        failure.getMessage().contains("CUDA device " + last.index() + ": ")
                                && NAMES_SIZES.matcher(failure.getMessage()).find()
                                && failure.getMessage().contains(error),
                        failure::toString);
            }
            assertEquals(streams + ranks, Emulator.count("streams"));
            assertEquals(handles + ranks, Emulator.count("handles"));
        }
    }

    private static Device last() {
        List<Device> devices = Backends.open(DeviceKind.CUDA);
        return devices.get(devices.size() - 1);
    }

    private static World world(List<Device> devices) {
        return World.builder(DeviceKind.CUDA, RANKS)
                .devices(devices)
                .limit(Duration.ofSeconds(1))
                .open();
    }

    private static void mlp(World world) {
        try (HostMatrix x = HostMatrix.of(X);
                HostMatrix w1 = HostMatrix.of(W1);
                HostMatrix w2 = HostMatrix.of(W2);
                HostMatrix y = world.compute(
                        rank -> ParallelMlp.shardOf(rank, w1, w2).allReduced(rank.comm(), rank.replicate(x)))) {
            for (int row = 0; row < Y.length; row++) {
                for (int column = 0; column < Y[row].length; column++) {
                    assertEquals(Y[row][column], y.get(row, column));
                }
            }
        }
    }
}
