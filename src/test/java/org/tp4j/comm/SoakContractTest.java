package org.tp4j.comm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Machine;
import org.tp4j.device.Scope;
import org.tp4j.placement.Partial;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/** Many collectives back to back, of all kinds and sizes, in groups and groups of groups, with delays at random. */
@ParameterizedClass
@MethodSource("org.tp4j.device.TestDevices#machines")
@Timeout(300)
class SoakContractTest {
    private static final int RANKS = 8;

    /** Sizes on both sides of every algorithm's threshold, and neither packed nor aligned. */
    private static final int[] FEATURES = {1, 7, 63, 1024, 4099, 70_001};

    @Parameter
    private Machine machine;

    @Test
    void aThousandCollectivesLeaveNothing() {
        soak(1_000);
    }

    @Test
    @Tag("slow")
    void tenThousandCollectivesLeaveNothing() {
        soak(10_000);
    }

    @Test
    void fiveHundredRanksMeetOnFewCores() {
        try (World world =
                World.builder(machine.kind(), 500).devices(machine.devices()).open()) {
            List<Double> sums = world.runAll(rank -> {
                double sum = 0;
                for (int turn = 0; turn < 3; turn++) {
                    sum += allReduce(rank.comm(), rank, 9, 1);
                }
                return sum;
            });
            assertEquals(List.of(1500.0), sums.stream().distinct().toList());
        }
    }

    private void soak(int collectives) {
        long seed = Long.getLong("tp4j.seed", System.nanoTime());
        long before = machine.liveBytes();
        try (World world = World.builder(machine.kind(), RANKS)
                .devices(machine.devices())
                .limit(Duration.ofSeconds(60))
                .open()) {
            world.execute(rank -> {
                Random shared = new Random(seed); // every rank draws the same plan of collectives
                Random delays = new Random(seed + 1 + rank.index());
                Communicator[] groups = {
                    rank.comm(),
                    rank.comm().split(rank.index() % 2),
                    rank.comm().split(rank.index() / 3, -rank.index())
                };
                for (int done = 0; done < collectives; done++) {
                    delay(delays);
                    try (Scope scope = rank.scope()) {
                        step(
                                shared,
                                groups[shared.nextInt(groups.length)],
                                rank,
                                scope,
                                "step " + done + ", seed " + seed);
                    }
                }
            });
        }
        assertEquals(before, machine.liveBytes());
    }

    private static void step(Random shared, Communicator group, Rank rank, Scope scope, String where) {
        int features = FEATURES[shared.nextInt(FEATURES.length)];
        double value = 1 + shared.nextInt(3);
        switch (shared.nextInt(4)) {
            case 0, 1 -> assertEquals(group.size() * value, allReduce(group, rank, features, value), where);
            case 2 -> {
                DeviceMatrix mine = filled(scope, features, value + group.rank());
                assertEquals(
                        value + group.size() - 1,
                        last(rank, group.broadcast(mine, group.size() - 1).matrix()),
                        where);
            }
            default -> group.barrier();
        }
    }

    private static double allReduce(Communicator group, Rank rank, int features, double value) {
        Partial partial =
                Partial.unchecked(group.member(), group.plan(64), DType.F32, filled(rank.innermost(), features, value));
        return last(rank, group.allReduce(partial).matrix());
    }

    private static DeviceMatrix filled(Scope scope, int features, double value) {
        try (HostMatrix host = HostMatrix.allocate(DType.F32, 1, features)) {
            for (int i = 0; i < features; i++) {
                host.set(0, i, value);
            }
            return scope.upload(host, DType.F32);
        }
    }

    private static double last(Rank rank, DeviceMatrix matrix) {
        try (HostMatrix host = rank.download(matrix)) {
            double value = host.get(0, matrix.columns() - 1);
            for (long i = 0; i < matrix.columns(); i++) {
                assertEquals(value, host.get(0, i));
            }
            return value;
        }
    }

    private static void delay(Random delays) {
        int kind = delays.nextInt(20);
        if (kind == 0) {
            LockSupport.parkNanos(delays.nextInt(300_000));
        } else if (kind < 5) {
            for (int spin = delays.nextInt(3_000); spin > 0; spin--) {
                Thread.onSpinWait();
            }
        }
    }
}
