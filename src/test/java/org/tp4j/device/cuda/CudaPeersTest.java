package org.tp4j.device.cuda;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.tp4j.cli.Main;
import org.tp4j.comm.Rank;
import org.tp4j.comm.World;
import org.tp4j.device.AllReduceAlgorithm;
import org.tp4j.device.DeviceKind;
import org.tp4j.placement.Partial;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/**
 * Devices that do not reach each other, or not in truth: results are right whatever comes first, {@code doctor} names every
 * pair, and a trial costs a child process and nothing else. Each in a process of its own, which tries each pair once, with
 * a folder of its own, where it keeps what it found.
 */
@Tag("emulated")
class CudaPeersTest {
    private static final int DEVICES = 3;
    private static final String DIRECT = "copies go from device to device, and kernels reach its memory: ";
    private static final String STAGED = "copies go through host memory, and kernels work on copies: ";

    /** Twice 5 s that something hangs, and as long for a slow machine to start three children. */
    private static final Duration LONGEST = Duration.ofSeconds(100);

    @TempDir
    private Path folder;

    @Test
    void collectivesGiveTheSameBits() throws Exception {
        String direct = machine(Collectives.class, DEVICES, "all").output();
        assertTrue(direct.lines().count() > 0 && direct.lines().distinct().count() > 1, direct);
        for (String peers : List.of("none", "broken-copies", "broken-kernels", "broken")) {
            assertEquals(
                    direct,
                    withoutWarnings(machine(Collectives.class, DEVICES, peers).output()),
                    peers);
        }
    }

    /** Whatever is wrong with a link, no order of collectives gives wrong elements, and only whole links are direct. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    2 | all                            | 0-1           | 0
                    3 | all                            | 0-1, 0-2, 1-2 | 0
                    4 | nvlink                         | 0-1, 0-2, 0-3, 1-2, 1-3, 2-3 | 0
                    2 | none                           |               | 0
                    3 | none@0-1                       | 0-2, 1-2      | 0
                    2 | none@0>1                       |               | 0
                    2 | broken-copies                  |               | 1
                    3 | broken-copies                  |               | 1
                    4 | broken-copies@1-2              | 0-1, 0-2, 0-3, 1-3, 2-3 | 1
                    2 | broken-copies@0>1              |               | 1
                    2 | broken-copies@1>0              |               | 1
                    3 | broken-copies@2>0              | 0-1, 1-2      | 1
                    2 | broken-copies:65536            |               | 1
                    3 | broken-copies@1>2:65536        | 0-1, 0-2      | 1
                    2 | broken-kernels                 |               | 1
                    3 | broken-kernels@1>0             | 0-2, 1-2      | 1
                    2 | broken                         |               | 1
                    4 | broken                         |               | 1
                    3 | broken@0-2                     | 0-1, 1-2      | 1
                    2 | hang                           |               | 1
                    3 | hang@0>2                       | 0-1, 1-2      | 1
                    2 | fault                          |               | 1
                    3 | fault                          |               | 1
                    4 | fault@3>1;hang@0-1             | 0-2, 0-3, 1-2, 2-3 | 1
                    3 | nvlink@0-1;none@0-2;broken@1-2 | 0-1           | 1
                    """)
    void whateverComesFirstIsRight(int devices, String peers, String direct, int warnings) throws Exception {
        long start = System.nanoTime();
        assertOrder(direct == null ? "" : direct, warnings, machine(PeerOrder.class, devices, peers));
        Duration taken = Duration.ofNanos(System.nanoTime() - start);
        assertTrue(taken.compareTo(LONGEST) < 0, () -> "it took " + taken);
    }

    @ParameterizedTest
    @ValueSource(strings = {"broken-copies", "broken-kernels@0>1", "hang@1-2;broken-copies@0-1:65536"})
    void verifyFindsNothingWrong(String peers) throws Exception {
        machine(Main.class, DEVICES, peers)
                .arguments("verify", "--ranks", "2,3", "--device", "cuda", "--dtype", "f32")
                .output();
    }

    @Test
    void whatWasFoundIsKeptForTheNextProcess() throws Exception {
        assertOrder("0-1", 0, machine(PeerOrder.class, 2, "all"));
        assertOrder("0-1", 0, machine(PeerOrder.class, 2, "all").arguments("childless"));
    }

    @Test
    void aPairThatFailedIsKeptToo() throws Exception {
        assertOrder("", 1, machine(PeerOrder.class, 2, "broken"));
        assertOrder("", 0, machine(PeerOrder.class, 2, "broken").arguments("childless"));
    }

    @Test
    void whatAnotherMachineFoundIsNotBelieved() throws Exception {
        assertOrder("0-1", 0, machine(PeerOrder.class, 2, "all"));
        assertOrder("", 1, machine(PeerOrder.class, 2, "broken"));
        assertOrder("0-1", 0, machine(PeerOrder.class, 2, "all").arguments("childless"));
    }

    @Test
    void withoutAChildProcessCopiesAreStagedAndTheNextProcessTriesAgain() throws Exception {
        // one for each of its two machines
        String output = assertOrder("", 2, machine(PeerOrder.class, 3, "all").arguments("childless"));
        assertTrue(output.contains("CUDA devices 1 and 2: " + STAGED + "it was not tried: "), output);
        assertOrder("0-1, 0-2, 1-2", 0, machine(PeerOrder.class, 3, "all"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"cuDevicePrimaryCtxRetain:2:46", "cuStreamCreate@1:1:2", "cuMemAlloc@0:1:2", "cuInit:1:999"})
    void aChildThatIsRefusedADeviceMeansStagedCopies(String fault) throws Exception {
        assertOrder(
                "",
                2,
                machine(PeerOrder.class, 2, "all")
                        .variable("TP4J_EMULATOR_FAULT", fault)
                        .arguments("no-faults"));
    }

    /** What the first device sent the second was lost even without access: the last resort. */
    @Test
    void copiesThatTheDriverLosesAreRelayed() throws Exception {
        String output = assertOrder(
                "",
                1,
                machine(PeerOrder.class, 2, "all")
                        .variable("TP4J_EMULATOR_DROP", "cuMemcpyPeerAsync:1")
                        .arguments("no-faults"));
        assertTrue(output.contains("copies go through host memory in two halves"), output);
    }

    @Test
    void trustTriesNothing() throws Exception {
        assertOrder(
                "0-1",
                0,
                machine(PeerOrder.class, 2, "all")
                        .property("tp4j.cuda.peers", "trust")
                        .arguments("childless"));
        assertEquals(
                everyPair("ok  " + DIRECT + "untried: -Dtp4j.cuda.peers=trust"),
                pairs(doctor(machine(Main.class, DEVICES, "hang").property("tp4j.cuda.peers", "trust"))));
    }

    @Test
    void offTriesNothing() throws Exception {
        assertOrder(
                "",
                0,
                machine(PeerOrder.class, 2, "hang")
                        .property("tp4j.cuda.peers", "off")
                        .arguments("childless"));
        assertEquals(
                everyPair("NO  " + STAGED + "it is not asked for: -Dtp4j.cuda.peers=off"),
                pairs(doctor(machine(Main.class, DEVICES, "all").property("tp4j.cuda.peers", "off"))));
    }

    @Test
    void anotherWordIsRefused() throws Exception {
        Process process = machine(Main.class, 2, "all")
                .property("tp4j.cuda.peers", "on")
                .arguments("doctor", "--require", "cuda")
                .start();
        String said = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertEquals(3, process.waitFor(), said);
        assertTrue(said.contains("-Dtp4j.cuda.peers is on, which is none of auto, trust, off"), said);
    }

    @Test
    void doctorFindsThatAllReachEachOther() throws Exception {
        assertEquals(everyPair("ok  " + DIRECT + "tried"), pairs(doctor("all")));
        assertEquals(everyPair("ok  " + DIRECT + "by NVLink"), pairs(doctor("nvlink")));
    }

    @Test
    void doctorNamesThePairsThatTheDriverDoesNotPromise() throws Exception {
        assertEquals(everyPair("NO  " + STAGED + "the driver does not offer peer access"), pairs(doctor("none")));
    }

    @Test
    void doctorNamesThePairsThatBreakThePromise() throws Exception {
        for (String peers : List.of("broken-copies", "fault")) {
            List<String> pairs = pairs(doctor(peers));
            assertEquals(everyPair("NO").size(), pairs.size());
            pairs.forEach(pair -> assertTrue(pair.matches("\\d to \\d NO  " + STAGED + ".*(arrive|fail).*"), pair));
        }
    }

    @Test
    void doctorTriesAnewAndKeepsWhatItFinds() throws Exception {
        doctor("all");
        Path kept = kept();
        String found = Files.readString(kept);
        Files.writeString(kept, found.replace("DIRECT tried", "STAGED planted"));
        assertOrder("", 0, machine(PeerOrder.class, DEVICES, "all"));
        assertEquals(everyPair("ok  " + DIRECT + "tried"), pairs(doctor("all")));
        assertEquals(found, Files.readString(kept));
    }

    @ParameterizedTest
    @ValueSource(strings = {"others may write", "a link", "cut", "garbage", "another boot", "a folder"})
    void aFileThatCannotBeBelievedIsAsGoodAsNone(String how) throws Exception {
        machine(PeerOrder.class, 2, "all").output();
        Path kept = kept();
        String planted = Files.readString(kept).replace("DIRECT tried", "STAGED planted");
        Files.writeString(kept, planted);
        switch (how) {
            case "others may write" ->
                Files.setPosixFilePermissions(kept, PosixFilePermissions.fromString("rw-rw-rw-"));
            case "a link" -> Files.createSymbolicLink(kept, Files.move(kept, folder.resolve("elsewhere")));
            case "cut" -> Files.writeString(kept, planted.substring(0, planted.length() - 2));
            case "garbage" -> Files.write(kept, new byte[] {(byte) 0xff, 0, 10, 13, (byte) 0x80});
            case "another boot" -> Files.writeString(kept, planted.replaceFirst("boot \\w", "boot x"));
            default -> {
                Files.delete(kept);
                Files.createDirectory(kept);
            }
        }
        assertOrder("0-1", 0, machine(PeerOrder.class, 2, "all"));
    }

    @Test
    void aFolderThatCannotBeWrittenDoesNotMatter() throws Exception {
        Path file = Files.createFile(folder.resolve("no folder"));
        assertOrder("0-1", 0, homeless(file, "all"));
        assertOrder("", 2, homeless(file, "broken")); // each of its two machines tries
    }

    /** Two devices, and no place for this user's files. */
    private static JavaProcess homeless(Path home, String peers) {
        return new JavaProcess(PeerOrder.class)
                .emulated()
                .property("user.home", home)
                .variable("TP4J_EMULATOR_DEVICES", 2)
                .variable("TP4J_EMULATOR_PEERS", peers);
    }

    /** Prints a checksum of what every rank has after each of some collectives. */
    public static final class Collectives {
        private static final int RANKS = 5;
        private static final long ROWS = 7;
        private static final long COLUMNS = 333;

        private Collectives() {}

        /** Takes no arguments. */
        public static void main(String[] arguments) {
            for (DType dtype : DType.values()) {
                for (AllReduceAlgorithm algorithm : AllReduceAlgorithm.values()) {
                    try (World world = World.builder(DeviceKind.CUDA, RANKS)
                            .allReduce(algorithm)
                            .open()) {
                        System.out.println(dtype + " " + algorithm + " " + world.runAll(rank -> results(rank, dtype)));
                    }
                }
            }
        }

        private static String results(Rank rank, DType dtype) {
            try (HostMatrix x = random(dtype, 100);
                    HostMatrix summand = random(dtype.accumulator(), rank.index())) {
                Partial partial = Partial.unchecked(
                        rank.member(),
                        rank.comm().plan(COLUMNS),
                        dtype,
                        rank.innermost().upload(summand, dtype.accumulator()));
                List<HostMatrix> results = List.of(
                        rank.download(rank.comm().allReduce(partial)),
                        rank.download(rank.comm().allReduce(partial, rank.replicate(x))),
                        rank.download(rank.comm().reduceScatter(partial).matrix()),
                        rank.download(rank.comm().allGather(rank.shardFeatures(x, dtype))),
                        rank.download(rank.comm().allGather(rank.shardTokens(x, dtype))),
                        rank.download(rank.comm()
                                .broadcast(rank.innermost().upload(summand, dtype.accumulator()), RANKS - 1)));
                return checksum(results);
            }
        }

        private static HostMatrix random(DType dtype, int seed) {
            Random random = new Random(seed);
            HostMatrix matrix = HostMatrix.allocate(dtype, ROWS, COLUMNS);
            for (long row = 0; row < ROWS; row++) {
                for (long column = 0; column < COLUMNS; column++) {
                    matrix.set(row, column, random.nextGaussian());
                }
            }
            return matrix;
        }

        private static String checksum(List<HostMatrix> matrices) {
            CRC32C sum = new CRC32C();
            ByteBuffer element = ByteBuffer.allocate(Double.BYTES);
            for (HostMatrix matrix : matrices) {
                for (long row = 0; row < matrix.rows(); row++) {
                    for (long column = 0; column < matrix.columns(); column++) {
                        sum.update(element.clear()
                                .putDouble(matrix.get(row, column))
                                .flip());
                    }
                }
                matrix.close();
            }
            return Long.toHexString(sum.getValue());
        }
    }

    private JavaProcess machine(Class<?> main, int devices, String peers) {
        return new JavaProcess(main)
                .emulated()
                .property("tp4j.natives", folder)
                .variable("TP4J_EMULATOR_DEVICES", devices)
                .variable("TP4J_EMULATOR_PEERS", peers);
    }

    private List<String> doctor(String peers) throws Exception {
        return doctor(machine(Main.class, DEVICES, peers));
    }

    private static List<String> doctor(JavaProcess machine) throws Exception {
        return machine.arguments("doctor", "--device", "cuda").output().lines().toList();
    }

    /** The one file in which trials are kept. */
    private Path kept() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.getFileName().toString().startsWith("peers-"))
                    .findFirst()
                    .orElseThrow();
        }
    }

    /** That a {@link PeerOrder} finds nothing wrong, in either order, and with what else; what it prints. */
    private static String assertOrder(String direct, int warnings, JavaProcess process)
            throws IOException, InterruptedException {
        String output = process.output();
        String right = "0 wrong, direct [" + direct + "]";
        List<String> lines = output.lines().toList();
        assertTrue(lines.contains("gather first: " + right), output);
        assertTrue(lines.contains("sum first: " + right), output);
        assertTrue(lines.contains("reports: 0"), output);
        assertEquals(
                warnings,
                lines.stream()
                        .filter(line -> line.startsWith("WARNING: CUDA devices"))
                        .count(),
                output);
        return output;
    }

    private static String withoutWarnings(String output) {
        return output.lines().filter(line -> line.matches("\\w+ [A-Z_]+ \\[.*")).collect(Collectors.joining("\n"));
    }

    /** What doctor prints of each ordered pair of devices. */
    private static List<String> pairs(List<String> lines) {
        List<String> pairs = new ArrayList<>();
        String from = "";
        for (String line : lines) {
            Matcher device = Pattern.compile("cuda +device (\\d+) .*").matcher(line);
            Matcher pair = Pattern.compile("cuda +to (\\d+) +(.*)").matcher(line);
            if (device.matches()) {
                from = device.group(1);
            } else if (pair.matches()) {
                pairs.add(from + " to " + pair.group(1) + " " + pair.group(2));
            }
        }
        return pairs;
    }

    private static List<String> everyPair(String finding) {
        List<String> pairs = new ArrayList<>();
        for (int from = 0; from < DEVICES; from++) {
            for (int to = 0; to < DEVICES; to++) {
                if (from != to) {
                    pairs.add(from + " to " + to + " " + finding);
                }
            }
        }
        return pairs;
    }
}
