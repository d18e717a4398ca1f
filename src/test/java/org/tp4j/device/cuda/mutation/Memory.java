package org.tp4j.device.cuda.mutation;

import java.util.List;
import java.util.concurrent.CyclicBarrier;
import org.tp4j.comm.Rank;
import org.tp4j.device.Addends;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Scope;
import org.tp4j.device.Stream;
import org.tp4j.placement.ShardPlan;
import org.tp4j.placement.TokenSharded;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/** What scenarios do with a rank's memory. Their matrices are of one size class, so that each is used again soon. */
final class Memory {
    static final long TOKENS = 7;
    static final long FEATURES = 64;

    private Memory() {}

    /** Other elements for every seed. */
    static DeviceMatrix upload(Scope scope, int seed) {
        return upload(scope, seed, TOKENS, FEATURES);
    }

    static DeviceMatrix upload(Scope scope, int seed, long rows, long columns) {
        try (HostMatrix values = Scenario.values(seed, rows, columns)) {
            return scope.upload(values, DType.F32);
        }
    }

    static DeviceMatrix zeros(Scope scope) {
        return zeros(scope, TOKENS, FEATURES);
    }

    static DeviceMatrix zeros(Scope scope, long rows, long columns) {
        DeviceMatrix matrix = scope.allocate(DType.F32, rows, columns);
        scope.stream().zero(matrix);
        return matrix;
    }

    /** {@code 2 source}, made by a kernel: bytes that no pinned memory holds from an upload. */
    static DeviceMatrix doubled(Scope scope, DeviceMatrix source) {
        DeviceMatrix sum = scope.allocate(DType.F32, source.rows(), source.columns());
        Stream stream = scope.stream();
        stream.reduce(List.of(source, source), 0, source.rows() * source.columns(), Addends.NONE, List.of(sum));
        return sum;
    }

    /** Ends a run with devices that still read their peers' memory; only then does the host wait for anything. */
    static void part(Rank rank, CyclicBarrier barrier) {
        try (Scope inner = rank.scope()) {
            ShardPlan plan = ShardPlan.even(rank.comm().group(), TOKENS);
            DeviceMatrix slice = zeros(inner).rows(0, plan.size(rank.index()));
            rank.comm().allGather(TokenSharded.unchecked(rank.member(), plan, slice));
            Scenario.meet(barrier);
        }
    }

    /** Begins a run by overwriting whatever the last one left; only then does the host wait for anything. */
    static void overwriteAll(Rank rank, CyclicBarrier barrier) {
        for (int i = 0; i < 10; i++) {
            zeros(rank.innermost());
        }
        Scenario.meet(barrier);
    }
}
