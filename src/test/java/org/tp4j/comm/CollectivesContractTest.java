package org.tp4j.comm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.tp4j.device.AllReduceAlgorithm;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Machine;
import org.tp4j.placement.FeatureSharded;
import org.tp4j.placement.Partial;
import org.tp4j.placement.Replicated;
import org.tp4j.placement.ShardPlan;
import org.tp4j.placement.TokenSharded;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/** Every collective, at every world size and dtype, on awkward shapes, against sums of small integers. */
@ParameterizedClass
@MethodSource("org.tp4j.device.TestDevices#machines")
class CollectivesContractTest {
    private static final List<Integer> WORLDS = List.of(1, 2, 3, 4, 5, 8, 9);
    private static final List<int[]> SHAPES = List.of(
            new int[] {1, 1}, new int[] {3, 7}, new int[] {0, 5}, new int[] {5, 0}, new int[] {13, 101}, new int[] {
                64, 129
            });

    /** A shape whose all-reduce takes two steps. */
    private static final int[] LARGE = {257, 1031};

    @Parameter
    private Machine machine;

    static Stream<Cell> cells() {
        return WORLDS.stream().flatMap(world -> Stream.of(DType.values()).map(dtype -> new Cell(world, dtype)));
    }

    record Cell(int world, DType dtype) {}

    private long liveBefore;

    @BeforeEach
    void look() {
        liveBefore = machine.liveBytes();
    }

    @AfterEach
    void nothingIsLeft() {
        assertEquals(liveBefore, machine.liveBytes(), "bytes still live on " + machine);
    }

    @ParameterizedTest
    @MethodSource("cells")
    void allReduceSumsOnEveryRank(Cell cell) {
        try (World world = open(cell.world)) {
            for (int[] shape : shapes(true)) {
                List<HostMatrix> results =
                        world.runAll(rank -> rank.download(rank.comm().allReduce(partial(rank, cell.dtype, shape))));
                for (HostMatrix result : results) {
                    assertEquals(cell.dtype, result.dtype());
                    assertElements(result, shape, (row, column) -> sum(cell.world, row, column));
                }
                assertEquals(Map.of("all_reduce", 1L), world.ledger().counts());
                assertEquals(
                        allReduceBytes(world.ledger(), cell, shape),
                        world.ledger().bytesMoved(),
                        "bytes moved by " + world.ledger().entries());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("cells")
    void allReduceAddsBiasAndResidualOnce(Cell cell) {
        try (World world = open(cell.world)) {
            for (int[] shape : shapes(true)) {
                try (HostMatrix bias = matrix(cell.dtype, 1, shape[1], (row, column) -> column % 5 - 2);
                        HostMatrix residual = matrix(cell.dtype, shape[0], shape[1], (row, column) -> row % 3)) {
                    List<HostMatrix> results = world.runAll(rank -> rank.download(rank.comm()
                            .allReduce(
                                    partial(rank, cell.dtype, shape, rank.replicate(bias)), rank.replicate(residual))));
                    for (HostMatrix result : results) {
                        assertElements(
                                result,
                                shape,
                                (row, column) -> sum(cell.world, row, column) + column % 5 - 2 + row % 3);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("cells")
    void reduceScatterGivesEachRankItsTokens(Cell cell) {
        try (World world = open(cell.world)) {
            for (int[] shape : shapes(true)) {
                try (HostMatrix bias = matrix(cell.dtype, 1, shape[1], (row, column) -> column % 5 - 2);
                        HostMatrix residual = matrix(cell.dtype, shape[0], shape[1], (row, column) -> row % 3)) {
                    List<HostMatrix> results = world.runAll(rank -> {
                        TokenSharded slice = rank.comm()
                                .reduceScatter(
                                        partial(rank, cell.dtype, shape, rank.replicate(bias)),
                                        rank.shardTokens(residual, cell.dtype));
                        assertEquals(shape[0], slice.tokens());
                        return rank.download(slice.matrix());
                    });
                    long start = 0;
                    for (HostMatrix result : results) {
                        long first = start;
                        assertElements(
                                result,
                                new int[] {(int) result.rows(), shape[1]},
                                (row, column) ->
                                        sum(cell.world, row + first, column) + column % 5 - 2 + (row + first) % 3);
                        start += result.rows();
                    }
                    assertEquals(shape[0], start);
                    assertEquals(
                            (cell.world - 1L)
                                    * shape[0]
                                    * shape[1]
                                    * cell.dtype.accumulator().bytes(),
                            world.ledger().bytesMoved());
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("cells")
    void allGatherJoinsFeaturesAndTokens(Cell cell) {
        try (World world = open(cell.world)) {
            for (int[] shape : shapes(true)) {
                try (HostMatrix x =
                        matrix(cell.dtype, shape[0], shape[1], (row, column) -> (row * 31 + column) % 200)) {
                    List<HostMatrix> features = world.runAll(
                            rank -> rank.download(rank.comm().allGather(rank.shardFeatures(x, cell.dtype))));
                    List<HostMatrix> tokens =
                            world.runAll(rank -> rank.download(rank.comm().allGather(rank.shardTokens(x, cell.dtype))));
                    for (int rank = 0; rank < cell.world; rank++) {
                        assertElements(features.get(rank), shape, x::get);
                        assertElements(tokens.get(rank), shape, x::get);
                    }
                    assertEquals(Map.of("all_gather", 1L), world.ledger().counts());
                    assertEquals(
                            (cell.world - 1L) * x.byteSize(), world.ledger().bytesMoved());
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("cells")
    void broadcastCopiesTheRootsMatrix(Cell cell) {
        try (World world = open(cell.world)) {
            for (int[] shape : SHAPES) {
                int root = cell.world - 1;
                List<HostMatrix> results = world.runAll(rank -> {
                    try (HostMatrix mine =
                            matrix(cell.dtype, shape[0], shape[1], (row, column) -> 100 + rank.index())) {
                        DeviceMatrix uploaded = rank.innermost().upload(mine, cell.dtype);
                        return rank.download(rank.comm().broadcast(uploaded, root));
                    }
                });
                for (HostMatrix result : results) {
                    assertElements(result, shape, (row, column) -> 100 + root);
                }
            }
        }
    }

    @Test
    void slicesOfAReplicatedAreTheShards() {
        for (int size : WORLDS) {
            try (World world = open(size);
                    HostMatrix x = matrix(DType.F32, 5, 11, (row, column) -> row * 100 + column)) {
                List<HostMatrix> joined = world.runAll(rank -> {
                    Replicated all = rank.replicate(x);
                    FeatureSharded features = all.features(rank.comm().plan(11));
                    TokenSharded tokens = all.tokens(ShardPlan.even(rank.comm().group(), 5));
                    Replicated fromFeatures = rank.comm().allGather(features);
                    Replicated fromTokens = rank.comm().allGather(tokens);
                    assertElements(rank.download(fromFeatures), new int[] {5, 11}, x::get);
                    return rank.download(fromTokens);
                });
                for (HostMatrix result : joined) {
                    assertElements(result, new int[] {5, 11}, x::get);
                }
            }
        }
    }

    @Test
    void partialsCanBeAddedBeforeTheReduction() {
        try (World world = open(3)) {
            int[] shape = {3, 7};
            HostMatrix result = world.compute(rank ->
                    rank.comm().allReduce(partial(rank, DType.BF16, shape).plus(partial(rank, DType.BF16, shape))));
            assertElements(result, shape, (row, column) -> 2 * sum(3, row, column));
        }
    }

    @Test
    void allAlgorithmsGiveTheSameBitsOnEveryRankAndInEveryRun() {
        for (int size : WORLDS) {
            List<HostMatrix> results = new ArrayList<>();
            for (AllReduceAlgorithm algorithm : AllReduceAlgorithm.values()) {
                try (World world = World.builder(machine.kind(), size)
                        .devices(machine.devices())
                        .allReduce(algorithm)
                        .open()) {
                    for (int repeat = 0; repeat < 2; repeat++) {
                        results.addAll(world.runAll(rank -> {
                            try (HostMatrix part = matrix(
                                    DType.F32,
                                    17,
                                    131,
                                    (row, column) ->
                                            Math.sin((double) (1 + row * 131 + column)) * Math.exp(rank.index() * 3))) {
                                Partial partial = Partial.unchecked(
                                        rank.member(),
                                        rank.comm().plan(64),
                                        DType.F32,
                                        rank.innermost().upload(part, DType.F32));
                                return rank.download(rank.comm().allReduce(partial));
                            }
                        }));
                        assertEquals(
                                Optional.of(algorithm),
                                world.ledger().entries().get(0).collective().algorithm());
                    }
                }
            }
            for (HostMatrix result : results) {
                assertElements(result, new int[] {17, 131}, results.get(0)::get);
            }
        }
    }

    @Test
    void smallerGroupsReduceAmongThemselves() {
        try (World world = open(6)) {
            int[] shape = {3, 7};
            List<Double> sums = world.runAll(rank -> {
                Communicator tensor = rank.comm().split(rank.index() / 2);
                Communicator data = rank.comm().split(rank.index() % 2, -rank.index());
                assertEquals(2, tensor.size());
                assertEquals(3, data.size());
                assertEquals(2 - rank.index() / 2, data.rank(), "ordered by descending rank");
                double inPair = rank.download(
                                tensor.allReduce(partial(rank.in(tensor), DType.F64, shape, rank.index())))
                        .get(0, 0);
                double across = rank.download(data.allReduce(partial(rank.in(data), DType.F64, shape, rank.index())))
                        .get(0, 0);
                return inPair * 1000 + across;
            });
            for (int rank = 0; rank < 6; rank++) {
                int pair = rank / 2 * 2;
                double inPair = value(pair, 0, 0) + value(pair + 1, 0, 0);
                double across = value(rank % 2, 0, 0) + value(rank % 2 + 2, 0, 0) + value(rank % 2 + 4, 0, 0);
                assertEquals(inPair * 1000 + across, sums.get(rank));
            }
            assertEquals(Map.of("all_reduce", 5L), world.ledger().counts());
        }
    }

    @Test
    void aCallerSeesTheLedgerOfItsOwnRun() throws InterruptedException {
        try (World world = open(2)) {
            AtomicBoolean done = new AtomicBoolean();
            Thread other = new Thread(() -> {
                while (!done.get()) {
                    world.execute(rank -> rank.comm().barrier());
                }
            });
            assertEquals(Map.of(), world.ledger().counts(), "before its first run");
            other.start();
            for (int run = 0; run < 200; run++) {
                world.execute(rank -> rank.comm().allReduce(partial(rank, DType.F32, new int[] {1, 2})));
                assertEquals(Map.of("all_reduce", 1L), world.ledger().counts());
            }
            done.set(true);
            other.join();
        }
    }

    private World open(int size) {
        return World.builder(machine.kind(), size).devices(machine.devices()).open();
    }

    private static List<int[]> shapes(boolean large) {
        List<int[]> shapes = new ArrayList<>(SHAPES);
        if (large) {
            shapes.add(LARGE);
        }
        return shapes;
    }

    private static long allReduceBytes(Ledger ledger, Cell cell, int[] shape) {
        long bytes = (long) shape[0] * shape[1] * cell.dtype.accumulator().bytes();
        boolean twoShot = ledger.entries().get(0).collective().algorithm().orElseThrow() == AllReduceAlgorithm.TWO_SHOT;
        return (twoShot ? 2L : cell.world) * (cell.world - 1) * bytes;
    }

    private static Partial partial(Rank rank, DType dtype, int[] shape) {
        return partial(rank, dtype, shape, rank.index());
    }

    private static Partial partial(Rank rank, DType dtype, int[] shape, Replicated bias) {
        Partial bare = partial(rank, dtype, shape);
        return Partial.unchecked(bare.member(), bare.plan(), dtype, bare.matrix(), Optional.of(bias));
    }

    private static Partial partial(Rank rank, DType dtype, int[] shape, int who) {
        DType accumulator = dtype.accumulator();
        try (HostMatrix part = matrix(accumulator, shape[0], shape[1], (row, column) -> value(who, row, column))) {
            return Partial.unchecked(
                    rank.member(), rank.comm().plan(64), dtype, rank.innermost().upload(part, accumulator));
        }
    }

    /** Small enough that nine of them, a bias and a residual are exact in every dtype. */
    private static double value(int rank, long row, long column) {
        return (rank * 5L + row * 3 + column) % 17 - 6;
    }

    private static double sum(int world, long row, long column) {
        return IntStream.range(0, world)
                .mapToDouble(rank -> value(rank, row, column))
                .sum();
    }

    private interface Element {
        double at(long row, long column);
    }

    private static HostMatrix matrix(DType dtype, long rows, long columns, Element element) {
        HostMatrix matrix = HostMatrix.allocate(dtype, rows, columns);
        for (long row = 0; row < rows; row++) {
            for (long column = 0; column < columns; column++) {
                matrix.set(row, column, element.at(row, column));
            }
        }
        return matrix;
    }

    private static void assertElements(HostMatrix actual, int[] shape, Element expected) {
        assertEquals(shape[0], actual.rows());
        assertEquals(shape[1], actual.columns());
        for (long row = 0; row < actual.rows(); row++) {
            for (long column = 0; column < actual.columns(); column++) {
                double want = expected.at(row, column);
                double got = actual.get(row, column);
                assertTrue(want == got, () -> "element is " + got + ", not " + want);
            }
        }
    }
}
