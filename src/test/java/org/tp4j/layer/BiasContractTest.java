package org.tp4j.layer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.tp4j.comm.Added;
import org.tp4j.comm.Communicator;
import org.tp4j.comm.PerRank;
import org.tp4j.comm.Rank;
import org.tp4j.comm.World;
import org.tp4j.device.Machine;
import org.tp4j.device.Scope;
import org.tp4j.placement.FeatureSharded;
import org.tp4j.placement.Partial;
import org.tp4j.placement.Replicated;
import org.tp4j.placement.ShardPlan;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/**
 * The bias of a row-parallel layer travels in the partial sum: whichever reduction ends that adds it, once, and nothing
 * that happens to a partial sum happens to the layer's bias.
 */
@ParameterizedClass
@MethodSource("org.tp4j.device.TestDevices#machines")
class BiasContractTest {
    private static final int TOKENS = 3;
    private static final int IN = 24;
    private static final int OUT = 5;

    /** A bias in f16 and bf16 whose sum with {@link #ONE} is not in bf16. */
    private static final double LARGE = 256;

    private static final double ONE = 1;

    @Parameter
    private Machine machine;

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
    @EnumSource
    void everyReductionAddsTheBiasOnce(DType dtype) {
        for (int size : new int[] {1, 2, 3}) {
            for (boolean tpInvariant : size == 3 ? new boolean[] {false} : new boolean[] {false, true}) {
                try (World world = open(size, tpInvariant)) {
                    PerRank<RowParallelLinear> layer = world.load(rank -> layer(rank, dtype, 7));
                    String where = size + " ranks" + (tpInvariant ? ", TP-invariant" : "");
                    assertAll(
                            IN + 7,
                            world,
                            Added.BIAS,
                            where,
                            rank -> rank.comm().allReduce(layer.on(rank).forward(input(rank, dtype))));
                    assertAll(
                            IN + 9,
                            world,
                            Added.BIAS_AND_RESIDUAL,
                            where,
                            rank -> rank.comm()
                                    .allReduce(
                                            layer.on(rank).forward(input(rank, dtype)),
                                            filled(rank, dtype, TOKENS, 2)));
                    assertAll(
                            IN + 7,
                            world,
                            Added.BIAS,
                            where,
                            rank -> rank.comm()
                                    .allGather(rank.comm()
                                            .reduceScatter(layer.on(rank).forward(input(rank, dtype)))));
                    assertAll(
                            IN + 9,
                            world,
                            Added.BIAS_AND_RESIDUAL,
                            where,
                            rank -> rank.comm()
                                    .allGather(rank.comm()
                                            .reduceScatter(
                                                    layer.on(rank).forward(input(rank, dtype)),
                                                    filled(rank, dtype, TOKENS, 2)
                                                            .tokens(ShardPlan.even(
                                                                    rank.comm().group(), TOKENS)))));
                    layer.close();
                }
            }
        }
    }

    @Test
    void withoutABiasTheLedgerSaysSo() {
        try (World world = open(2, false)) {
            assertAll(
                    IN,
                    world,
                    Added.NOTHING,
                    "no bias",
                    rank -> rank.comm()
                            .allReduce(RowParallelLinear.shardOf(rank, Weight.outIn(ones()))
                                    .forward(input(rank, DType.F32))));
            assertAll(
                    IN + 2,
                    world,
                    Added.RESIDUAL,
                    "no bias",
                    rank -> rank.comm()
                            .allReduce(
                                    RowParallelLinear.shardOf(rank, Weight.outIn(ones()))
                                            .forward(input(rank, DType.F32)),
                                    filled(rank, DType.F32, TOKENS, 2)));
            assertTrue(
                    world.ledger()
                            .entries()
                            .get(0)
                            .collective()
                            .toString()
                            .startsWith("all_reduce of f32 (3, 5) + residual, "),
                    world.ledger().entries().toString());
        }
    }

    /** 256 + 1 - 257 is 0 in the accumulator; rounded to bf16 between, it would be -1 or 1. */
    @ParameterizedTest
    @EnumSource
    void aSumOfPartialsAddsNoneOneOrBothBiases(DType dtype) {
        try (World world = open(3, false)) {
            PerRank<RowParallelLinear> bare = world.load(
                    rank -> RowParallelLinear.shardOf(rank, Weight.outIn(ones()).as(dtype)));
            PerRank<RowParallelLinear> large = world.load(rank -> layer(rank, dtype, LARGE));
            PerRank<RowParallelLinear> one = world.load(rank -> layer(rank, dtype, ONE));
            assertAll(2 * IN, world, Added.NOTHING, "no bias", rank -> {
                Partial partial = bare.on(rank).forward(input(rank, dtype));
                return rank.comm().allReduce(partial.plus(partial));
            });
            for (int order = 0; order < 2; order++) {
                boolean first = order == 0;
                assertAll(2 * IN + ONE, world, Added.BIAS, "one bias", rank -> {
                    Partial without = bare.on(rank).forward(input(rank, dtype));
                    Partial with = one.on(rank).forward(input(rank, dtype));
                    return rank.comm().allReduce(first ? with.plus(without) : without.plus(with));
                });
            }
            assertAll(2 * IN, world, Added.BIAS_AND_RESIDUAL, "two biases", rank -> {
                Partial sum = large.on(rank)
                        .forward(input(rank, dtype))
                        .plus(one.on(rank).forward(input(rank, dtype)));
                assertEquals(dtype.accumulator(), sum.bias().orElseThrow().dtype());
                Replicated minus = filled(rank, dtype.accumulator(), TOKENS, -LARGE - ONE);
                return rank.comm().allReduce(sum, minus);
            });
            List.of(bare, large, one).forEach(PerRank::close);
        }
    }

    @Test
    void releasingAndKeepingAPartialLeavesTheLayersBiasAlone() {
        try (World world = open(2, false)) {
            PerRank<RowParallelLinear> layer = world.load(rank -> layer(rank, DType.F32, 7));
            for (int run = 0; run < 2; run++) {
                assertAll(IN + 7, world, Added.BIAS, "kept", rank -> {
                    Partial kept;
                    try (Scope inner = rank.scope()) {
                        rank.release(layer.on(rank).forward(input(rank, DType.F32)));
                        kept = rank.keep(layer.on(rank).forward(input(rank, DType.F32)));
                        assertTrue(!inner.isClosed());
                    }
                    return rank.comm().allReduce(kept);
                });
            }
            layer.close();
        }
    }

    /** The sum of two biases is the sum's own: it is kept with it, and a further sum has its own again. */
    @Test
    void theSumOfTwoBiasesLivesAndEndsWithItsPartial() {
        try (World world = open(2, false)) {
            PerRank<RowParallelLinear> layer = world.load(rank -> layer(rank, DType.BF16, 7));
            assertAll(3 * IN + 14, world, Added.BIAS, "kept", rank -> {
                Partial kept;
                try (Scope inner = rank.scope()) {
                    Partial two = layer.on(rank)
                            .forward(input(rank, DType.BF16))
                            .plus(layer.on(rank).forward(input(rank, DType.BF16)));
                    Partial bare = RowParallelLinear.shardOf(
                                    rank, Weight.outIn(ones()).as(DType.BF16))
                            .forward(input(rank, DType.BF16));
                    Partial three = bare.plus(two);
                    rank.release(two);
                    assertThrows(
                            IllegalStateException.class,
                            () -> two.bias().orElseThrow().checked());
                    kept = rank.keep(three);
                    assertTrue(!inner.isClosed());
                }
                return rank.comm().allReduce(kept);
            });
            layer.close();
        }
    }

    @Test
    void aBiasThatWasReleasedIsRefused() {
        try (World world = open(2, false)) {
            PerRank<RowParallelLinear> layer = world.load(rank -> layer(rank, DType.F32, 7));
            world.execute(rank -> {
                Partial partial = layer.on(rank).forward(input(rank, DType.F32));
                Replicated bias = filled(rank, DType.F32, 1, 1);
                Partial own = Partial.unchecked(
                        rank.member(), partial.plan(), DType.F32, partial.matrix(), Optional.of(bias));
                rank.release(bias);
                assertThrows(IllegalStateException.class, () -> rank.comm().allReduce(own));
                assertThrows(IllegalStateException.class, () -> own.plus(own));
            });
            layer.close();
        }
    }

    @Test
    void aBiasThatDoesNotFitIsRefusedByName() {
        try (World world = open(2, false)) {
            world.execute(rank -> {
                assertEquals(
                        "the bias is f32 (1, 4) on world of 2 ranks, but the sum has 5 features on world of 2 ranks: the"
                                + " bias must be (1, 5) on these ranks",
                        refusal(rank, rank.replicate(HostMatrix.allocate(DType.F32, 1, 4))));
                assertEquals(
                        "the bias is f32 (3, 5) on world of 2 ranks, but the sum has 5 features on world of 2 ranks: the"
                                + " bias must be (1, 5) on these ranks",
                        refusal(rank, filled(rank, DType.F32, TOKENS, 1)));
                assertEquals(
                        "the bias is f16 (1, 5), but the sum will be f32: the bias must have that dtype or its"
                                + " accumulator's, f32",
                        refusal(rank, filled(rank, DType.F16, 1, 1)));
                Communicator alone = rank.comm().split(rank.index());
                assertEquals(
                        "the bias is f32 (1, 5) on split " + rank.index() + " of world of 1 rank, but the sum has 5"
                                + " features on world of 2 ranks: the bias must be (1, 5) on these ranks",
                        refusal(rank, filled(rank.in(alone), DType.F32, 1, 1)));
            });
        }
    }

    private static String refusal(Rank rank, Replicated bias) {
        var sum = rank.innermost().allocate(DType.F32, TOKENS, OUT);
        return assertThrows(
                        IllegalArgumentException.class,
                        () -> Partial.unchecked(rank.member(), rank.comm().plan(IN), DType.F32, sum, Optional.of(bias)))
                .getMessage();
    }

    private interface Program {
        Replicated run(Rank rank);
    }

    /** Every element is {@code expected}, and the first collective, the reduction, added what it says. */
    private static void assertAll(double expected, World world, Added added, String where, Program program) {
        try (HostMatrix y = world.compute(program::run)) {
            for (long row = 0; row < TOKENS; row++) {
                for (long column = 0; column < OUT; column++) {
                    assertEquals(expected, y.get(row, column), where);
                }
            }
        }
        assertEquals(added, world.ledger().entries().get(0).collective().added(), where);
    }

    private World open(int size, boolean tpInvariant) {
        return World.builder(machine.kind(), size)
                .devices(machine.devices())
                .tpInvariant(tpInvariant)
                .open();
    }

    /** Sums its inputs, and adds a number. */
    private static RowParallelLinear layer(Rank rank, DType dtype, double bias) {
        return RowParallelLinear.shardOf(
                rank,
                Weight.outIn(ones()).withBias(filled(DType.F64, 1, OUT, bias)).as(dtype));
    }

    private static HostMatrix ones() {
        return filled(DType.F32, OUT, IN, 1);
    }

    private static FeatureSharded input(Rank rank, DType dtype) {
        return rank.shardFeatures(filled(DType.F32, TOKENS, IN, 1), dtype);
    }

    private static Replicated filled(Rank rank, DType dtype, long rows, double value) {
        return rank.replicate(filled(dtype, rows, OUT, value), dtype);
    }

    private static HostMatrix filled(DType dtype, long rows, long columns, double value) {
        HostMatrix matrix = HostMatrix.allocate(dtype, rows, columns);
        for (long row = 0; row < rows; row++) {
            for (long column = 0; column < columns; column++) {
                matrix.set(row, column, value);
            }
        }
        return matrix;
    }
}
