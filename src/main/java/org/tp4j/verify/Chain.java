package org.tp4j.verify;

import java.util.ArrayList;
import java.util.List;
import org.tp4j.comm.Rank;
import org.tp4j.comm.World;
import org.tp4j.layer.ColumnParallelLinear;
import org.tp4j.layer.RowParallelLinear;
import org.tp4j.layer.Weight;
import org.tp4j.placement.FeatureSharded;
import org.tp4j.placement.Partial;
import org.tp4j.placement.Placement;
import org.tp4j.placement.Replicated;
import org.tp4j.placement.TokenSharded;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/**
 * A layer on one rank whose activations are released as soon as they were given to a collective. The next layer's then lie
 * in the same memory, and must not be written before all ranks have read what was there, long after they enqueued that.
 */
final class Chain {
    private final Rank rank;
    private final RowParallelLinear row;
    private final ColumnParallelLinear column;
    private final FeatureSharded slice;
    private final Replicated whole;

    private Chain(Rank rank, LinearProblem p, DType dtype) {
        Weight w = new Weight(p.w(), p.layout(), p.bias(), dtype);
        this.rank = rank;
        this.row = RowParallelLinear.shardOf(rank, w);
        this.column = ColumnParallelLinear.shardOf(rank, w);
        this.slice = rank.shardFeatures(p.x(), dtype);
        this.whole = rank.replicate(p.x(), dtype);
    }

    /**
     * Two all-reduces, two reduce-scatters with their all-gathers and two all-gathers in one run, of the two layers in turn.
     *
     * @return the six results of every rank, for the caller to close
     */
    static List<List<HostMatrix>> on(World world, LinearProblem first, LinearProblem second, DType dtype) {
        return world.runAll(rank -> {
            List<Chain> layers = List.of(new Chain(rank, first, dtype), new Chain(rank, second, dtype));
            List<Replicated> results = new ArrayList<>();
            layers.forEach(layer -> results.add(layer.allReduced()));
            layers.forEach(layer -> results.add(layer.reduceScattered()));
            layers.forEach(layer -> results.add(layer.allGathered()));
            return results.stream().map(rank::download).toList();
        });
    }

    private Replicated allReduced() {
        Partial partial = row.forward(slice);
        Replicated y = rank.comm().allReduce(partial);
        release(partial);
        return y;
    }

    private Replicated reduceScattered() {
        Partial partial = row.forward(slice);
        TokenSharded rows = rank.comm().reduceScatter(partial);
        release(partial);
        Replicated y = rank.comm().allGather(rows);
        release(rows);
        return y;
    }

    private Replicated allGathered() {
        FeatureSharded columns = column.forward(whole);
        Replicated y = rank.comm().allGather(columns);
        release(columns);
        return y;
    }

    /** Only memory whose readers have all been enqueued is used again: the barrier sees to that, and waits for no device. */
    private void release(Placement value) {
        rank.release(value);
        rank.comm().barrier();
    }
}
