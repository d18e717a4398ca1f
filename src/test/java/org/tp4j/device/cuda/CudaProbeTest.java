package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.tp4j.cli.Main;
import org.tp4j.device.Finding;
import org.tp4j.device.Probe;
import org.tp4j.device.cuda.library.ElfBytes;

/** What a look for CUDA says, each time in a process of its own, because a process looks once. */
@EnabledOnOs(OS.LINUX)
class CudaProbeTest {
    private static final String NO_DRIVER = "-Dtp4j.cuda.driver=FILE, or use --device cpu";
    private static final String NO_CUBLAS = "mend: install one, for instance by python3 -m pip install"
            + " nvidia-cublas-cu12, or name one with -Dtp4j.cublas=FILE, or use --device cpu";

    /** A superuser is refused nothing, until these are taken from him. */
    private static final String[] AS_AN_ORDINARY_USER = {"setpriv", "--bounding-set=-dac_override,-dac_read_search"};

    @TempDir
    private Path home;

    /** Prints what the probe found, a line for each finding, and for each device. */
    public static final class Look {
        private Look() {}

        /** Takes no arguments. */
        public static void main(String[] arguments) {
            Probe probe = new CudaBackend().probe();
            for (Finding finding : probe.examine()) {
                System.out.println(finding.thing()
                        + (finding.found() ? " ok: " : " missing: ")
                        + finding.detail()
                        + (finding.mend().isEmpty() ? "" : "; mend: " + finding.mend()));
            }
            probe.devices().forEach(device -> System.out.println(device.name()));
        }
    }

    @AfterEach
    void permitAll() throws IOException {
        try (Stream<Path> folders = Files.list(home)) {
            for (Path folder : folders.filter(Files::isDirectory).toList()) {
                Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
            }
        }
    }

    @Test
    void aDriverThatDoesNotExistIsNamed() throws Exception {
        String found = line("driver", look().property("tp4j.cuda.driver", "/nowhere/libcuda.so.1"));
        assertTrue(
                found.startsWith(
                        "driver missing: the NVIDIA driver's library libcuda.so.1 does not load:"
                                + " /nowhere/libcuda.so.1, named by -Dtp4j.cuda.driver, cannot be read: it does not exist; mend: "),
                found);
        assertTrue(found.endsWith(NO_DRIVER), found);
    }

    @Test
    void aDriverThatIsNoLibraryIsNamed() throws Exception {
        Path file = Files.writeString(home.resolve("libcuda.so.1"), "no library");
        String found = line("driver", look().property("tp4j.cuda.driver", file));
        assertTrue(found.contains(": " + file + ", named by -Dtp4j.cuda.driver, is no shared library; mend: "), found);
        assertTrue(found.endsWith(NO_DRIVER), found);
    }

    @Test
    void aCublasThatDoesNotExistIsNamed() throws Exception {
        assertEquals(
                "cuBLAS missing: cuBLAS's library /nowhere/libcublas.so.12, named by -Dtp4j.cublas, cannot be read:"
                        + " it does not exist; " + NO_CUBLAS,
                line("cuBLAS", withoutDriver().property("tp4j.cublas", "/nowhere/libcublas.so.12")));
    }

    /** The loader would end the process if it met JCuda's library, which asks for the version. */
    @Test
    void aCublasWithoutItsVersionIsNamed() throws Exception {
        Path file = ElfBytes.write(home.resolve("libcublas.so.12"), "libcublas.so.12");
        assertEquals(
                "cuBLAS missing: cuBLAS's library " + file + ", named by -Dtp4j.cublas, does not define the version"
                        + " libcublas.so.12; " + NO_CUBLAS,
                line("cuBLAS", withoutDriver().property("tp4j.cublas", file)));
    }

    /** Without the look at it, the loader would map what is not there, and the process would end with SIGBUS. */
    @Test
    void aTruncatedCublasIsNamed() throws Exception {
        Path file = ElfBytes.write(home.resolve("libcublas.so.12"), "libcublas.so.12", "libcublas.so.12");
        byte[] whole = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(whole, 300));
        assertEquals(
                "cuBLAS missing: cuBLAS's library " + file + ", named by -Dtp4j.cublas, is cut off: it has 300 of at"
                        + " least " + whole.length + " bytes; " + NO_CUBLAS,
                line("cuBLAS", withoutDriver().property("tp4j.cublas", file)));
    }

    @Test
    void aCublasForAnotherArchitectureIsNamed() throws Exception {
        Path file = ElfBytes.write(home.resolve("libcublas.so.12"), "libcublas.so.12", "libcublas.so.12");
        byte[] bytes = Files.readAllBytes(file);
        bytes[18] = (byte) 183;
        Files.write(file, bytes);
        assertEquals(
                "cuBLAS missing: cuBLAS's library " + file + ", named by -Dtp4j.cublas, is for aarch64 of 64 bits, not"
                        + " for x86_64; " + NO_CUBLAS,
                line("cuBLAS", withoutDriver().property("tp4j.cublas", file)));
    }

    @Test
    void anUnreadableFolderIsNamed() throws Exception {
        Path folder = folder("---------");
        String found = line(
                "cuBLAS", withoutDriver().variable("LD_LIBRARY_PATH", folder).under(asAnOrdinaryUser()));
        assertTrue(
                found.contains(folder.resolve("libcublas.so.12")
                        + ", from LD_LIBRARY_PATH, cannot be read: permission denied"),
                found);
        assertTrue(found.contains(" ok: ") || found.endsWith(NO_CUBLAS), found);
    }

    /** Like all that are tagged so, it cannot hold where the libraries lie in a folder already. */
    @Test
    @Tag("unpacks")
    void aReadOnlyHomeAndTemporaryFolderAreNamed() throws Exception {
        Path readOnly = folder("r-xr-xr-x");
        Path temporary = Files.createDirectory(
                home.resolve("temporary"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("r-xr-xr-x")));
        assertEquals(
                "natives missing: JCuda's native libraries cannot be unpacked: " + readOnly.resolve(".cache/tp4j")
                        + " cannot be written: permission denied; and " + temporary
                        + " neither: permission denied; mend: make room there or allow it, or name a folder that can be"
                        + " written with -Dtp4j.natives=FOLDER, or use --device cpu",
                line(
                        "natives",
                        new JavaProcess(Look.class)
                                .property("user.home", readOnly)
                                .property("java.io.tmpdir", temporary)
                                .under(asAnOrdinaryUser())));
    }

    @Test
    @Tag("unpacks")
    void aReadOnlyHomeIsDoneWithout() throws Exception {
        Path readOnly = folder("r-xr-xr-x");
        Path temporary = Files.createDirectory(home.resolve("temporary"));
        String found = line(
                "natives",
                new JavaProcess(Look.class)
                        .property("user.home", readOnly)
                        .property("java.io.tmpdir", temporary)
                        .under(asAnOrdinaryUser()));
        assertTrue(found.startsWith("natives ok: unpacked in " + temporary.resolve("tp4j-")), found);
        assertTrue(
                found.endsWith(", for this process alone, because " + readOnly.resolve(".cache/tp4j")
                        + " cannot be written: permission denied"),
                found);
        assertEquals(0, filesBelow(temporary), "what is left of the process");
    }

    @Test
    @Tag("unpacks")
    void aFullTemporaryFolderIsNamed() throws Exception {
        Path readOnly = folder("r-xr-xr-x");
        Path small = Files.createDirectory(home.resolve("small"));
        String mount = "mount -t tmpfs -o size=1m none " + small;
        assumeTrue(succeeds("unshare", "--mount", "sh", "-c", mount), "this user may not mount a small file system");
        String found = line(
                "natives",
                new JavaProcess(Look.class)
                        .property("user.home", readOnly)
                        .property("java.io.tmpdir", small)
                        .under("unshare", "--mount", "sh", "-c", mount + " && exec \"$@\"", "sh")
                        .under(asAnOrdinaryUser()));
        assertTrue(
                found.matches(
                        "natives missing: .* and " + small + "/tp4j-[0-9]+ neither: no space left on device; mend:"
                                + " make room there .* -Dtp4j.natives=FOLDER, or use --device cpu"),
                found);
    }

    @Test
    @Tag("unpacks")
    void theFolderForNativesCanBeNamed() throws Exception {
        Path natives = home.resolve("natives");
        String found = line("natives", withoutDriver().property("tp4j.natives", natives));
        assertEquals("natives ok: unpacked in " + natives, found);
        assertEquals(2, filesBelow(natives));
    }

    @Test
    @Tag("emulated")
    void aDriverTooOldForThePtxIsNamed() throws Exception {
        assertEquals(
                "driver missing: the NVIDIA driver is of CUDA 11.8, too old for this build's kernels;"
                        + " mend: install a driver of CUDA 12.0 or newer, or use --device cpu",
                line("driver", emulated().variable("TP4J_EMULATOR_DRIVER", "11080")));
    }

    @Test
    @Tag("emulated")
    void aDriverWithoutDevicesSaysSo() throws Exception {
        String found = line("GPU", emulated().variable("TP4J_EMULATOR_DEVICES", "0"));
        assertTrue(found.startsWith("GPU missing: the NVIDIA driver finds no GPU; mend: "), found);
    }

    @Test
    @Tag("emulated")
    void aDriverWithoutItsCompilerSaysWhatToAdd() throws Exception {
        String found = new JavaProcess(Main.class)
                .emulated()
                .property("user.home", home)
                .variable("TP4J_EMULATOR_FAULT", "cuModuleLoadDataEx@0:1:221")
                .arguments("doctor", "--device", "cuda")
                .output();
        assertTrue(found.contains("bytes failed with CUDA_ERROR_JIT_COMPILER_NOT_FOUND"), found);
        assertTrue(found.contains("mend: install libnvidia-ptxjitcompiler.so.1, a part of the driver"), found);
    }

    /** The loader would end the process if it met it. */
    @Test
    @Tag("emulated")
    void aDriversCompilerThatIsCutOffIsNotLoaded() throws Exception {
        Path driver = Files.copy(Path.of(System.getProperty("tp4j.cuda.driver")), home.resolve("libcuda.so.1"));
        Path compiler = ElfBytes.write(
                home.resolve("libnvidia-ptxjitcompiler.so.1"),
                "libnvidia-ptxjitcompiler.so.1",
                "libnvidia-ptxjitcompiler.so.1");
        Files.write(compiler, Arrays.copyOf(Files.readAllBytes(compiler), 300));
        works(emulated().property("tp4j.cuda.driver", driver).output());
    }

    @Test
    @Tag("emulated")
    void devicesTooOldForThePtxAreNamed() throws Exception {
        String found = line("GPU", emulated().variable("TP4J_EMULATOR_CAPABILITY", "70"));
        assertTrue(
                found.startsWith(
                        "GPU missing: not new enough for this build's kernels: CUDA device 0, Emulated device"),
                found);
    }

    /** All unpack the same libraries at once; each finds them whole, and nothing else is left. */
    @Test
    @Tag("emulated")
    void fourProcessesMayStartAtOnce() throws Exception {
        List<Process> processes = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            processes.add(emulated().start());
        }
        for (Process process : processes) {
            works(JavaProcess.output(process));
        }
        assertEquals(2, filesBelow(home), "unpacked libraries");
    }

    /** What lies where a library belongs, but is not that library, is not loaded. */
    @Test
    @Tag("emulated")
    void aDamagedLibraryIsUnpackedAgain() throws Exception {
        works(emulated().output());
        try (Stream<Path> files = Files.walk(home)) {
            for (Path library : files.filter(Files::isRegularFile).toList()) {
                Files.writeString(library, "damaged");
            }
        }
        works(emulated().output());
    }

    /** A library in a folder of the class path is not copied: a bundle works where nothing can be written. */
    @Test
    @Tag("emulated")
    void librariesInAFolderAreLoadedFromThere(@TempDir Path natives) throws Exception {
        works(emulated().output());
        Path lib = Files.createDirectory(natives.resolve("lib"));
        try (Stream<Path> files = Files.walk(home)) {
            for (Path library : files.filter(Files::isRegularFile).toList()) {
                Files.move(library, lib.resolve(library.getFileName()));
            }
        }
        String found = emulated().onTheClassPath(natives).output();
        works(found);
        assertTrue(found.startsWith("natives ok: in " + lib), found);
        assertEquals(0, filesBelow(home), "unpacked libraries");
    }

    private static void works(String found) {
        assertTrue(found.contains("\nCUDA device 0, Emulated device, "), found);
    }

    private JavaProcess look() {
        return new JavaProcess(Look.class).property("user.home", home);
    }

    /** Where there is a driver, cuBLAS would be loaded. */
    private JavaProcess withoutDriver() {
        return look().property("tp4j.cuda.driver", "/nowhere/libcuda.so.1");
    }

    private JavaProcess emulated() {
        return look().onTheEmulatedDriver().property("tp4j.cublas", System.getProperty("tp4j.cublas"));
    }

    private static String line(String thing, JavaProcess process) throws Exception {
        String output = process.output();
        return output.lines()
                .filter(line -> line.startsWith(thing + " "))
                .findFirst()
                .orElseThrow(() -> new AssertionError("nothing of " + thing + " in " + output));
    }

    private Path folder(String permissions) throws IOException {
        return Files.createDirectory(
                home.resolve("folder"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions)));
    }

    private static long filesBelow(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(Files::isRegularFile).count();
        }
    }

    private static String[] asAnOrdinaryUser() throws Exception {
        if (!System.getProperty("user.name").equals("root")) {
            return new String[0];
        }
        List<String> command = new ArrayList<>(List.of(AS_AN_ORDINARY_USER));
        command.add("true");
        assumeTrue(
                succeeds(command.toArray(String[]::new)), "there is no setpriv to take a superuser's rights away with");
        return AS_AN_ORDINARY_USER;
    }

    private static boolean succeeds(String... command) throws InterruptedException {
        try {
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            return process.waitFor(20, TimeUnit.SECONDS) && process.exitValue() == 0;
        } catch (IOException e) {
            return false;
        }
    }
}
