package org.tp4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.tp4j.device.cuda.JavaProcess;
import org.tp4j.device.cuda.JavaProcess.Result;

/** What doctor prints, and how it exits. */
class DoctorTest {
    @Test
    void withoutCudaItSaysWhyAndSucceeds() throws Exception {
        Result result = withoutDriver().arguments("doctor").result();
        assertEquals(0, result.exitCode(), result.output());
        assertTrue(result.output().contains("cpu   device 0    ok  CPU "), result.output());
        assertTrue(result.output().contains("cpu   2-rank mlp  ok  it gave the unsplit layer's bits"), result.output());
        assertTrue(
                result.output()
                        .contains("cuda  driver      NO  the NVIDIA driver's library libcuda.so.1 does not load: "),
                result.output());
        assertTrue(
                result.output().contains("mend: install the NVIDIA driver (on Ubuntu: sudo ubuntu-drivers install)"),
                result.output());
    }

    @Test
    void whatIsRequiredAndMissingIsAFailure() throws Exception {
        Result result = withoutDriver().arguments("doctor", "--require", "cuda").result();
        assertEquals(3, result.exitCode(), result.output());
        String last = result.output().lines().reduce((first, second) -> second).orElseThrow();
        assertTrue(
                last.startsWith("tp4j: no cuda device works: the NVIDIA driver's library libcuda.so.1 does not load: "),
                result.output());
        assertEquals(
                0,
                withoutDriver().arguments("doctor", "--require", "cpu").result().exitCode());
    }

    @Test
    void aKindThatIsAskedForAloneAndMissingIsAFailure() throws Exception {
        assertEquals(
                3,
                withoutDriver().arguments("doctor", "--device", "cuda").result().exitCode());
    }

    @Test
    void itsJsonHoldsTheSame() throws Exception {
        Result result = withoutDriver().arguments("doctor", "--json").result();
        assertEquals(0, result.exitCode(), result.output());
        assertEquals(List.of("cpu", "cuda"), values(result.output(), "kind"));
        assertEquals(List.of("true", "true", "false"), values(result.output(), "works"));
        assertEquals(
                List.of("2-rank mlp", "natives", "driver"),
                values(result.output(), "thing").subList(0, 3));
        assertTrue(values(result.output(), "mend").stream().anyMatch(mend -> mend.contains("ubuntu-drivers")));
    }

    @Test
    @Tag("emulated")
    void everyDeviceIsLookedAtAndTried() throws Exception {
        Result result = new JavaProcess(Main.class)
                .onTheEmulatedDriver()
                .property("tp4j.cublas", System.getProperty("tp4j.cublas"))
                .variable("TP4J_EMULATOR_DEVICES", "2")
                .variable("TP4J_EMULATOR_MEMORY", "1024")
                .arguments("doctor", "--require", "cuda", "--json")
                .result();
        assertEquals(0, result.exitCode(), result.output());
        List<String> details = values(result.output(), "detail");
        assertEquals(
                2,
                details.stream()
                        .filter("1024 MiB, 1024 MiB of them free"::equals)
                        .count(),
                result.output());
        assertEquals(
                2,
                details.stream()
                        .filter("the PTX of reduce, elementwise, convert loads"::equals)
                        .count(),
                result.output());
        assertEquals(
                2,
                details.stream()
                        .filter(detail ->
                                detail.startsWith("copies go from device to device, and kernels reach its memory"))
                        .count(),
                result.output());
        assertEquals(
                3,
                details.stream()
                        .filter("it gave the unsplit layer's bits in f64, f32, f16, bf16"::equals)
                        .count(),
                result.output());
    }

    @Test
    @Tag("emulated")
    void pairsThatDoNotReachEachOtherAreNamed() throws Exception {
        Result result = new JavaProcess(Main.class)
                .onTheEmulatedDriver()
                .property("tp4j.cublas", System.getProperty("tp4j.cublas"))
                .variable("TP4J_EMULATOR_DEVICES", "2")
                .variable("TP4J_EMULATOR_PEERS", "broken-copies")
                .arguments("doctor", "--device", "cuda")
                .result();
        assertEquals(0, result.exitCode(), result.output());
        assertTrue(
                result.output()
                        .contains("cuda  to 1        NO  copies go through host memory, and kernels work on copies:"
                                + " a copy does not arrive"),
                result.output());
    }

    /** Every dtype is multiplied: a cuBLAS may be in order but for one. */
    @Test
    @Tag("emulated")
    void aCublasThatCannotMultiplyIsNamedWithItsMend() throws Exception {
        for (String fault : List.of("cublasCreate:1:1", "cublasGemmEx_64:1:15", "cublasGemmEx_64:13:8")) {
            Result result = new JavaProcess(Main.class)
                    .emulated()
                    .variable("TP4J_EMULATOR_DEVICES", "1")
                    .variable("TP4J_EMULATOR_FAULT", fault)
                    .arguments("doctor", "--require", "cuda")
                    .result();
            assertEquals(3, result.exitCode(), result.output());
            String status = List.of("NOT_INITIALIZED (1)", "NOT_SUPPORTED (15)", "ARCH_MISMATCH (8)")
                    .get(List.of("1", "15", "8").indexOf(fault.substring(fault.lastIndexOf(':') + 1)));
            String last =
                    result.output().lines().reduce((first, second) -> second).orElseThrow();
            assertTrue(last.startsWith("tp4j: no cuda device works: CUDA device 0: "), last);
            assertTrue(last.contains(" failed with CUBLAS_STATUS_" + status + "; install a cuBLAS that fits"), last);
            assertTrue(result.output().contains("cuda  2-rank mlp  NO  CUDA device 0: "), result.output());
        }
    }

    /** As on a machine without a driver. */
    private static JavaProcess withoutDriver() {
        return new JavaProcess(Main.class).property("tp4j.cuda.driver", "/nowhere/libcuda.so.1");
    }

    /** All values of one name, from a text that must be JSON. */
    private static List<String> values(String json, String name) throws IOException {
        List<String> values = new ArrayList<>();
        try (JsonParser parser = new JsonFactory().createParser(json)) {
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                if (token.isScalarValue() && name.equals(parser.currentName())) {
                    values.add(parser.getText());
                }
            }
        }
        return values;
    }
}
