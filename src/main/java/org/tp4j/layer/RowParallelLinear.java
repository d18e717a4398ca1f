package org.tp4j.layer;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.tp4j.comm.Rank;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.placement.FeatureSharded;
import org.tp4j.placement.Member;
import org.tp4j.placement.Partial;
import org.tp4j.placement.Replicated;
import org.tp4j.placement.ShardPlan;
import org.tp4j.tensor.MatrixSource;

/**
 * A linear layer split by input features: rank r holds the columns {@code W_r} of W (out, in), reads its slice of x, and
 * computes
 *
 * <pre>{@code p_r = x_r W_r^T,    y = p_0 + p_1 + ... + b}</pre>
 *
 * its summand of y, without communication. The summand carries the bias, and the reduction that makes y of it adds that. As
 * {@code RowParallelLinear} of Megatron-LM (Shoeybi et al., arXiv:1909.08053).
 */
public final class RowParallelLinear {
    private final Member member;
    private final ShardPlan plan;
    private final Weight weight;
    private final List<DeviceMatrix> blocks = new ArrayList<>();
    private final Optional<Replicated> bias;

    private RowParallelLinear(Rank rank, Weight weight) {
        this.member = rank.member();
        this.plan = rank.comm().plan(weight.in());
        this.weight = weight;
        for (int i = 0; i < plan.blocksPerRank(); i++) {
            blocks.add(weight.inBlock(rank, plan, plan.firstBlock(member.index()) + i));
        }
        this.bias = weight.bias().map(b -> rank.replicate(b, weight.dtype()));
    }

    /** The shard of {@code w} (out, in) that belongs to {@code rank}. */
    public static RowParallelLinear shardOf(Rank rank, MatrixSource w) {
        return shardOf(rank, Weight.outIn(w));
    }

    /** The shard of {@code weight} that belongs to {@code rank}; it lives as long as the rank's innermost scope. */
    public static RowParallelLinear shardOf(Rank rank, Weight weight) {
        return new RowParallelLinear(rank, weight);
    }

    /** How the input features are cut. */
    public ShardPlan plan() {
        return plan;
    }

    /**
     * {@code p_r = x_r W_r^T}, in the accumulator's dtype.
     *
     * @param x this rank's slice of (tokens, in), cut by this layer's plan
     * @return this rank's summand of (tokens, out); it borrows the layer's bias
     * @throws IllegalArgumentException if x does not fit the weight, or is cut by another plan
     */
    public Partial forward(FeatureSharded x) {
        Products.checkInput("row-parallel", weight, plan, x);
        if (!x.plan().equals(plan)) {
            throw new IllegalArgumentException("the row-parallel layer is split as " + plan + ", but its input as "
                    + x.plan() + ": both must be split alike");
        }
        List<DeviceMatrix> products = new ArrayList<>(blocks.size());
        for (int i = 0; i < blocks.size(); i++) {
            products.add(Products.product(x.blocks().get(i), blocks.get(i), weight.layout()));
        }
        return Partial.unchecked(member, plan, weight.dtype(), Products.sum(products), bias);
    }
}
