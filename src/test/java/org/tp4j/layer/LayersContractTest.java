package org.tp4j.layer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.tp4j.comm.Communicator;
import org.tp4j.comm.PerRank;
import org.tp4j.comm.Rank;
import org.tp4j.comm.RankException;
import org.tp4j.comm.RankFunction;
import org.tp4j.comm.World;
import org.tp4j.device.Device;
import org.tp4j.device.Machine;
import org.tp4j.device.Nonlinearity;
import org.tp4j.placement.Replicated;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.WeightLayout;
import org.tp4j.verify.Arithmetic;
import org.tp4j.verify.Bits;
import org.tp4j.verify.Comparison;
import org.tp4j.verify.ErrorReport;
import org.tp4j.verify.LinearProblem;
import org.tp4j.verify.MlpProblem;
import org.tp4j.verify.Problem;

/** Every layer, split over every world, against the unsplit layer of the oracle. */
@ParameterizedClass
@MethodSource("org.tp4j.device.TestDevices#machines")
class LayersContractTest {
    private static final List<Integer> WORLDS = List.of(1, 2, 3, 4, 5, 8, 9);
    private static final List<Integer> POWERS_OF_TWO = List.of(1, 2, 4, 8);

    /** (tokens, in, hidden, out): primes, single rows, fewer features than ranks, nothing at all. */
    private static final List<int[]> SHAPES = List.of(
            new int[] {1, 37, 53, 41},
            new int[] {7, 64, 96, 32},
            new int[] {3, 2, 5, 3},
            new int[] {5, 1, 1, 1},
            new int[] {0, 4, 6, 3},
            new int[] {2, 0, 3, 2},
            new int[] {2, 3, 0, 2});

    @Parameter
    private Machine machine;

    private final Random random = new Random(20261122);
    private long liveBefore;

    record Cell(int world, DType dtype) {}

    static Stream<Cell> cells() {
        return WORLDS.stream().flatMap(world -> Stream.of(DType.values()).map(dtype -> new Cell(world, dtype)));
    }

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
    void columnParallelEqualsTheUnsplitLayer(Cell cell) {
        try (World world = open(cell.world, false)) {
            for (int[] shape : SHAPES) {
                for (WeightLayout layout : WeightLayout.values()) {
                    HostMatrix x = uniform(cell.dtype, shape[0], shape[1]);
                    Weight w =
                            weight(cell.dtype, shape[1], shape[3], layout).withBias(uniform(cell.dtype, 1, shape[3]));
                    HostMatrix y = world.compute(rank -> rank.comm()
                            .allGather(ColumnParallelLinear.shardOf(rank, w).forward(rank.replicate(x))));
                    assertEquals(Map.of("all_gather", 1L), world.ledger().counts());
                    assertWithinBound(linear(x, w), 1, y);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("cells")
    void rowParallelEqualsTheUnsplitLayer(Cell cell) {
        try (World world = open(cell.world, false)) {
            for (int[] shape : SHAPES) {
                for (WeightLayout layout : WeightLayout.values()) {
                    HostMatrix x = uniform(cell.dtype, shape[0], shape[1]);
                    Weight w =
                            weight(cell.dtype, shape[1], shape[3], layout).withBias(uniform(cell.dtype, 1, shape[3]));
                    HostMatrix y = world.compute(rank -> {
                        var layer = RowParallelLinear.shardOf(rank, w);
                        return rank.comm().allReduce(layer.forward(rank.shardFeatures(x, cell.dtype)));
                    });
                    assertEquals(Map.of("all_reduce", 1L), world.ledger().counts());
                    assertWithinBound(linear(x, w), cell.world, y);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("cells")
    void mlpEqualsTheUnsplitBlockWithOneAllReduce(Cell cell) {
        try (World world = open(cell.world, false)) {
            for (int[] shape : SHAPES) {
                for (boolean gated : new boolean[] {false, true}) {
                    HostMatrix x = uniform(cell.dtype, shape[0], shape[1]);
                    MlpWeights weights = mlp(cell.dtype, shape, WeightLayout.IN_OUT, gated, Nonlinearity.SILU);
                    HostMatrix y = world.compute(
                            rank -> ParallelMlp.shardOf(rank, weights).allReduced(rank.comm(), rank.replicate(x)));
                    assertEquals(Map.of("all_reduce", 1L), world.ledger().counts());
                    assertWithinBound(problem(x, weights), cell.world, y);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("cells")
    void loadedShardsGiveTheSameAsOneShot(Cell cell) {
        int[] shape = {5, 37, 53, 41};
        HostMatrix x = uniform(cell.dtype, shape[0], shape[1]);
        MlpWeights weights = mlp(cell.dtype, shape, WeightLayout.OUT_IN, true, Nonlinearity.RELU);
        try (World world = open(cell.world, false);
                PerRank<ParallelMlp> mlp = world.load(rank -> ParallelMlp.shardOf(rank, weights))) {
            for (int repeat = 0; repeat < 3; repeat++) {
                HostMatrix y = world.compute(rank -> mlp.on(rank).allReduced(rank.comm(), rank.replicate(x)));
                assertWithinBound(problem(x, weights), cell.world, y);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("cells")
    void sequenceParallelFormGivesTheBitsOfThePlainForm(Cell cell) {
        try (World world = open(cell.world, false)) {
            for (int[] shape : SHAPES) {
                HostMatrix x = uniform(cell.dtype, shape[0], shape[1]);
                MlpWeights weights = mlp(cell.dtype, shape, WeightLayout.OUT_IN, true, Nonlinearity.GELU);
                HostMatrix plain = world.compute(
                        rank -> ParallelMlp.shardOf(rank, weights).allReduced(rank.comm(), rank.replicate(x)));
                HostMatrix sharded = world.compute(rank -> rank.comm()
                        .allGather(ParallelMlp.shardOf(rank, weights)
                                .sequenceParallel(rank.comm(), rank.shardTokens(x, cell.dtype))));
                assertEquals(
                        Map.of("all_gather", 2L, "reduce_scatter", 1L),
                        world.ledger().counts());
                assertEquals(Optional.empty(), Bits.difference(plain, sharded));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void invariantModeGivesTheSameBitsAtEveryWorldSize(DType dtype) {
        for (int[] shape : SHAPES) {
            for (boolean gated : new boolean[] {false, true}) {
                HostMatrix x = uniform(dtype, shape[0], shape[1]);
                Weight w =
                        weight(dtype, shape[1], shape[3], WeightLayout.OUT_IN).withBias(uniform(dtype, 1, shape[3]));
                MlpWeights weights = mlp(dtype, shape, WeightLayout.IN_OUT, gated, Nonlinearity.GELU_TANH);
                assertSameAtEveryWorld(
                        linear(x, w),
                        rank -> rank.comm()
                                .allGather(ColumnParallelLinear.shardOf(rank, w).forward(rank.replicate(x))));
                assertSameAtEveryWorld(linear(x, w), rank -> {
                    var layer = RowParallelLinear.shardOf(rank, w);
                    return rank.comm().allReduce(layer.forward(rank.shardFeatures(x, dtype)));
                });
                assertSameAtEveryWorld(
                        problem(x, weights),
                        rank -> ParallelMlp.shardOf(rank, weights).allReduced(rank.comm(), rank.replicate(x)));
            }
        }
    }

    @Test
    void paddingStaysZeroWhereTheInputIsNotFinite() {
        HostMatrix x = HostMatrix.of(new float[][] {{Float.POSITIVE_INFINITY, 1}, {1, 1}});
        HostMatrix w1 = HostMatrix.of(new float[][] {{1, 2, 3}, {1, 1, 1}});
        HostMatrix w2 = HostMatrix.of(new float[][] {{1}, {1}, {1}});
        for (int size : POWERS_OF_TWO) {
            try (World world = open(size, true)) {
                HostMatrix y = world.compute(
                        rank -> ParallelMlp.shardOf(rank, w1, w2).allReduced(rank.comm(), rank.replicate(x)));
                assertEquals(Float.POSITIVE_INFINITY, y.get(0, 0));
                assertEquals(9, y.get(1, 0));
            }
        }
    }

    @Test
    void aLayerOfASmallerGroupIsSplitOverThatGroupAlone() {
        HostMatrix x = uniform(DType.F32, 5, 12);
        MlpWeights weights = mlp(DType.F32, new int[] {5, 12, 10, 7}, WeightLayout.IN_OUT, false, Nonlinearity.RELU);
        try (World world = open(6, false)) {
            List<HostMatrix> results = world.runAll(rank -> {
                Communicator tensor = rank.comm().split(rank.index() / 3);
                Rank inTensor = rank.in(tensor);
                return rank.download(ParallelMlp.shardOf(inTensor, weights).allReduced(tensor, inTensor.replicate(x)));
            });
            for (HostMatrix y : results) {
                assertWithinBound(problem(x, weights), 3, y);
                assertEquals(Optional.empty(), Bits.difference(results.get(0), y));
            }
        }
    }

    @Test
    void aRunMayReadTheCallersMemoryAndALoadMustNot() {
        HostMatrix w = uniform(DType.F32, 4, 4);
        HostMatrix x = uniform(DType.F32, 2, 4);
        try (World world = open(2, false);
                PerRank<ColumnParallelLinear> layer = world.load(rank -> ColumnParallelLinear.shardOf(rank, w))) {
            RankFunction<Replicated> forward =
                    rank -> rank.comm().allGather(layer.on(rank).forward(rank.replicate(x)));
            HostMatrix before = world.compute(forward);
            w.set(0, 0, 1000);
            assertEquals(Optional.empty(), Bits.difference(before, world.compute(forward)));
            w.close();
            assertEquals(Optional.empty(), Bits.difference(before, world.compute(forward)));
        }
    }

    @Test
    void whatDoesNotFitIsRefused() {
        HostMatrix x = uniform(DType.F32, 2, 5);
        HostMatrix w = uniform(DType.F32, 3, 4);
        try (World world = open(2, false)) {
            RankException column = assertThrows(
                    RankException.class,
                    () -> world.execute(
                            rank -> ColumnParallelLinear.shardOf(rank, w).forward(rank.replicate(x))));
            assertTrue(
                    column.getMessage()
                            .contains("the column-parallel layer reads 4 features of f32, but its input is f32 (2, 5)"),
                    column.getMessage());
            RankException row = assertThrows(
                    RankException.class,
                    () -> world.execute(rank -> RowParallelLinear.shardOf(rank, w)
                            .forward(rank.shardFeatures(uniform(DType.F16, 2, 4), DType.F16))));
            assertTrue(row.getMessage().contains("f16 (2, 4)"), row.getMessage());
        }
        IllegalArgumentException hidden = assertThrows(IllegalArgumentException.class, () -> MlpWeights.of(w, x));
        assertEquals(
                "W1 is (3, 4) (in-out) with 4 hidden features, but W2 is (2, 5) (in-out) and reads 2: they must be equal",
                hidden.getMessage());
        IllegalArgumentException bias = assertThrows(
                IllegalArgumentException.class, () -> Weight.outIn(w).withBias(x));
        assertTrue(bias.getMessage().contains("the bias must be (1, 3)"), bias.getMessage());
        IllegalArgumentException gate = assertThrows(
                IllegalArgumentException.class,
                () -> MlpWeights.of(w, uniform(DType.F32, 4, 2)).withGate(Weight.inOut(x)));
        assertTrue(gate.getMessage().contains("the gate is f32 (2, 5) but W1 is f32 (3, 4)"), gate.getMessage());
    }

    /** TP-invariant mode is for devices of one model: on a machine of several, on the first one's. */
    private World open(int ranks, boolean tpInvariant) {
        List<Device> devices = machine.devices();
        String model = devices.get(0).model();
        List<Device> alike =
                devices.stream().filter(device -> device.model().equals(model)).toList();
        return World.builder(machine.kind(), ranks)
                .devices(tpInvariant ? alike : devices)
                .tpInvariant(tpInvariant)
                .open();
    }

    private void assertSameAtEveryWorld(Problem problem, RankFunction<Replicated> layer) {
        Optional<HostMatrix> first = Optional.empty();
        for (int size : POWERS_OF_TWO) {
            try (World world = open(size, true)) {
                HostMatrix y = world.compute(layer);
                assertWithinBound(problem, 8, y);
                assertEquals(Optional.empty(), Bits.difference(first.orElse(y), y), "at " + size + " ranks");
                first = Optional.of(first.orElse(y));
            }
        }
    }

    private void assertWithinBound(Problem problem, int parts, HostMatrix y) {
        ErrorReport report =
                Comparison.of(problem, Arithmetic.of(machine.devices().get(0), y.dtype(), parts), y);
        assertTrue(report.passed(), () -> problem.shape() + " over " + parts + " ranks: " + report);
    }

    private static Problem linear(HostMatrix x, Weight w) {
        return new LinearProblem(x, host(w), w.layout(), w.bias());
    }

    private static HostMatrix host(Weight weight) {
        return (HostMatrix) weight.matrix();
    }

    private static Problem problem(HostMatrix x, MlpWeights weights) {
        return new MlpProblem(
                x,
                host(weights.up()),
                weights.gate().map(LayersContractTest::host),
                host(weights.down()),
                weights.up().layout(),
                weights.nonlinearity(),
                weights.down().bias());
    }

    private MlpWeights mlp(DType dtype, int[] shape, WeightLayout layout, boolean gated, Nonlinearity f) {
        Weight up = weight(dtype, shape[1], shape[2], layout);
        Weight down = weight(dtype, shape[2], shape[3], layout).withBias(uniform(dtype, 1, shape[3]));
        Optional<Weight> gate = gated ? Optional.of(weight(dtype, shape[1], shape[2], layout)) : Optional.empty();
        return new MlpWeights(up, gate, f, down);
    }

    private Weight weight(DType dtype, int in, int out, WeightLayout layout) {
        return layout == WeightLayout.OUT_IN
                ? Weight.outIn(uniform(dtype, out, in))
                : Weight.inOut(uniform(dtype, in, out));
    }

    private HostMatrix uniform(DType dtype, int rows, int columns) {
        HostMatrix matrix = HostMatrix.allocate(dtype, rows, columns);
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                matrix.set(row, column, 2 * random.nextDouble() - 1);
            }
        }
        return matrix;
    }
}
