package org.tp4j.placement;

import java.util.List;
import java.util.Objects;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Nonlinearity;
import org.tp4j.tensor.DType;

/** Each rank holds all features of its slice of the tokens. */
public final class TokenSharded implements Placement {
    private final Member member;
    private final ShardPlan plan;
    private final DeviceMatrix matrix;

    private TokenSharded(Member member, ShardPlan plan, DeviceMatrix matrix) {
        this.member = Objects.requireNonNull(member, "member");
        this.plan = plan;
        this.matrix = matrix;
        if (!plan.group().equals(member.group()) || plan.isCanonical() || matrix.rows() != plan.size(member.index())) {
            throw new IllegalArgumentException("the plan " + plan + " does not fit " + matrix + " on " + member);
        }
    }

    /**
     * A rank's slice, for who writes a layer or a collective. Nobody checks what the caller claims: that the ranks hold
     * slices of one activation.
     *
     * @param member whose slice this is
     * @param plan how the tokens are cut
     * @param matrix (this rank's tokens, features)
     * @throws IllegalArgumentException if the matrix does not fit the plan, or the plan the rank
     */
    public static TokenSharded unchecked(Member member, ShardPlan plan, DeviceMatrix matrix) {
        return new TokenSharded(member, plan, matrix);
    }

    @Override
    public Member member() {
        return member;
    }

    /** How the tokens are cut. */
    public ShardPlan plan() {
        return plan;
    }

    /** (this rank's tokens, features). */
    public DeviceMatrix matrix() {
        return matrix;
    }

    @Override
    public DType dtype() {
        return matrix.dtype();
    }

    @Override
    public long tokens() {
        return plan.dimension();
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
    public TokenSharded apply(Nonlinearity f) {
        return new TokenSharded(member, plan, Elementwise.apply(f, matrix));
    }

    /** {@code f(this) * up}, elementwise; both have one plan. */
    public TokenSharded gate(Nonlinearity f, TokenSharded up) {
        Elementwise.checkSame("gate", plan, up.plan);
        return new TokenSharded(member, plan, Elementwise.gate(f, matrix, up.matrix));
    }
}
