package org.tp4j.verify;

import java.util.List;
import org.tp4j.comm.Rank;
import org.tp4j.comm.World;
import org.tp4j.layer.ColumnParallelLinear;
import org.tp4j.layer.MlpWeights;
import org.tp4j.layer.ParallelMlp;
import org.tp4j.layer.RowParallelLinear;
import org.tp4j.layer.Weight;
import org.tp4j.placement.Partial;
import org.tp4j.placement.Replicated;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.WeightLayout;

/** Layers split over a world, as a user would write them. Results are the caller's to close. */
final class Split {
    private Split() {}

    /** A linear layer split by output features. */
    static HostMatrix column(World world, LinearProblem p, DType dtype) {
        return world.compute(rank -> {
            var layer = ColumnParallelLinear.shardOf(rank, weight(p, dtype));
            return rank.comm().allGather(layer.forward(rank.replicate(p.x(), dtype)));
        });
    }

    /** A linear layer split by input features. */
    static HostMatrix row(World world, LinearProblem p, DType dtype) {
        return world.compute(rank -> row(rank, p, dtype));
    }

    /** What one rank gave to an all-reduce, and what it got. */
    record Reduced(HostMatrix part, HostMatrix sum) implements AutoCloseable {
        @Override
        public void close() {
            part.close();
            sum.close();
        }
    }

    /** As {@link #row(World, LinearProblem, DType)}; every rank's copy, and its summand before the sum. */
    static List<Reduced> rowWithParts(World world, LinearProblem p, DType dtype) {
        return world.runAll(rank -> {
            Partial partial = partial(rank, p, dtype);
            return new Reduced(
                    rank.download(partial.matrix()), rank.download(rank.comm().allReduce(partial)));
        });
    }

    /** As {@link #row(World, LinearProblem, DType)}; every rank's copy. */
    static List<HostMatrix> rowOnEveryRank(World world, LinearProblem p, DType dtype) {
        return world.runAll(rank -> rank.download(row(rank, p, dtype)));
    }

    /** An MLP with an all-reduce. */
    static HostMatrix mlp(World world, MlpProblem p, DType dtype) {
        return world.compute(rank ->
                ParallelMlp.shardOf(rank, weights(p, dtype)).allReduced(rank.comm(), rank.replicate(p.x(), dtype)));
    }

    /** An MLP on sharded tokens, with an all-gather before and a reduce-scatter after; joined at the end. */
    static HostMatrix sequenceParallelMlp(World world, MlpProblem p, DType dtype) {
        return world.compute(rank -> {
            var block = ParallelMlp.shardOf(rank, weights(p, dtype));
            return rank.comm().allGather(block.sequenceParallel(rank.comm(), rank.shardTokens(p.x(), dtype)));
        });
    }

    private static Replicated row(Rank rank, LinearProblem p, DType dtype) {
        return rank.comm().allReduce(partial(rank, p, dtype));
    }

    private static Partial partial(Rank rank, LinearProblem p, DType dtype) {
        return RowParallelLinear.shardOf(rank, weight(p, dtype)).forward(rank.shardFeatures(p.x(), dtype));
    }

    private static Weight weight(LinearProblem p, DType dtype) {
        return new Weight(p.w(), p.layout(), p.bias(), dtype);
    }

    private static MlpWeights weights(MlpProblem p, DType dtype) {
        Weight up = weight(p.w1(), p.layout(), dtype);
        Weight down = new Weight(p.w2(), p.layout(), p.bias(), dtype);
        return new MlpWeights(up, p.gate().map(g -> weight(g, p.layout(), dtype)), p.nonlinearity(), down);
    }

    private static Weight weight(HostMatrix w, WeightLayout layout, DType dtype) {
        return (layout == WeightLayout.OUT_IN ? Weight.outIn(w) : Weight.inOut(w)).as(dtype);
    }
}
