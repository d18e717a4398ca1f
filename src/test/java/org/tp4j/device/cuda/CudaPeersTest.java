package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tp4j.cli.Main;
import org.tp4j.comm.Epilogue;
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

    @ParameterizedTest
    @ValueSource(strings = {"none", "broken-copies", "broken-kernels", "broken"})
    void collectivesGiveTheSameBits(String peers) throws Exception {
        String direct = collectives("all");
        assertTrue(direct.lines().count() > 0 && direct.lines().distinct().count() > 1, direct);
        assertEquals(direct, collectives(peers));
    }

    @Test
    void doctorNamesNoPairWhereAllReachEachOther() throws Exception {
        assertEquals(List.of(), pairs("copies to ", doctor("all")));
        assertEquals(List.of(), pairs("what kernels need of ", doctor("all")));
    }

    @Test
    void doctorNamesThePairsThatTheDriverDoesNotPromise() throws Exception {
        assertEquals(everyPair(), pairs("what kernels need of ", doctor("none")));
    }

    @Test
    void doctorNamesThePairsThatBreakThePromise() throws Exception {
        assertEquals(everyPair(), pairs("copies to ", doctor("broken-copies")));
        assertEquals(everyPair(), pairs("what kernels need of ", doctor("broken-kernels")));
        List<String> both = doctor("broken");
        assertEquals(everyPair(), pairs("copies to ", both));
        assertEquals(everyPair(), pairs("what kernels need of ", both));
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
                Partial partial = new Partial(
                        rank.member(),
                        rank.comm().plan(COLUMNS),
                        dtype,
                        rank.innermost().upload(summand, dtype.accumulator()));
                List<HostMatrix> results = List.of(
                        rank.download(rank.comm().allReduce(partial)),
                        rank.download(
                                rank.comm().allReduce(partial, Epilogue.none().residual(rank.replicate(x)))),
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
        return OwnProcess.run(machine(peers), Collectives.class);
    }

    private static List<String> doctor(String peers) throws Exception {
        return OwnProcess.run(machine(peers), Main.class, "doctor", "--device", "cuda")
                .lines()
                .toList();
    }

    private static Map<String, String> machine(String peers) {
        return Map.of("TP4J_EMULATOR_DEVICES", Integer.toString(DEVICES), "TP4J_EMULATOR_PEERS", peers);
    }

    /** The pairs of devices, as {@code 0 1}, of which doctor prints a line that begins so and names the second one. */
    private static List<String> pairs(String beginning, List<String> lines) {
        List<String> pairs = new ArrayList<>();
        String from = "";
        for (String line : lines) {
            if (line.startsWith("cuda ")) {
                from = line.replaceFirst("cuda +(\\d+): .*", "$1");
            } else if (line.strip().startsWith(beginning + "CUDA device ")) {
                pairs.add(from + " " + line.replaceFirst(".*?CUDA device (\\d+).*", "$1"));
            }
        }
        return pairs;
    }

    private static List<String> everyPair() {
        List<String> pairs = new ArrayList<>();
        for (int from = 0; from < DEVICES; from++) {
            for (int to = 0; to < DEVICES; to++) {
                if (from != to) {
                    pairs.add(from + " " + to);
                }
            }
        }
        return pairs;
    }
}
