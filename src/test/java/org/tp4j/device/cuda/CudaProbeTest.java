package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tp4j.device.Probe;

/** What a look for CUDA says, each time in a process of its own, because a process looks once. */
class CudaProbeTest {
    @TempDir
    private Path home;

    /** Prints what the probe found. */
    public static final class Look {
        private Look() {}

        /** Takes no arguments. */
        public static void main(String[] arguments) {
            Probe probe = new CudaBackend().probe();
            System.out.println(probe.works() ? probe.devices().get(0).name() : probe.reason() + "; " + probe.mend());
        }
    }

    @Test
    void aDriverThatDoesNotExistIsNamed() throws Exception {
        String found = look(List.of("-Dtp4j.cuda.driver=/nowhere/libcuda.so.1"), Map.of());
        assertTrue(found.startsWith("the NVIDIA driver's library libcuda.so.1 does not load ("), found);
        assertTrue(found.contains("/nowhere/libcuda.so.1"), found);
        assertTrue(found.endsWith("-Dtp4j.cuda.driver=FILE, or use --device cpu"), found);
    }

    @Test
    void aDriverThatIsNoLibraryIsNamed() throws Exception {
        Path file = Files.writeString(home.resolve("libcuda.so.1"), "no library");
        String found = look(List.of("-Dtp4j.cuda.driver=" + file), Map.of());
        assertTrue(found.contains("the NVIDIA driver's library libcuda.so.1 does not load (" + file + ": "), found);
    }

    @Test
    @Tag("emulated")
    void aCublasThatDoesNotExistIsNamed() throws Exception {
        String found = look(List.of(emulatedDriver(), "-Dtp4j.cublas=/nowhere/libcublas.so.12"), Map.of());
        assertTrue(found.startsWith("cuBLAS's library libcublas.so.12 does not load ("), found);
        assertTrue(found.endsWith("-Dtp4j.cublas=FILE, or use --device cpu"), found);
    }

    /** The loader would end the process if it met JCuda's library, which asks for the version. */
    @Test
    @Tag("emulated")
    void aCublasWithoutItsVersionIsNamed() throws Exception {
        Path driver = Path.of(System.getProperty("tp4j.cuda.driver"));
        String found = look(List.of(emulatedDriver(), "-Dtp4j.cublas=" + driver), Map.of());
        assertEquals(
                "cuBLAS's library libcublas.so.12 does not load (" + driver
                        + " does not define the version libcublas.so.12);"
                        + " install CUDA 12's cuBLAS, or name the library with -Dtp4j.cublas=FILE, or use --device cpu",
                found);
    }

    @Test
    @Tag("emulated")
    void aDriverTooOldForThePtxIsNamed() throws Exception {
        assertEquals(
                "the NVIDIA driver is of CUDA 11.8, too old for this build's kernels;"
                        + " install a driver of CUDA 12.0 or newer, or use --device cpu",
                look(emulated(), Map.of("TP4J_EMULATOR_DRIVER", "11080")));
    }

    @Test
    @Tag("emulated")
    void aDriverWithoutDevicesSaysSo() throws Exception {
        String found = look(emulated(), Map.of("TP4J_EMULATOR_DEVICES", "0"));
        assertTrue(found.startsWith("the NVIDIA driver finds no GPU; "), found);
    }

    @Test
    @Tag("emulated")
    void devicesTooOldForThePtxAreNamed() throws Exception {
        String found = look(emulated(), Map.of("TP4J_EMULATOR_CAPABILITY", "70"));
        assertTrue(found.startsWith("no GPU is new enough for this build's kernels: CUDA device 0, Emulated"), found);
    }

    /** All unpack the same libraries at once; each finds them whole, and nothing else is left. */
    @Test
    @Tag("emulated")
    void fourProcessesMayStartAtOnce() throws Exception {
        List<Process> processes = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            processes.add(start(emulated(), Map.of()));
        }
        for (Process process : processes) {
            String found = output(process);
            assertTrue(found.startsWith("CUDA device 0, Emulated"), found);
        }
        try (Stream<Path> files = Files.walk(home)) {
            assertEquals(2, files.filter(Files::isRegularFile).count(), "unpacked libraries");
        }
    }

    /** What lies where a library belongs, but is not that library, is not loaded. */
    @Test
    @Tag("emulated")
    void aDamagedLibraryIsUnpackedAgain() throws Exception {
        look(emulated(), Map.of());
        try (Stream<Path> files = Files.walk(home)) {
            for (Path library : files.filter(Files::isRegularFile).toList()) {
                Files.writeString(library, "damaged");
            }
        }
        String found = look(emulated(), Map.of());
        assertTrue(found.startsWith("CUDA device 0, Emulated"), found);
    }

    /** A library in a folder of the class path is not copied: a bundle works where nothing can be written. */
    @Test
    @Tag("emulated")
    void librariesInAFolderAreLoadedFromThere(@TempDir Path natives) throws Exception {
        look(emulated(), Map.of());
        Path lib = Files.createDirectory(natives.resolve("lib"));
        try (Stream<Path> files = Files.walk(home)) {
            for (Path library : files.filter(Files::isRegularFile).toList()) {
                Files.move(library, lib.resolve(library.getFileName()));
            }
        }
        String classPath = natives + File.pathSeparator + System.getProperty("java.class.path");
        String found = output(start(emulated(), Map.of(), classPath));
        assertTrue(found.startsWith("CUDA device 0, Emulated"), found);
        try (Stream<Path> files = Files.walk(home)) {
            assertEquals(0, files.filter(Files::isRegularFile).count(), "unpacked libraries");
        }
    }

    private static List<String> emulated() {
        return List.of(emulatedDriver(), "-Dtp4j.cublas=" + System.getProperty("tp4j.cublas"));
    }

    private static String emulatedDriver() {
        return "-Dtp4j.cuda.driver=" + System.getProperty("tp4j.cuda.driver");
    }

    private String look(List<String> properties, Map<String, String> environment) throws Exception {
        return output(start(properties, environment));
    }

    private Process start(List<String> properties, Map<String, String> environment) throws IOException {
        return start(properties, environment, System.getProperty("java.class.path"));
    }

    private Process start(List<String> properties, Map<String, String> environment, String classPath)
            throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("--enable-native-access=ALL-UNNAMED");
        command.add("-Duser.home=" + home);
        command.addAll(properties);
        command.addAll(List.of("-cp", classPath, Look.class.getName()));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(environment);
        return builder.start();
    }

    private static String output(Process process) throws Exception {
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), text);
        return text.strip();
    }
}
