package org.tp4j.layer;

import org.tp4j.comm.Communicator;
import org.tp4j.comm.Rank;
import org.tp4j.placement.FeatureSharded;
import org.tp4j.placement.Partial;
import org.tp4j.placement.Replicated;
import org.tp4j.placement.TokenSharded;
import org.tp4j.tensor.MatrixSource;

/**
 * The transformer's feed-forward block: a column-parallel layer, a nonlinearity on every shard, a row-parallel layer.
 *
 * <pre>{@code
 * h_r = f(x W1_r)                     or, with a gate,  h_r = f(x WG_r) * (x W1_r)
 * y   = h_0 W2_0 + h_1 W2_1 + ... + b
 * }</pre>
 *
 * <p>Exactly one collective: an all-reduce ({@link #allReduced}), or, where the tokens are sharded outside of the block, an
 * all-gather and a reduce-scatter, which move as much together ({@link #sequenceParallel}; Korthikanti et al.,
 * arXiv:2205.05198).
 */
public final class ParallelMlp {
    private final Hidden hidden;
    private final RowParallelLinear down;

    private ParallelMlp(Hidden hidden, RowParallelLinear down) {
        this.hidden = hidden;
        this.down = down;
    }

    /** The shards of W1 (in, hidden) and W2 (hidden, out) that belong to {@code rank}, with a ReLU between. */
    public static ParallelMlp shardOf(Rank rank, MatrixSource w1, MatrixSource w2) {
        return shardOf(rank, MlpWeights.of(w1, w2));
    }

    /** The shards of {@code weights} that belong to {@code rank}; they live as long as the rank's innermost scope. */
    public static ParallelMlp shardOf(Rank rank, MlpWeights weights) {
        Hidden hidden = weights.gate().isPresent()
                ? new Hidden.Gated(rank, weights.gate().get(), weights.up(), weights.nonlinearity())
                : new Hidden.Plain(ColumnParallelLinear.shardOf(rank, weights.up()), weights.nonlinearity());
        return new ParallelMlp(hidden, RowParallelLinear.shardOf(rank, weights.down()));
    }

    /** The hidden activation: {@code h_r}, this rank's slice of (tokens, hidden). */
    public FeatureSharded hidden(Replicated x) {
        return hidden.forward(x);
    }

    /** This rank's summand of y, {@code h_r W2_r}, and the bias that a reduction adds. */
    public Partial forward(Replicated x) {
        return down.forward(hidden.forward(x));
    }

    /** {@code y}, by one all-reduce. */
    public Replicated allReduced(Communicator comm, Replicated x) {
        return comm.allReduce(forward(x));
    }

    /** {@code y}, for tokens that are sharded: an all-gather before, a reduce-scatter after. */
    public TokenSharded sequenceParallel(Communicator comm, TokenSharded x) {
        return comm.reduceScatter(forward(comm.allGather(x)));
    }
}
