package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.opentest4j.AssertionFailedError;
import org.opentest4j.TestAbortedException;

/** The PTX in the jar is that of the kernels in this tree, and assembles for every generation that we name. */
class ShippedKernelsTest {
    private static final List<String> MODULES = List.of("reduce", "elementwise", "convert");
    private static final Release FIRST_WITH_PTX_8 = new Release(12, 0);
    private static final Release FIRST_WITH_BLACKWELL = new Release(12, 8);
    private static final List<Generation> GENERATIONS = List.of(
            new Generation("sm_75", FIRST_WITH_PTX_8),
            new Generation("sm_80", FIRST_WITH_PTX_8),
            new Generation("sm_86", FIRST_WITH_PTX_8),
            new Generation("sm_89", FIRST_WITH_PTX_8),
            new Generation("sm_90", FIRST_WITH_PTX_8),
            new Generation("sm_100", FIRST_WITH_BLACKWELL),
            new Generation("sm_120", FIRST_WITH_BLACKWELL));
    private static final Path SOURCES = Path.of("cuda/kernels");
    private static final Path PTX = Path.of("src/main/resources/org/tp4j/device/cuda");

    /** A generation of GPUs, and the first release of CUDA that assembles PTX 8.0 for it. */
    private record Generation(String name, Release since) {}

    private record Release(int major, int minor) {
        private static final Pattern TEXT = Pattern.compile("release (\\d+)\\.(\\d+)");

        static Release of(String version) {
            Matcher matcher = TEXT.matcher(version);
            assertTrue(matcher.find(), "no release is in " + version);
            return new Release(Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)));
        }

        boolean isAtLeast(Release other) {
            return major > other.major || (major == other.major && minor >= other.minor);
        }

        @Override
        public String toString() {
            return major + "." + minor;
        }
    }

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
    @FieldSource("GENERATIONS")
    void ptxAssembles(Generation generation, @TempDir Path folder) throws IOException, InterruptedException {
        assembles(Optional.ofNullable(System.getenv("PATH")).orElse(""), generation, folder);
    }

    /** On a machine with an older toolkit, what that cannot know is skipped; what it must know is not. */
    @ParameterizedTest
    @CsvSource({"11.5, 0", "12.0, 5", "12.6, 5", "12.8, 7", "13.0, 7"})
    void olderAssemblersAreNotAskedForWhatTheyCannotKnow(String release, int known, @TempDir Path folder)
            throws IOException, InterruptedException {
        String path = assembler(folder, release, "exit 0");
        int assembled = 0;
        for (Generation generation : GENERATIONS) {
            try {
                assembles(path, generation, folder);
                assembled++;
            } catch (TestAbortedException e) {
                assertTrue(e.getMessage().contains("ptxas of CUDA " + release), e.getMessage());
            }
        }
        assertEquals(known, assembled);
    }

    @Test
    void anAssemblerThatRefusesWhatItMustKnowIsAFailure(@TempDir Path folder) throws IOException {
        String path = assembler(folder, "12.8", "echo \"ptxas fatal : Unresolved extern\"; exit 255");
        for (Generation generation : GENERATIONS) {
            AssertionFailedError failure =
                    assertThrows(AssertionFailedError.class, () -> assembles(path, generation, folder));
            assertTrue(failure.getMessage().contains("Unresolved extern"), failure.getMessage());
        }
    }

    private static void assembles(String path, Generation generation, Path folder)
            throws IOException, InterruptedException {
        Optional<Path> ptxas = onPath(path, "ptxas");
        assumeTrue(ptxas.isPresent(), "there is no ptxas on the PATH to assemble with: it comes with the CUDA toolkit");
        String program = ptxas.orElseThrow().toString();
        Release release = Release.of(output(0, program, "--version"));
        assumeTrue(
                release.isAtLeast(generation.since()),
                () -> "the ptxas of CUDA " + release + " on the PATH knows no " + generation.name()
                        + " or no PTX 8.0: that takes CUDA " + generation.since());
        for (String module : MODULES) {
            output(
                    0,
                    program,
                    "-arch=" + generation.name(),
                    "-o",
                    folder.resolve(module + ".cubin").toString(),
                    PTX.resolve(module + ".ptx").toString());
        }
    }

    private static String output(int exitCode, String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(60, TimeUnit.SECONDS), String.join(" ", command) + " took more than 60 s");
        assertEquals(exitCode, process.exitValue(), String.join(" ", command) + ": " + output);
        return output;
    }

    private static String assembler(Path folder, String release, String otherwise) throws IOException {
        Path script = Files.writeString(folder.resolve("ptxas"), """
                #!/bin/sh
                if [ "$1" = --version ]; then
                    echo "ptxas: NVIDIA (R) Ptx optimizing assembler"
                    echo "Cuda compilation tools, release %1$s, V%1$s.119"
                    exit 0
                fi
                %2$s
                """.formatted(release, otherwise));
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
        return folder.toString();
    }

    private static Optional<Path> onPath(String path, String program) {
        return Arrays.stream(path.split(File.pathSeparator))
                .map(folder -> Path.of(folder).resolve(program))
                .filter(Files::isExecutable)
                .findFirst();
    }
}
