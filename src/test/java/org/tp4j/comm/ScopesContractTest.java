package org.tp4j.comm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Machine;
import org.tp4j.device.Nonlinearity;
import org.tp4j.device.Scope;
import org.tp4j.layer.ParallelMlp;
import org.tp4j.placement.FeatureSharded;
import org.tp4j.placement.Group;
import org.tp4j.placement.Member;
import org.tp4j.placement.Partial;
import org.tp4j.placement.Replicated;
import org.tp4j.placement.ShardPlan;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/** Lifetimes, owners and plans: what is used wrongly is refused by name. */
@ParameterizedClass
@MethodSource("org.tp4j.device.TestDevices#machines")
class ScopesContractTest {
    @Parameter
    private Machine machine;

    @Test
    void aMatrixIsRefusedAfterItsScope() {
        try (World world = open(2)) {
            world.execute(rank -> {
                Replicated x;
                try (Scope scope = rank.scope()) {
                    assertEquals("scope in the run of rank " + rank.index(), scope.name());
                    x = replicated(rank);
                }
                assertRefused(
                        () -> x.apply(Nonlinearity.RELU),
                        "the matrix f32 (2, 3) was used on thread tp4j-rank-" + rank.index()
                                + " after its scope 'scope in the run of rank " + rank.index() + "' was closed");
            });
        }
    }

    @Test
    void aMatrixOfAnEarlierRunIsRefused() {
        AtomicReferenceArray<Replicated> leaked = new AtomicReferenceArray<>(2);
        try (World world = open(2)) {
            world.execute(rank -> leaked.set(rank.index(), replicated(rank)));
            world.execute(rank -> assertRefused(
                    () -> rank.download(leaked.get(rank.index())), "after its scope 'run of rank " + rank.index()));
        }
    }

    @Test
    void aMatrixOfAnotherRankIsRefused() {
        AtomicReferenceArray<Replicated> shared = new AtomicReferenceArray<>(2);
        try (World world = open(2)) {
            world.execute(rank -> {
                shared.set(rank.index(), replicated(rank));
                rank.comm().barrier();
                int other = 1 - rank.index();
                assertRefused(
                        () -> shared.get(other).apply(Nonlinearity.RELU),
                        "the matrix f32 (2, 3) of the scope 'run of rank " + other + "' belongs to thread tp4j-rank-"
                                + other + " but was used on thread tp4j-rank-" + rank.index());
                rank.comm().barrier();
            });
        }
    }

    @Test
    void aLoadLivesUntilItIsClosed() {
        long before = machine.liveBytes();
        try (World world = open(2)) {
            PerRank<DeviceMatrix> loaded = world.load(rank -> rank.innermost().allocate(DType.F32, 100, 10));
            assertEquals(before + 2 * 4000, machine.liveBytes());
            world.execute(rank -> loaded.on(rank).checked());
            loaded.close();
            loaded.close();
            assertEquals(before, machine.liveBytes());
            world.execute(rank ->
                    assertRefused(() -> loaded.on(rank).checked(), "after its scope 'load of rank " + rank.index()));
            world.load(rank -> rank.innermost().allocate(DType.F32, 100, 10));
        }
        assertEquals(before, machine.liveBytes(), "closing the world releases what was loaded");
    }

    @Test
    void manyBlocksNeedTheMemoryOfOne() {
        long quarantined = machine.liveBytes(); // of ranks that tests before this have abandoned
        try (World world = open(2);
                HostMatrix x = ones(4, 8);
                HostMatrix w1 = ones(8, 32);
                HostMatrix w2 = ones(32, 8)) {
            PerRank<ParallelMlp> mlp = world.load(rank -> ParallelMlp.shardOf(rank, w1, w2));
            List<Long> most = world.runAll(rank -> {
                Replicated activation = rank.replicate(x);
                long peak = 0;
                for (int block = 0; block < 32; block++) {
                    Replicated before = activation;
                    try (Scope scope = rank.scope()) {
                        activation = rank.keep(mlp.on(rank).allReduced(rank.comm(), activation));
                        assertTrue(!scope.isClosed());
                    }
                    rank.release(before);
                    rank.comm().barrier();
                    peak = Math.max(peak, machine.liveBytes());
                    rank.comm().barrier();
                }
                return peak;
            });
            long weights = 2 * (8 * 32 + 32 * 8) / 2 * 4;
            long live = most.get(0) - quarantined;
            long activation = 4 * 8 * 4;
            long staged = 2 * activation; // what an eager all-reduce keeps for the run
            assertTrue(live <= weights + 2 * (activation + staged), "live after a block: " + live);
        }
    }

    @Test
    void whatWasReleasedOrKeptWronglyIsRefused() {
        try (World world = open(1)) {
            world.execute(rank -> {
                Replicated x = replicated(rank);
                rank.release(x);
                assertRefused(() -> rank.release(x), "after it was released");
                Replicated outer = replicated(rank);
                try (Scope inner = rank.scope()) {
                    assertRefused(() -> inner.keep(outer.matrix()), "belongs to the scope 'run of rank 0'");
                }
                assertRefused(() -> rank.keep(outer), "has no scope around it");
            });
        }
    }

    @Test
    void unequalPlansAreRefusedNamingBoth() {
        try (World world = open(2)) {
            world.execute(rank -> {
                Replicated x = replicated(rank);
                FeatureSharded even = x.features(rank.comm().plan(3));
                FeatureSharded canonical =
                        x.features(ShardPlan.canonical(rank.comm().group(), 3));
                assertRefused(
                        () -> even.gate(Nonlinearity.SILU, canonical),
                        "3 over world of 2 ranks",
                        "3 in 8 canonical blocks over world of 2 ranks");
                assertRefused(() -> x.features(rank.comm().plan(4)), "an activation of 3 features", "4 over world");
                Partial ofThree = partial(rank, rank.comm().plan(3));
                Partial ofFour = partial(rank, rank.comm().plan(4));
                assertRefused(() -> ofThree.plus(ofFour), "3 over world of 2 ranks", "4 over world of 2 ranks");

                Communicator alone = rank.comm().split(rank.index());
                assertRefused(
                        () -> alone.allReduce(ofThree),
                        "rank " + rank.index() + " of world",
                        "rank 0 of split " + rank.index() + " of world",
                        "both must be of one group");
            });
        }
    }

    @Test
    void invariantModeNeedsAPowerOfTwo() {
        IllegalArgumentException refused = assertThrows(
                IllegalArgumentException.class,
                () -> World.builder(machine.kind(), 3).tpInvariant(true).open());
        assertEquals("TP-invariant mode needs 1, 2, 4 or 8 ranks, but the group world has 3", refused.getMessage());
    }

    @Test
    void groupsKnowTheirMembers() {
        Group group = Group.of("odd", List.of(1, 3, 5));
        assertEquals(5, group.worldRank(2));
        assertEquals(group, Group.of("other name", List.of(1, 3, 5)));
        assertThrows(IllegalArgumentException.class, () -> Group.of("twice", List.of(1, 1)));
        assertThrows(IllegalArgumentException.class, () -> Group.of("none", List.of()));
        assertThrows(IndexOutOfBoundsException.class, () -> new Member(group, 3));
    }

    private World open(int ranks) {
        return World.builder(machine.kind(), ranks).devices(machine.devices()).open();
    }

    private static void assertRefused(Runnable use, String... parts) {
        String message = assertThrows(RuntimeException.class, use::run).getMessage();
        for (String part : parts) {
            assertTrue(message.contains(part), "'" + part + "' is not in: " + message);
        }
    }

    private static Replicated replicated(Rank rank) {
        DeviceMatrix matrix = rank.innermost().allocate(DType.F32, 2, 3);
        matrix.scope().stream().zero(matrix);
        return Replicated.unchecked(rank.member(), matrix);
    }

    private static Partial partial(Rank rank, ShardPlan plan) {
        return Partial.unchecked(
                rank.member(), plan, DType.F32, replicated(rank).matrix());
    }

    private static HostMatrix ones(int rows, int columns) {
        HostMatrix matrix = HostMatrix.allocate(DType.F32, rows, columns);
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                matrix.set(row, column, 1);
            }
        }
        return matrix;
    }
}
