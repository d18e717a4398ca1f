package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
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
 * Devices that do not reach each other, or not in truth: collectives give the same bits over a way around, and {@code
 * doctor} names every pair. Each in a process of its own, because a process tries each pair once.
 */
@Tag("emulated")
class CudaPeersTest {
    private static final int DEVICES = 3;
    private static final String BY_WAY_OF_THE_HOST = "copies go through host memory, because direct ones do not arrive";
    private static final String NOT_IN_PLACE =
            ", and what kernels need of it is copied, because they do not reach its memory";

    @ParameterizedTest
    @ValueSource(strings = {"none", "broken-copies", "broken-kernels", "broken"})
    void collectivesGiveTheSameBits(String peers) throws Exception {
        String direct = collectives("all");
        assertTrue(direct.lines().count() > 0 && direct.lines().distinct().count() > 1, direct);
        assertEquals(direct, collectives(peers));
    }

    @Test
    void doctorFindsThatAllReachEachOther() throws Exception {
        assertEquals(everyPair("ok  copies arrive directly, and kernels reach its memory"), pairs(doctor("all")));
    }

    @Test
    void doctorNamesThePairsThatTheDriverDoesNotPromise() throws Exception {
        assertEquals(everyPair("NO  copies arrive directly" + NOT_IN_PLACE), pairs(doctor("none")));
    }

    @Test
    void doctorNamesThePairsThatBreakThePromise() throws Exception {
        assertEquals(
                everyPair("NO  " + BY_WAY_OF_THE_HOST + ", and kernels reach its memory"),
                pairs(doctor("broken-copies")));
        assertEquals(everyPair("NO  copies arrive directly" + NOT_IN_PLACE), pairs(doctor("broken-kernels")));
        assertEquals(everyPair("NO  " + BY_WAY_OF_THE_HOST + NOT_IN_PLACE), pairs(doctor("broken")));
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

    private static String collectives(String peers) throws Exception {
        return machine(Collectives.class, peers).output();
    }

    private static List<String> doctor(String peers) throws Exception {
        return machine(Main.class, peers)
                .arguments("doctor", "--device", "cuda")
                .output()
                .lines()
                .toList();
    }

    private static JavaProcess machine(Class<?> main, String peers) {
        return new JavaProcess(main)
                .emulated()
                .variable("TP4J_EMULATOR_DEVICES", DEVICES)
                .variable("TP4J_EMULATOR_PEERS", peers);
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
