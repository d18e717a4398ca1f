package org.tp4j.placement;

import java.util.List;
import java.util.Objects;
import org.tp4j.device.Addends;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.SumOrder;
import org.tp4j.tensor.DType;

/**
 * Each rank holds a summand of the whole activation, in the accumulator's dtype. Only a reduction makes an activation of
 * it: nothing but another Partial can be added, and no nonlinearity applied.
 *
 * @param member whose summand this is
 * @param plan how the summed dimension is cut
 * @param dtype the dtype of the activation that the sum will have
 * @param matrix (tokens, features), of the accumulator of {@code dtype}
 */
public record Partial(Member member, ShardPlan plan, DType dtype, DeviceMatrix matrix) implements Placement {
    public Partial {
        Objects.requireNonNull(member, "member");
        if (!plan.group().equals(member.group()) || matrix.dtype() != dtype.accumulator()) {
            throw new IllegalArgumentException("a partial sum for " + dtype + " by the plan " + plan + " must be in "
                    + dtype.accumulator() + " on a rank of that plan, but is " + matrix + " on " + member);
        }
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

    /** The summand of the sum of both activations; both have one plan, dtype and shape. */
    public Partial plus(Partial other) {
        Elementwise.checkSame("sum", plan, other.plan);
        Elementwise.checkSameShape("sum", matrix.checked(), other.matrix.checked());
        if (dtype != other.dtype) {
            throw new IllegalArgumentException("a sum of partial sums for " + dtype + " and " + other.dtype);
        }
        DeviceMatrix sum = Elementwise.like(matrix);
        matrix.scope().stream()
                .reduce(
                        List.of(matrix, other.matrix),
                        0,
                        Math.multiplyExact(matrix.rows(), matrix.columns()),
                        SumOrder.LEFT,
                        Addends.NONE,
                        List.of(sum));
        return new Partial(member, plan, dtype, sum);
    }
}
