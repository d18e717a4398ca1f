package org.tp4j.placement;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Nonlinearity;
import org.tp4j.tensor.DType;

/** Every rank of the group holds all of the activation, with the same bits. */
public final class Replicated implements Placement {
    private final Member member;
    private final DeviceMatrix matrix;

    private Replicated(Member member, DeviceMatrix matrix) {
        this.member = Objects.requireNonNull(member, "member");
        this.matrix = Objects.requireNonNull(matrix, "matrix");
    }

    /**
     * A rank's copy, for who writes a layer or a collective. Nobody checks what the caller claims: that every rank of the
     * group holds these bits.
     *
     * @param member whose copy this is
     * @param matrix (tokens, features)
     */
    public static Replicated unchecked(Member member, DeviceMatrix matrix) {
        return new Replicated(member, matrix);
    }

    @Override
    public Member member() {
        return member;
    }

    /** (tokens, features). */
    public DeviceMatrix matrix() {
        return matrix;
    }

    @Override
    public DType dtype() {
        return matrix.dtype();
    }

    @Override
    public long tokens() {
        return matrix.rows();
    }

    @Override
    public long features() {
        return matrix.columns();
    }

    @Override
    public List<DeviceMatrix> matrices() {
        return List.of(matrix);
    }

    /** {@code f(x)}, elementwise. */
    public Replicated apply(Nonlinearity f) {
        return new Replicated(member, Elementwise.apply(f, matrix));
    }

    /** {@code f(this) * up}, elementwise. */
    public Replicated gate(Nonlinearity f, Replicated up) {
        Elementwise.checkSame("gate", member, up.member);
        return new Replicated(member, Elementwise.gate(f, matrix, up.matrix));
    }

    /** This rank's slice of the features; moves nothing when the plan is even. */
    public FeatureSharded features(ShardPlan plan) {
        checkPlan(plan, features(), "features");
        List<DeviceMatrix> blocks = new ArrayList<>(plan.blocksPerRank());
        int first = plan.firstBlock(member.index());
        for (int block = first; block < first + plan.blocksPerRank(); block++) {
            long start = plan.blockStart(block);
            DeviceMatrix slice = matrix.checked().columns(start, start + plan.blockSize(block));
            blocks.add(plan.isCanonical() ? Elementwise.padded(slice, plan.blockWidth(block)) : slice);
        }
        return FeatureSharded.unchecked(member, plan, blocks);
    }

    /** This rank's slice of the tokens; moves nothing. */
    public TokenSharded tokens(ShardPlan plan) {
        checkPlan(plan, tokens(), "tokens");
        return TokenSharded.unchecked(
                member, plan, matrix.checked().rows(plan.start(member.index()), plan.end(member.index())));
    }

    private void checkPlan(ShardPlan plan, long dimension, String name) {
        if (plan.dimension() != dimension || !plan.group().equals(member.group())) {
            throw new IllegalArgumentException("an activation of " + dimension + " " + name + " on " + member.group()
                    + " cannot be split by the plan " + plan);
        }
    }
}
