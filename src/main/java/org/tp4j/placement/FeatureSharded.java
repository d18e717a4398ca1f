package org.tp4j.placement;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Nonlinearity;
import org.tp4j.tensor.DType;

/** Each rank holds all tokens and its slice of the features. */
public final class FeatureSharded implements Placement {
    private final Member member;
    private final ShardPlan plan;
    private final List<DeviceMatrix> blocks;

    private FeatureSharded(Member member, ShardPlan plan, List<DeviceMatrix> blocks) {
        this.member = Objects.requireNonNull(member, "member");
        this.plan = plan;
        this.blocks = List.copyOf(blocks);
        if (!plan.group().equals(member.group()) || blocks.size() != plan.blocksPerRank()) {
            throw new IllegalArgumentException(
                    "the plan " + plan + " does not fit " + blocks.size() + " blocks on " + member);
        }
        int first = plan.firstBlock(member.index());
        for (int i = 0; i < blocks.size(); i++) {
            if (blocks.get(i).columns() != plan.blockWidth(first + i)) {
                throw new IllegalArgumentException("block " + (first + i) + " of the plan " + plan + " is "
                        + plan.blockWidth(first + i) + " wide, but its matrix is " + blocks.get(i));
            }
        }
    }

    /**
     * A rank's slice, for who writes a layer or a collective. Nobody checks what the caller claims: that the ranks hold
     * slices of one activation.
     *
     * @param member whose slice this is
     * @param plan how the features are cut
     * @param blocks this rank's blocks of the plan, each (tokens, block width), zero beyond the block's size
     * @throws IllegalArgumentException if the blocks do not fit the plan, or the plan the rank
     */
    public static FeatureSharded unchecked(Member member, ShardPlan plan, List<DeviceMatrix> blocks) {
        return new FeatureSharded(member, plan, blocks);
    }

    @Override
    public Member member() {
        return member;
    }

    /** How the features are cut. */
    public ShardPlan plan() {
        return plan;
    }

    /** This rank's blocks of the plan, each (tokens, block width), zero beyond the block's size. */
    public List<DeviceMatrix> blocks() {
        return blocks;
    }

    @Override
    public DType dtype() {
        return blocks.get(0).dtype();
    }

    @Override
    public long tokens() {
        return blocks.get(0).rows();
    }

    @Override
    public long features() {
        return plan.dimension();
    }

    @Override
    public List<DeviceMatrix> matrices() {
        return blocks;
    }

    /** {@code f(x)}, elementwise. */
    public FeatureSharded apply(Nonlinearity f) {
        List<DeviceMatrix> results = new ArrayList<>(blocks.size());
        for (DeviceMatrix block : blocks) {
            results.add(Elementwise.apply(f, block));
        }
        return new FeatureSharded(member, plan, results);
    }

    /** {@code f(this) * up}, elementwise; both have one plan. */
    public FeatureSharded gate(Nonlinearity f, FeatureSharded up) {
        Elementwise.checkSame("gate", plan, up.plan);
        List<DeviceMatrix> results = new ArrayList<>(blocks.size());
        for (int i = 0; i < blocks.size(); i++) {
            results.add(Elementwise.gate(f, blocks.get(i), up.blocks.get(i)));
        }
        return new FeatureSharded(member, plan, results);
    }
}
