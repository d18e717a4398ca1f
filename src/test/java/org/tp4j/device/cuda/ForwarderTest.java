package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import jcuda.Pointer;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasStatus;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.tp4j.cli.Main;
import org.tp4j.device.cuda.library.ElfBytes;
import org.tp4j.device.cuda.library.ElfSymbols;
import org.tp4j.device.cuda.library.NativeDirectory;
import org.tp4j.device.cuda.library.PackedLibrary;

/**
 * JCuda's cuBLAS on a libcublas.so.13, which is the emulator's, by way of the forwarder; and on a libcublas.so.12 from the
 * class path. Each in a process of its own.
 */
@EnabledOnOs(OS.LINUX)
class ForwarderTest {
    private static final Path NAMES = Path.of("cuda/compat/jcublas2.txt");

    @TempDir
    private Path home;

    /** Calls what cuBLAS 13 may lack, then goes on. */
    public static final class CallWhatIsMissing {
        private CallWhatIsMissing() {}

        /** Takes no arguments. */
        public static void main(String[] arguments) {
            CudaDevice device = (CudaDevice) new CudaBackend().probe().devices().get(0);
            device.context().enter();
            cublasHandle handle = new cublasHandle();
            System.out.println("created: " + cublasStatus.stringFor(JCublas2.cublasCreate(handle)));
            System.out.println("missing: "
                    + cublasStatus.stringFor(JCublas2.cublasSgelsBatched(
                            handle, 0, 1, 1, 1, new Pointer(), 1, new Pointer(), 1, new Pointer(), new Pointer(), 1)));
            System.out.println("named: " + JCublas2.cublasGetStatusName(cublasStatus.CUBLAS_STATUS_NOT_SUPPORTED));
            System.out.println("runtime: " + JCublas2.cublasGetCudartVersion());
            System.out.println("destroyed: " + cublasStatus.stringFor(JCublas2.cublasDestroy(handle)));
        }
    }

    /** Uses the forwarder where there is nothing that it could forward to. */
    public static final class CallWithoutTarget {
        private CallWithoutTarget() {}

        /** Takes no arguments. */
        public static void main(String[] arguments) throws IOException {
            NativeDirectory directory = NativeDirectory.ofThisProcess();
            System.load(directory.unpack(forwarder()).toString());
            NativeLibraries.unpacked(directory).loadCublas();
            System.out.println("created: " + cublasStatus.stringFor(JCublas2.cublasCreate(new cublasHandle())));
            System.out.println("named: " + JCublas2.cublasGetStatusName(cublasStatus.CUBLAS_STATUS_SUCCESS));
            System.out.println("runtime: " + JCublas2.cublasGetCudartVersion());
        }
    }

    /** Finds CUDA and prints which libraries of cuBLAS the process has mapped. */
    public static final class MappedLibraries {
        private MappedLibraries() {}

        /** Takes no arguments. */
        public static void main(String[] arguments) throws IOException {
            CudaProbeTest.Look.main(arguments);
            try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
                maps.filter(line -> line.contains("/libcublas"))
                        .map(line -> "mapped " + line.substring(line.indexOf('/')))
                        .distinct()
                        .forEach(System.out::println);
            }
        }
    }

    /** The list from which the forwarder is made is what JCuda's library imports, no name more or less. */
    @Test
    void theListIsThatOfJCudasImports() throws IOException {
        assumeTrue(NativeLibraries.exist(), "JCuda does not exist for this platform");
        PackedLibrary jcublas =
                PackedLibrary.of("/lib/libJCublas2-12.6.0-linux-x86_64.so").orElseThrow();
        Path library = NativeDirectory.ofThisProcess().unpack(jcublas);
        List<String> imports = ElfSymbols.undefined(library).stream()
                .filter(name -> name.startsWith("cublas"))
                .sorted()
                .toList();
        assertEquals(imports, Files.readAllLines(NAMES).stream().sorted().toList());
    }

    @Test
    @Tag("emulated")
    void theForwarderDefinesEveryNameOfTheList() throws IOException {
        Path file = NativeDirectory.ofThisProcess().unpack(forwarder());
        assertEquals(
                new TreeSet<>(Files.readAllLines(NAMES)),
                new TreeSet<>(ElfSymbols.defined(file).stream()
                        .filter(name -> name.startsWith("cublas"))
                        .toList()));
    }

    /** Every law of split layers holds on products that went through the forwarder, in every dtype. */
    @Test
    @Tag("emulated")
    void productsThroughItAreRight() throws Exception {
        String output = on13(Main.class)
                .arguments("verify", "--device", "cuda", "--ranks", "1,2", "--seed", "1")
                .output();
        assertTrue(output.contains("mlp = unsplit"), output);
    }

    @Test
    @Tag("emulated")
    void theVersionIsThatOfItsTarget() throws Exception {
        String output = on13(CudaProbeTest.Look.class).output();
        assertTrue(
                output.contains(
                        "cuBLAS ok: cuBLAS 13.1.0, " + cublas13() + ", named by -Dtp4j.cublas, through the forwarder"),
                output);
    }

    @Test
    @Tag("emulated")
    void aCallThatCuda13LacksIsNotSupported() throws Exception {
        assertEquals("""
                created: CUBLAS_STATUS_SUCCESS
                missing: CUBLAS_STATUS_NOT_SUPPORTED
                named: CUBLAS_STATUS_NOT_SUPPORTED
                runtime: 13010
                destroyed: CUBLAS_STATUS_SUCCESS""", on13(CallWhatIsMissing.class).output());
    }

    @Test
    @Tag("emulated")
    void withoutATargetNothingIsInitialized() throws Exception {
        assertEquals(
                """
                created: CUBLAS_STATUS_NOT_INITIALIZED
                named: unknown, because there is no cuBLAS of CUDA 13 to ask
                runtime: 0""",
                new JavaProcess(CallWithoutTarget.class)
                        .property("user.home", home)
                        .variable("LD_LIBRARY_PATH", "")
                        .output());
    }

    /** As PyTorch for CUDA 13 has it; and cuBLAS's other half is that of the same folder, wherever else there is one. */
    @Test
    @Tag("emulated")
    void thatOfPythonsPackagesIsFound() throws Exception {
        Path folder = Files.createDirectories(home.resolve("venv/lib/python3.11/site-packages/nvidia/cu13/lib"));
        Path elsewhere = Files.createDirectories(home.resolve("elsewhere"));
        Path file = Files.copy(cublas13(), folder.resolve("libcublas.so.13"));
        Path light = compileEmpty(folder, "libcublasLt.so.13");
        compileEmpty(elsewhere, "libcublasLt.so.13");
        String output = onADriverOf13(MappedLibraries.class)
                .variable("VIRTUAL_ENV", home.resolve("venv"))
                .variable("LD_LIBRARY_PATH", elsewhere)
                .output();
        assertTrue(
                output.contains(
                        "cuBLAS ok: cuBLAS 13.1.0, " + file + ", from Python's packages, through the forwarder"),
                output);
        assertTrue(output.contains("mapped " + light), output);
        assertTrue(!output.contains("mapped " + elsewhere), output);
    }

    /** As where the toolkit of CUDA 13 is installed beside a driver of CUDA 12. */
    @Test
    @Tag("emulated")
    void thatOfCuda13IsPassedOverWhereTheDriverIsOlder() throws Exception {
        Path found = Files.copy(
                cublas13(), Files.createDirectories(home.resolve("a")).resolve("libcublas.so.13"));
        String refusal =
                "is of CUDA 13, which needs an NVIDIA driver of CUDA 13.0 or newer, but this one is of CUDA 12.9";
        String searched = looking()
                .variable("TP4J_EMULATOR_DRIVER", 12090)
                .variable("LD_LIBRARY_PATH", found.getParent())
                .output();
        assertTrue(searched.contains("cuBLAS "), searched);
        assertTrue(
                searched.contains(found + ", from LD_LIBRARY_PATH, " + refusal) || searched.contains("cuBLAS 12."),
                searched);
        String named = looking()
                .variable("TP4J_EMULATOR_DRIVER", 12090)
                .property("tp4j.cublas", found)
                .output();
        assertTrue(
                named.contains("cuBLAS missing: cuBLAS's library " + found + ", named by -Dtp4j.cublas, " + refusal),
                named);
    }

    /** A GPU of a generation that an older cuBLAS of CUDA 12 does not know. */
    @ParameterizedTest
    @CsvSource({
        "libcublas.so.12.6.3.3, 12.6.3.3, 120, true",
        "libcublas.so.12.7.0.1, 12.7.0.1, 100, true",
        "libcublas.so.12.8.0.1, 12.8.0.1, 120, false",
        "libcublas.so.12.10.0.1, 12.10.0.1, 120, false",
        "libcublas.so.12.6.3.3, 12.6.3.3, 90, false",
    })
    @Tag("emulated")
    void thatOfCuda12IsPassedOverWhereAGpuIsNewer(String name, String version, int capability, boolean passedOver)
            throws Exception {
        Path folder = Files.createDirectories(home.resolve("a"));
        Path real = Files.copy(Path.of(System.getProperty("tp4j.cublas")), folder.resolve(name));
        Path twelve = Files.createSymbolicLink(folder.resolve("libcublas.so.12"), real.getFileName());
        Files.copy(cublas13(), folder.resolve("libcublas.so.13"));
        String output = looking()
                .variable("TP4J_EMULATOR_CAPABILITY", capability)
                .variable("LD_LIBRARY_PATH", folder)
                .output();
        assertEquals(
                passedOver,
                output.contains(twelve + ", from LD_LIBRARY_PATH, is cuBLAS " + version
                        + ", too old for a GPU of compute capability " + capability / 10 + ".0, which needs 12.8"),
                output);
        assertEquals(!passedOver, output.contains("cuBLAS ok: cuBLAS 12.6.3, " + twelve), output);
    }

    /** Python's packages say the version beside the library alone. */
    @Test
    @Tag("emulated")
    void thatOfPythonsPackagesTellsItsVersionToo() throws Exception {
        Path packages = Files.createDirectories(home.resolve("venv/lib/python3.11/site-packages"));
        Path folder = Files.createDirectories(packages.resolve("nvidia/cublas/lib"));
        Path twelve = Files.copy(Path.of(System.getProperty("tp4j.cublas")), folder.resolve("libcublas.so.12"));
        Files.createDirectory(packages.resolve("nvidia_cublas_cu12-12.4.5.8.dist-info"));
        String output = looking()
                .variable("TP4J_EMULATOR_CAPABILITY", 100)
                .variable("VIRTUAL_ENV", home.resolve("venv"))
                .output();
        assertTrue(output.contains(twelve + ", from Python's packages, is cuBLAS 12.4.5.8, too old"), output);
    }

    /** What is on its way to CUDA 13's is named, too. */
    @Test
    @Tag("emulated")
    void whatWasPassedOverIsNamed() throws Exception {
        Path unversioned = ElfBytes.write(home.resolve("a/libcublas.so.12"), "libcublas.so.12");
        Files.copy(cublas13(), unversioned.resolveSibling("libcublas.so.13"));
        String output =
                looking().variable("LD_LIBRARY_PATH", unversioned.getParent()).output();
        assertTrue(
                output.contains("passed over: " + unversioned
                        + ", from LD_LIBRARY_PATH, does not define the version libcublas.so.12"),
                output);
    }

    @Test
    void aBuildSaysWhetherItHoldsIt() throws Exception {
        Path file = ElfBytes.write(home.resolve("libcublas.so.13"), "libcublas.so.13");
        String output = new JavaProcess(CudaProbeTest.Look.class)
                .property("user.home", home)
                .property("tp4j.cuda.driver", "/nowhere/libcuda.so.1")
                .property("tp4j.cublas", file)
                .output();
        boolean held = PackedLibrary.of(CublasLibrary.FORWARDER).isPresent();
        assertTrue(
                output.endsWith(
                        held
                                ? "cuBLAS ok: " + file
                                        + ", named by -Dtp4j.cublas, through the forwarder, not loaded yet"
                                : "cuBLAS missing: there is no libcublas.so.12, and this build of tp4j holds no forwarder to "
                                        + file + "; mend: build it with mvn package -Pcuda-compat, or install CUDA 12's"
                                        + " cuBLAS, for instance by python3 -m pip install nvidia-cublas-cu12, or use"
                                        + " --device cpu"),
                output);
    }

    /** A jar with the names of org.bytedeco:cuda's. It is unpacked once. */
    @Test
    @Tag("emulated")
    void thatOfTheClassPathIsFound() throws Exception {
        Path light = compileEmpty(home, "libcublasLt.so.12");
        Path jar = home.resolve("redist.jar");
        try (OutputStream file = Files.newOutputStream(jar);
                JarOutputStream out = new JarOutputStream(file)) {
            for (Path library : List.of(Path.of(System.getProperty("tp4j.cublas")), light)) {
                out.putNextEntry(new JarEntry("org/bytedeco/cuda/linux-x86_64/" + library.getFileName()));
                Files.copy(library, out);
            }
        }
        JavaProcess process = new JavaProcess(MappedLibraries.class)
                .property("user.home", home)
                .onTheEmulatedDriver()
                .onTheClassPath(jar);
        String output = process.output();
        assertTrue(
                output.matches("(?s).*\ncuBLAS ok: cuBLAS 12.6.3, " + home + "/.cache/tp4j/[0-9a-f]+/libcublas.so.12,"
                        + " from the class path\n.*"),
                output);
        assertTrue(output.contains("/libcublasLt.so.12"), output);
        List<FileTime> unpacked = times();
        assertEquals(output, process.output());
        assertEquals(unpacked, times(), "times of the unpacked libraries");
    }

    private JavaProcess looking() {
        return onADriverOf13(CudaProbeTest.Look.class);
    }

    private JavaProcess on13(Class<?> main) {
        return onADriverOf13(main).property("tp4j.cublas", cublas13());
    }

    private JavaProcess onADriverOf13(Class<?> main) {
        return new JavaProcess(main)
                .property("user.home", home)
                .onTheEmulatedDriver()
                .variable("TP4J_EMULATOR_DRIVER", 13000);
    }

    private static Path cublas13() {
        return Path.of(System.getProperty("tp4j.cublas")).resolveSibling("libcublas.so.13");
    }

    private static PackedLibrary forwarder() {
        return PackedLibrary.of(CublasLibrary.FORWARDER)
                .orElseThrow(() -> new AssertionError("this build holds no forwarder: -Pcuda-compat adds it"));
    }

    private static Path compileEmpty(Path folder, String soname) throws Exception {
        Path file = folder.resolve(soname);
        Process process = new ProcessBuilder(
                        "g++", "-shared", "-Wl,-soname," + soname, "-o", file.toString(), "-x", "c++", "/dev/null")
                .redirectErrorStream(true)
                .start();
        JavaProcess.output(process);
        return file;
    }

    private List<FileTime> times() throws IOException {
        try (Stream<Path> files = Files.walk(home.resolve(".cache"))) {
            return files.filter(Files::isRegularFile)
                    .sorted()
                    .map(file -> {
                        try {
                            return Files.getLastModifiedTime(file);
                        } catch (IOException e) {
                            throw new UncheckedIOException(e);
                        }
                    })
                    .toList();
        }
    }
}
