package org.tp4j.layer;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.tp4j.comm.Rank;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.placement.FeatureSharded;
import org.tp4j.placement.Member;
import org.tp4j.placement.Replicated;
import org.tp4j.placement.ShardPlan;
import org.tp4j.tensor.MatrixSource;

/**
 * A linear layer split by output features: rank r holds the rows {@code W_r} of W (out, in) and computes
 *
 * <pre>{@code y_r = x W_r^T + b_r}</pre>
 *
 * its slice of y, without communication. As {@code ColumnParallelLinear} of Megatron-LM (Shoeybi et al.,
 * arXiv:1909.08053).
 */
public final class ColumnParallelLinear {
    private final Member member;
    private final ShardPlan plan;
    private final Weight weight;
    private final List<DeviceMatrix> blocks = new ArrayList<>();
    private final List<Optional<DeviceMatrix>> biases = new ArrayList<>();

    private ColumnParallelLinear(Rank rank, Weight weight) {
        this.member = rank.member();
        this.plan = rank.comm().plan(weight.out());
        this.weight = weight;
        for (int i = 0; i < plan.blocksPerRank(); i++) {
            int block = plan.firstBlock(member.index()) + i;
            blocks.add(Weight.outBlock(rank, List.of(weight), plan, block));
            biases.add(Weight.biasBlock(rank, List.of(weight), plan, block));
        }
    }

    /** The shard of {@code w} (out, in) that belongs to {@code rank}. */
    public static ColumnParallelLinear shardOf(Rank rank, MatrixSource w) {
        return shardOf(rank, Weight.outIn(w));
    }

    /** The shard of {@code weight} that belongs to {@code rank}; it lives as long as the rank's innermost scope. */
    public static ColumnParallelLinear shardOf(Rank rank, Weight weight) {
        return new ColumnParallelLinear(rank, weight);
    }

    /** How the output features are cut. */
    public ShardPlan plan() {
        return plan;
    }

    /**
     * {@code y_r = x W_r^T + b_r}, rounded once to the layer's dtype.
     *
     * @param x (tokens, in)
     * @return this rank's slice of (tokens, out)
     * @throws IllegalArgumentException if x does not fit the weight, or is not on all of the layer's ranks
     */
    public FeatureSharded forward(Replicated x) {
        Products.checkInput("column-parallel", weight, plan, x);
        List<DeviceMatrix> slices = new ArrayList<>(blocks.size());
        for (int i = 0; i < blocks.size(); i++) {
            DeviceMatrix product = Products.product(x.matrix(), blocks.get(i), weight.layout());
            DeviceMatrix slice = Products.round(product, biases.get(i), weight.dtype());
            Products.zeroPadding(slice, plan, plan.firstBlock(member.index()) + i);
            slices.add(slice);
        }
        return FeatureSharded.unchecked(member, plan, slices);
    }
}
