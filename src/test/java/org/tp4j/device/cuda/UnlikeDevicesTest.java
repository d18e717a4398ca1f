package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.tp4j.cli.Main;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.NpyFile;
import org.tp4j.tensor.Tensor;

/** A machine with GPUs of several models. */
@Tag("emulated")
class UnlikeDevicesTest {
    private static final String DIFFERENCE =
            "CUDA device 0 is of compute capability 8.0 with 4 multiprocessors, but CUDA"
                    + " device 1 is of compute capability ";

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({"CAPABILITY, 80;89, 8.9 with 4", "MULTIPROCESSORS, 4;8, 8.0 with 8"})
    void tpInvariantModeIsRefusedAndVerifySaysThatItWasNotChecked(String setting, String values, String other)
            throws Exception {
        JavaProcess.Result refused = on(setting, values)
                .arguments("row", "--x", one(), "--w", one(), "--ranks", "2", "--device", "cuda", "--tp-invariant")
                .result();
        assertEquals(3, refused.exitCode(), refused.output());
        assertEquals(
                "tp4j: TP-invariant mode needs devices of one model: " + DIFFERENCE + other
                        + " multiprocessors; use like"
                        + " ones alone (for GPUs, by CUDA_VISIBLE_DEVICES), or do without this mode",
                refused.output().strip());

        JavaProcess.Result verified = on(setting, values)
                .arguments("verify", "--device", "cuda", "--ranks", "1,2", "--dtype", "f32")
                .result();
        assertEquals(0, verified.exitCode(), verified.output());
        assertTrue(verified.output().matches("(?s).*TP-invariant = 1 rank +ok 5 +-\\R.*"), verified.output());
        assertTrue(
                verified.output()
                        .contains("TP-invariant = 1 rank: not checked on devices of different models: " + DIFFERENCE
                                + other),
                verified.output());
    }

    @Test
    void likeDevicesAmongThemDo() throws Exception {
        on("CAPABILITY", "80;80;89")
                .arguments("row", "--x", one(), "--w", one(), "--ranks", "2", "--device", "cuda", "--tp-invariant")
                .output();
    }

    private static JavaProcess on(String setting, String values) {
        return new JavaProcess(Main.class)
                .emulated()
                .variable("TP4J_EMULATOR_DEVICES", 3)
                .variable("TP4J_EMULATOR_" + setting, values);
    }

    private String one() throws Exception {
        Path file = folder.resolve("one.npy");
        try (HostMatrix matrix = HostMatrix.of(new float[][] {{1}})) {
            NpyFile.write(file, Tensor.of(matrix));
        }
        return file.toString();
    }
}
