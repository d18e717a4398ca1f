package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The PTX in the jar is that of the kernels in this tree, and assembles for every generation that we name. */
class ShippedKernelsTest {
    private static final List<String> MODULES = List.of("reduce", "elementwise", "convert");
    private static final Path SOURCES = Path.of("cuda/kernels");
    private static final Path PTX = Path.of("src/main/resources/org/tp4j/device/cuda");

    @ParameterizedTest
    @FieldSource("MODULES")
    void ptxIsMadeFromTheseSources(String module) throws IOException, NoSuchAlgorithmException {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        digest.update(Files.readAllBytes(SOURCES.resolve("numeric.cuh")));
        digest.update(Files.readAllBytes(SOURCES.resolve(module + ".cu")));
        String expected = "// SHA-256 of numeric.cuh and " + module + ".cu, one after the other: "
                + HexFormat.of().formatHex(digest.digest());
        List<String> lines = Files.readAllLines(PTX.resolve(module + ".ptx"));
        assertEquals(
                expected,
                lines.get(0),
                module + ".ptx is not made from this " + module
                        + ".cu: mvn -Pcuda-kernels generate-resources makes it, where nvcc is");
        assertTrue(lines.contains(".version 8.0"), module + ".ptx must load in a driver of CUDA 12.0");
        assertTrue(lines.contains(".target sm_75"), module + ".ptx must load on Turing and later");
    }

    @ParameterizedTest
    @ValueSource(strings = {"sm_75", "sm_80", "sm_90", "sm_100"})
    void ptxAssembles(String architecture, @TempDir Path folder) throws IOException, InterruptedException {
        Optional<Path> ptxas = onPath("ptxas");
        assumeTrue(ptxas.isPresent(), "there is no ptxas on the PATH to assemble with: it comes with the CUDA toolkit");
        for (String module : MODULES) {
            Process process = new ProcessBuilder(
                            ptxas.orElseThrow().toString(),
                            "-arch=" + architecture,
                            "-o",
                            folder.resolve(module + ".cubin").toString(),
                            PTX.resolve(module + ".ptx").toString())
                    .redirectErrorStream(true)
                    .start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertTrue(process.waitFor(60, TimeUnit.SECONDS), "ptxas on " + module + " took more than 60 s");
            assertEquals(0, process.exitValue(), module + " for " + architecture + ": " + output);
        }
    }

    private static Optional<Path> onPath(String program) {
        String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
        return Arrays.stream(path.split(File.pathSeparator))
                .map(folder -> Path.of(folder).resolve(program))
                .filter(Files::isExecutable)
                .findFirst();
    }
}
