package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.tp4j.comm.Rank;
import org.tp4j.comm.World;
import org.tp4j.device.AllReduceAlgorithm;
import org.tp4j.device.Backends;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.placement.FeatureSharded;
import org.tp4j.placement.Partial;
import org.tp4j.placement.ShardPlan;
import org.tp4j.placement.TokenSharded;
import org.tp4j.tensor.DType;

/** Streams wait for each other where a collective moves elements between them, and nowhere else. */
@Tag("emulated")
class NeedlessWaitsTest {
    private static final int RANKS = 3;
    private static final String WAITS = "calls:cuStreamWaitEvent";

    /** A collective of (tokens, features). */
    private enum Kind {
        ALL_REDUCE {
            @Override
            void perform(Rank rank, int tokens, int features) {
                rank.comm().allReduce(partial(rank, tokens, features));
            }
        },
        REDUCE_SCATTER {
            @Override
            void perform(Rank rank, int tokens, int features) {
                rank.comm().reduceScatter(partial(rank, tokens, features));
            }
        },
        ALL_GATHER_FEATURES {
            @Override
            void perform(Rank rank, int tokens, int features) {
                ShardPlan plan = rank.comm().plan(features);
                DeviceMatrix slice = allocated(rank, tokens, plan.size(rank.index()));
                rank.comm().allGather(FeatureSharded.unchecked(rank.member(), plan, List.of(slice)));
            }
        },
        ALL_GATHER_TOKENS {
            @Override
            void perform(Rank rank, int tokens, int features) {
                ShardPlan plan = ShardPlan.even(rank.comm().group(), tokens);
                DeviceMatrix slice = allocated(rank, plan.size(rank.index()), features);
                rank.comm().allGather(TokenSharded.unchecked(rank.member(), plan, slice));
            }
        },
        BROADCAST {
            @Override
            void perform(Rank rank, int tokens, int features) {
                rank.comm().broadcast(allocated(rank, tokens, features), 1);
            }
        };

        abstract void perform(Rank rank, int tokens, int features);
    }

    static Stream<Arguments> waits() {
        int peers = RANKS * (RANKS - 1);
        return Stream.of(
                Arguments.of(Kind.ALL_REDUCE, AllReduceAlgorithm.EAGER, 2, 70, peers),
                Arguments.of(Kind.ALL_REDUCE, AllReduceAlgorithm.EAGER, 0, 70, 0),
                Arguments.of(Kind.ALL_REDUCE, AllReduceAlgorithm.ONE_SHOT, 2, 70, peers),
                Arguments.of(Kind.ALL_REDUCE, AllReduceAlgorithm.ONE_SHOT, 2, 0, 0),
                // 192 elements are a line of 64 for each rank, which waits before it writes and after all have written
                Arguments.of(Kind.ALL_REDUCE, AllReduceAlgorithm.TWO_SHOT, 1, 192, 2 * peers),
                // one line: one rank waits for the others, and the others for it
                Arguments.of(Kind.ALL_REDUCE, AllReduceAlgorithm.TWO_SHOT, 1, 64, 2 * (RANKS - 1)),
                Arguments.of(Kind.ALL_REDUCE, AllReduceAlgorithm.TWO_SHOT, 0, 64, 0),
                Arguments.of(Kind.REDUCE_SCATTER, AllReduceAlgorithm.ONE_SHOT, 3, 5, peers),
                Arguments.of(Kind.REDUCE_SCATTER, AllReduceAlgorithm.ONE_SHOT, 1, 5, RANKS - 1),
                Arguments.of(Kind.REDUCE_SCATTER, AllReduceAlgorithm.ONE_SHOT, 3, 0, 0),
                Arguments.of(Kind.ALL_GATHER_FEATURES, AllReduceAlgorithm.ONE_SHOT, 2, 3, peers),
                Arguments.of(Kind.ALL_GATHER_FEATURES, AllReduceAlgorithm.ONE_SHOT, 2, 1, RANKS - 1),
                Arguments.of(Kind.ALL_GATHER_FEATURES, AllReduceAlgorithm.ONE_SHOT, 0, 3, 0),
                Arguments.of(Kind.ALL_GATHER_TOKENS, AllReduceAlgorithm.ONE_SHOT, 3, 4, peers),
                Arguments.of(Kind.ALL_GATHER_TOKENS, AllReduceAlgorithm.ONE_SHOT, 2, 4, 2 * (RANKS - 1)),
                Arguments.of(Kind.ALL_GATHER_TOKENS, AllReduceAlgorithm.ONE_SHOT, 3, 0, 0),
                Arguments.of(Kind.BROADCAST, AllReduceAlgorithm.ONE_SHOT, 2, 3, RANKS - 1),
                Arguments.of(Kind.BROADCAST, AllReduceAlgorithm.ONE_SHOT, 0, 3, 0));
    }

    @ParameterizedTest
    @MethodSource("waits")
    void onlyWhoMovesElementsWaits(Kind kind, AllReduceAlgorithm algorithm, int tokens, int features, long waits) {
        try (World world = World.builder(DeviceKind.CUDA, RANKS)
                .devices(Backends.open(DeviceKind.CUDA).subList(0, 1))
                .allReduce(algorithm)
                .open()) {
            assertEquals(waits, waitsOf(world, kind, tokens, features), "of the first");
            assertEquals(waits, waitsOf(world, kind, tokens, features), "of the second");
        }
    }

    private static long waitsOf(World world, Kind kind, int tokens, int features) {
        long before = Emulator.count(WAITS);
        world.run(rank -> {
            kind.perform(rank, tokens, features);
            return null;
        });
        return Emulator.count(WAITS) - before;
    }

    private static Partial partial(Rank rank, int tokens, int features) {
        return Partial.unchecked(
                rank.member(), rank.comm().plan(features), DType.F32, allocated(rank, tokens, features));
    }

    private static DeviceMatrix allocated(Rank rank, long tokens, long features) {
        return rank.innermost().allocate(DType.F32, tokens, features);
    }
}
