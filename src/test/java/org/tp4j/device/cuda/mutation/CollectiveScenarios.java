package org.tp4j.device.cuda.mutation;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CyclicBarrier;
import org.tp4j.comm.Communicator;
import org.tp4j.comm.PerRank;
import org.tp4j.comm.Rank;
import org.tp4j.comm.World;
import org.tp4j.device.AllReduceAlgorithm;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Scope;
import org.tp4j.placement.FeatureSharded;
import org.tp4j.placement.Partial;
import org.tp4j.placement.ShardPlan;
import org.tp4j.placement.TokenSharded;
import org.tp4j.tensor.DType;

/** Every collective, twice in a row, with memory that is used again: at once, at the end, and in the next run. */
final class CollectiveScenarios {
    private static final Duration LIMIT = Duration.ofSeconds(20);

    private CollectiveScenarios() {}

    /** A collective of a rank's matrix (TOKENS, FEATURES), of which it may take a part. */
    private enum Kind {
        ALL_REDUCE_EAGER {
            @Override
            DeviceMatrix perform(Rank rank, DeviceMatrix given, int call) {
                if (call == 1) {
                    rank.comm()
                            .barrier(); // hosts meet, devices do not: the next copy replaces one that may be read still
                    return given;
                }
                return rank.comm().allReduce(partial(rank, rank.comm(), given)).matrix();
            }

            @Override
            int calls() {
                return 4;
            }
        },
        ALL_REDUCE_ONE_SHOT {
            @Override
            DeviceMatrix perform(Rank rank, DeviceMatrix given, int call) {
                return rank.comm().allReduce(partial(rank, rank.comm(), given)).matrix();
            }
        },
        ALL_REDUCE_TWO_SHOT {
            @Override
            DeviceMatrix perform(Rank rank, DeviceMatrix given, int call) {
                return rank.comm().allReduce(partial(rank, rank.comm(), given)).matrix();
            }
        },
        REDUCE_SCATTER {
            @Override
            DeviceMatrix perform(Rank rank, DeviceMatrix given, int call) {
                return rank.comm()
                        .reduceScatter(partial(rank, rank.comm(), given))
                        .matrix();
            }
        },
        ALL_GATHER_FEATURES {
            @Override
            DeviceMatrix perform(Rank rank, DeviceMatrix given, int call) {
                ShardPlan plan = rank.comm().plan(Memory.FEATURES);
                DeviceMatrix slice = given.columns(0, plan.size(rank.index()));
                return rank.comm()
                        .allGather(FeatureSharded.unchecked(rank.member(), plan, List.of(slice)))
                        .matrix();
            }
        },
        ALL_GATHER_TOKENS {
            @Override
            DeviceMatrix perform(Rank rank, DeviceMatrix given, int call) {
                ShardPlan plan = ShardPlan.even(rank.comm().group(), Memory.TOKENS);
                DeviceMatrix slice = given.rows(0, plan.size(rank.index()));
                return rank.comm()
                        .allGather(TokenSharded.unchecked(rank.member(), plan, slice))
                        .matrix();
            }
        },
        BROADCAST {
            @Override
            DeviceMatrix perform(Rank rank, DeviceMatrix given, int call) {
                return rank.comm()
                        .broadcast(given, (rank.groupSize() - 1 + call) % rank.groupSize())
                        .matrix();
            }
        };

        abstract DeviceMatrix perform(Rank rank, DeviceMatrix given, int call);

        AllReduceAlgorithm algorithm() {
            return switch (this) {
                case ALL_REDUCE_EAGER -> AllReduceAlgorithm.EAGER;
                case ALL_REDUCE_TWO_SHOT -> AllReduceAlgorithm.TWO_SHOT;
                default -> AllReduceAlgorithm.ONE_SHOT;
            };
        }

        /** How many follow each other: as many as show whether one waits for those before. */
        int calls() {
            return 2;
        }

        String label() {
            return name().toLowerCase(Locale.ROOT).replace('_', ' ');
        }
    }

    /** What a rank does between two collectives. */
    private enum Between {
        NOTHING("back to back"),
        REUSE("its memory used again"),
        /** What each rank's host waits for then, the others do not know. */
        DOWNLOAD_AND_REUSE("its result downloaded, its memory used again");

        final String label;

        Between(String label) {
            this.label = label;
        }
    }

    /** On one device, or on one for each rank. */
    static List<Scenario> all(boolean oneDevice) {
        List<Scenario> scenarios = new ArrayList<>();
        for (int ranks : List.of(2, 3)) {
            int devices = oneDevice ? 1 : ranks;
            for (Kind kind : Kind.values()) {
                for (Between between : Between.values()) {
                    scenarios.add(new Scenario(
                            kind.label() + ", " + ranks + " ranks, " + between.label,
                            devices,
                            on -> repeated(on, ranks, kind, between)));
                }
            }
        }
        scenarios.add(new Scenario("a matrix given to two groups", oneDevice ? 1 : 3, CollectiveScenarios::twoGroups));
        return scenarios;
    }

    private static List<Long> repeated(List<Device> devices, int ranks, Kind kind, Between between) {
        CyclicBarrier barrier = new CyclicBarrier(ranks);
        try (World world = open(devices, ranks, kind.algorithm())) {
            PerRank<List<DeviceMatrix>> results = world.load(rank -> {
                List<DeviceMatrix> kept = new ArrayList<>();
                try (Scope inner = rank.scope()) {
                    List<DeviceMatrix> uploaded = new ArrayList<>();
                    for (int call = 0; call < kind.calls(); call++) {
                        uploaded.add(Memory.upload(inner, 10 * rank.index() + call));
                    }
                    for (int call = 0; call < kind.calls(); call++) {
                        DeviceMatrix given = Memory.doubled(inner, uploaded.get(call));
                        DeviceMatrix result = used(inner, kind.perform(rank, given, call));
                        kept.add(result);
                        if (between != Between.NOTHING) {
                            Scenario.meet(barrier); // the peers have enqueued their reads
                            if (between == Between.DOWNLOAD_AND_REUSE) {
                                rank.download(result).close();
                            }
                            inner.release(given);
                            Memory.zeros(inner);
                        }
                    }
                }
                Memory.part(rank, barrier);
                return kept;
            });
            return inTheNextRun(world, barrier, results);
        }
    }

    /** Rank 0's matrix is read by rank 1 in one group, then by rank 2 in another. */
    private static List<Long> twoGroups(List<Device> devices) {
        CyclicBarrier barrier = new CyclicBarrier(3);
        try (World world = open(devices, 3, AllReduceAlgorithm.ONE_SHOT)) {
            PerRank<List<DeviceMatrix>> results = world.load(rank -> {
                List<DeviceMatrix> kept = new ArrayList<>();
                List<Communicator> groups =
                        List.of(rank.comm().split(rank.index() / 2), rank.comm().split(rank.index() % 2));
                try (Scope inner = rank.scope()) {
                    DeviceMatrix given = Memory.doubled(inner, Memory.upload(inner, rank.index()));
                    for (Communicator group : groups) {
                        kept.add(used(
                                inner,
                                group.allReduce(partial(rank, group, given)).matrix()));
                        Scenario.meet(barrier);
                    }
                    inner.release(given);
                    Memory.zeros(inner);
                }
                Memory.part(rank, barrier);
                return kept;
            });
            return inTheNextRun(world, barrier, results);
        }
    }

    private static List<Long> inTheNextRun(World world, CyclicBarrier barrier, PerRank<List<DeviceMatrix>> results) {
        return world
                .runAll(rank -> {
                    Memory.overwriteAll(rank, barrier);
                    return results.on(rank).stream()
                            .map(result -> Scenario.checksum(rank.download(result)))
                            .toList();
                })
                .stream()
                .flatMap(List::stream)
                .toList();
    }

    /** What the rank makes of a result at once, kept. */
    private static DeviceMatrix used(Scope inner, DeviceMatrix result) {
        DeviceMatrix use = Memory.doubled(inner, result);
        inner.keep(use);
        return use;
    }

    private static World open(List<Device> devices, int ranks, AllReduceAlgorithm algorithm) {
        return World.builder(devices.get(0).kind(), ranks)
                .devices(devices)
                .allReduce(algorithm)
                .limit(LIMIT)
                .open();
    }

    private static Partial partial(Rank rank, Communicator group, DeviceMatrix given) {
        return Partial.unchecked(rank.in(group).member(), group.plan(Memory.FEATURES), DType.F32, given);
    }
}
