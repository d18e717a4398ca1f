package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.tp4j.TensorParallel;
import org.tp4j.cli.Main;
import org.tp4j.comm.World;
import org.tp4j.device.DeviceKind;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.NpyFile;
import org.tp4j.tensor.Tensor;

/** A driver that does not start, and GPUs that give no context: what doctor and the commands say, and what AUTO does. */
@Tag("emulated")
class StartFailureTest {
    @TempDir
    private Path folder;

    /** Multiplies by the exercise's three functions, and prints a result and on what the ranks of AUTO are. */
    public static final class Multiply {
        private Multiply() {}

        /** Takes no arguments. */
        public static void main(String[] arguments) {
            float[][] one = {{1}};
            float[][] y = TensorParallel.mlp(one, one, new float[][] {{7}}, 4);
            try (World world = World.open(DeviceKind.AUTO, 4)) {
                for (int rank = 0; rank < 4; rank++) {
                    System.out.println("rank " + rank + " on " + world.device(rank));
                }
            }
            System.out.println("y is " + y[0][0]);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            34  | CUDA_ERROR_STUB_LIBRARY, 34: the toolkit's stub    | take the folder stubs out of LD_LIBRARY_PATH
            46  | CUDA_ERROR_DEVICE_UNAVAILABLE, 46: another process | sudo nvidia-smi -c 0
            304 | CUDA_ERROR_OPERATING_SYSTEM, 304: the operating sy | read and write /dev/nvidia*
            800 | CUDA_ERROR_NOT_PERMITTED, 800: this user may not   | read and write /dev/nvidia*
            802 | CUDA_ERROR_SYSTEM_NOT_READY, 802: the fabric manag | sudo systemctl start nvidia-fabricmanager
            803 | CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, 803: the driver | reboot, or reload the driver's kernel modules
            804 | CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE, 804: th | take the folder compat out of LD_LIBRARY_PATH
            805 | CUDA_ERROR_MPS_CONNECTION_FAILED, 805: the Multi-P | nvidia-cuda-mps-control
            999 | CUDA_ERROR_UNKNOWN, 999: the kernel module nvidia_ | sudo nvidia-modprobe -u
            201 | CUDA_ERROR_INVALID_CONTEXT, 201: the driver gives  | sudo dmesg
            """)
    void doctorTellsWhyTheDriverDoesNotStart(int code, String wrong, String mend) throws Exception {
        JavaProcess.Result result = failing("cuInit:1:" + code)
                .arguments("doctor", "--device", "cuda")
                .result();
        assertEquals(3, result.exitCode(), result.output());
        holds(result, "cuda  driver      NO  the NVIDIA driver does not start (" + wrong);
        holds(result, mend);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            2   | CUDA_ERROR_OUT_OF_MEMORY, 2: too little of the GPU | end a process that nvidia-smi lists there
            34  | CUDA_ERROR_STUB_LIBRARY, 34: the toolkit's stub    | take the folder stubs out of LD_LIBRARY_PATH
            46  | CUDA_ERROR_DEVICE_UNAVAILABLE, 46: another process | sudo nvidia-smi -c 0
            100 | CUDA_ERROR_NO_DEVICE, 100: the NVIDIA driver finds | make one visible
            101 | CUDA_ERROR_INVALID_DEVICE, 101: there is no such   | correct CUDA_VISIBLE_DEVICES
            214 | CUDA_ERROR_ECC_UNCORRECTABLE, 214: the GPU's memor | sudo nvidia-smi -r
            802 | CUDA_ERROR_SYSTEM_NOT_READY, 802: the fabric manag | sudo systemctl start nvidia-fabricmanager
            803 | CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, 803: the driver | reboot, or reload the driver's kernel modules
            804 | CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE, 804: th | take the folder compat out of LD_LIBRARY_PATH
            999 | CUDA_ERROR_UNKNOWN, 999: the kernel module nvidia_ | sudo nvidia-modprobe -u
            """)
    void doctorTellsWhyAGpuGivesNoContext(int code, String wrong, String mend) throws Exception {
        JavaProcess.Result result = failing("cuDevicePrimaryCtxRetain:1:" + code)
                .variable("TP4J_EMULATOR_DEVICES", 1)
                .arguments("doctor", "--device", "cuda")
                .result();
        assertEquals(3, result.exitCode(), result.output());
        holds(result, "cuda  start       NO  CUDA device 0 gives no context (" + wrong);
        holds(result, mend);
    }

    @Test
    void noGpuIsNoFaultOfTheDriver() throws Exception {
        JavaProcess.Result result =
                failing("cuInit:1:100").arguments("doctor", "--device", "cuda").result();
        assertEquals(3, result.exitCode(), result.output());
        holds(result, "cuda  GPU         NO  the NVIDIA driver finds no GPU");
        holds(result, "mend: make one visible");
    }

    @ParameterizedTest
    @CsvSource({
        "cuInit:1:802, does not start, nvidia-fabricmanager",
        "cuDevicePrimaryCtxRetain:1:46, gives no context (CUDA_ERROR_DEVICE_UNAVAILABLE, nvidia-smi -c 0",
    })
    void aCommandOnCudaEndsWithTheSameSentence(String fault, String wrong, String mend) throws Exception {
        for (String[] command : new String[][] {row("cuda"), {"verify", "--device", "cuda", "--ranks", "2"}}) {
            JavaProcess.Result result = failing(fault).arguments(command).result();
            assertEquals(3, result.exitCode(), result.output());
            assertEquals(1, result.output().lines().count(), result.output());
            assertTrue(result.output().startsWith("tp4j: "), result.output());
            holds(result, wrong);
            holds(result, mend);
        }
    }

    @ParameterizedTest
    @CsvSource({"46", "2", "999"})
    void autoGoesOnWithoutGpusThatGiveNoContext(int code) throws Exception {
        String output = failing(Multiply.class, "cuDevicePrimaryCtxRetain:1:" + code)
                .variable("TP4J_EMULATOR_DEVICES", 3)
                .output();
        assertEquals(
                1, count(output, "WARNING: going on without CUDA device 0: CUDA device 0 gives no context ("), output);
        assertTrue(output.contains("rank 0 on CUDA device 1"), output);
        assertTrue(output.contains("rank 1 on CUDA device 2"), output);
        assertTrue(output.contains("rank 2 on CUDA device 1"), output);
        assertTrue(output.endsWith("y is 7.0"), output);
    }

    @Test
    void autoFallsBackToTheCpu() throws Exception {
        String faults = "cuDevicePrimaryCtxRetain:1:46,cuDevicePrimaryCtxRetain:1:999";
        String output = failing(Multiply.class, faults)
                .variable("TP4J_EMULATOR_DEVICES", 2)
                .output();
        assertEquals(2, count(output, "WARNING: going on without CUDA device "), output);
        assertTrue(output.contains("rank 0 on CPU"), output);
        assertTrue(output.endsWith("y is 7.0"), output);

        JavaProcess.Result row = failing(faults)
                .variable("TP4J_EMULATOR_DEVICES", 2)
                .arguments(row("auto"))
                .result();
        assertEquals(0, row.exitCode(), row.output());
    }

    /** Contexts take time and memory. */
    @Test
    void autoStartsNoMoreGpusThanThereAreRanks() throws Exception {
        String output = failing("cuDevicePrimaryCtxRetain:3:46")
                .variable("TP4J_EMULATOR_DEVICES", 3)
                .arguments(row("auto"))
                .output();
        assertFalse(output.contains("going on without"), output);
    }

    private JavaProcess failing(String fault) {
        return failing(Main.class, fault);
    }

    private JavaProcess failing(Class<?> main, String fault) {
        return new JavaProcess(main).emulated().property("user.home", folder).variable("TP4J_EMULATOR_FAULT", fault);
    }

    /** {@code row} over two ranks, on files of one element. */
    private String[] row(String device) throws Exception {
        Path file = folder.resolve("one.npy");
        try (HostMatrix one = HostMatrix.of(new float[][] {{1}})) {
            NpyFile.write(file, Tensor.of(one));
        }
        return new String[] {"row", "--x", file.toString(), "--w", file.toString(), "--ranks", "2", "--device", device};
    }

    private static void holds(JavaProcess.Result result, String words) {
        assertTrue(result.output().contains(words), () -> words + " is not in " + result.output());
    }

    private static long count(String text, String words) {
        return text.lines().filter(line -> line.contains(words)).count();
    }
}
