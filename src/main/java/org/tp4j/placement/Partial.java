package org.tp4j.placement;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.tp4j.device.Addends;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Nonlinearity;
import org.tp4j.tensor.DType;

/**
 * Each rank holds a summand of the whole activation, in the accumulator's dtype, and the bias that the sum gets. Only a
 * reduction makes an activation of it, and that adds the bias, once: nothing but another Partial can be added before, and
 * no nonlinearity applied.
 */
public final class Partial implements Placement {
    private final Member member;
    private final ShardPlan plan;
    private final DType dtype;
    private final DeviceMatrix matrix;
    private final Optional<Bias> bias;

    /**
     * What the sum gets.
     *
     * @param row (1, features), of the activation's dtype or its accumulator's
     * @param isBorrowed whether it is a layer's, and not this Partial's own
     */
    private record Bias(DeviceMatrix row, boolean isBorrowed) {}

    private Partial(Member member, ShardPlan plan, DType dtype, DeviceMatrix matrix, Optional<Bias> bias) {
        this.member = member;
        this.plan = plan;
        this.dtype = dtype;
        this.matrix = matrix;
        this.bias = bias;
    }

    /** As {@link #unchecked(Member, ShardPlan, DType, DeviceMatrix, Optional)}, without a bias. */
    public static Partial unchecked(Member member, ShardPlan plan, DType dtype, DeviceMatrix matrix) {
        return unchecked(member, plan, dtype, matrix, Optional.empty());
    }

    /**
     * A summand, for who writes a layer. Nobody checks what the caller claims: that the activation is the sum of what the
     * ranks say here, plus the bias.
     *
     * @param member whose summand this is
     * @param plan how the summed dimension is cut
     * @param dtype the dtype of the activation that the sum will have
     * @param matrix (tokens, features), of the accumulator of {@code dtype}
     * @param bias (1, features), on all ranks of the plan, if the sum gets one; borrowed: it stays the layer's, which keeps it
     *     until the reduction
     * @throws IllegalArgumentException if the matrix does not fit the dtype, the plan the rank, or the bias the matrix
     */
    public static Partial unchecked(
            Member member, ShardPlan plan, DType dtype, DeviceMatrix matrix, Optional<Replicated> bias) {
        Objects.requireNonNull(member, "member");
        if (!plan.group().equals(member.group()) || matrix.dtype() != dtype.accumulator()) {
            throw new IllegalArgumentException("a partial sum for " + dtype + " by the plan " + plan + " must be in "
                    + dtype.accumulator() + " on a rank of that plan, but is " + matrix + " on " + member);
        }
        bias.ifPresent(b -> checkBias(b, matrix, dtype, plan.group()));
        return new Partial(member, plan, dtype, matrix, bias.map(b -> new Bias(b.matrix(), true)));
    }

    private static void checkBias(Replicated bias, DeviceMatrix sum, DType dtype, Group group) {
        boolean fits = bias.tokens() == 1 && bias.features() == sum.columns();
        if (!fits || !bias.member().group().covers(group)) {
            throw new IllegalArgumentException("the bias is " + bias.matrix() + " on "
                    + bias.member().group() + ", but the sum has " + sum.columns() + " features on " + group
                    + ": the bias must be (1, " + sum.columns() + ") on these ranks");
        }
        if (bias.dtype() != dtype && bias.dtype() != dtype.accumulator()) {
            throw new IllegalArgumentException("the bias is " + bias.matrix() + ", but the sum will be " + dtype
                    + ": the bias must have that dtype or its accumulator's, " + dtype.accumulator());
        }
    }

    @Override
    public Member member() {
        return member;
    }

    /** How the summed dimension is cut. */
    public ShardPlan plan() {
        return plan;
    }

    @Override
    public DType dtype() {
        return dtype;
    }

    @Override
    public long tokens() {
        return matrix.rows();
    }

    @Override
    public long features() {
        return matrix.columns();
    }

    /** This rank's summand: (tokens, features), of the accumulator of {@link #dtype}. */
    public DeviceMatrix matrix() {
        return matrix;
    }

    /** What the reduction adds to the sum, once: (1, features), the same on every rank. */
    public Optional<DeviceMatrix> bias() {
        return bias.map(Bias::row);
    }

    /** The summand, and the bias where it is a sum of biases; a bias that is a layer's own is not this value's. */
    @Override
    public List<DeviceMatrix> matrices() {
        List<DeviceMatrix> own = new ArrayList<>(List.of(matrix));
        bias.filter(b -> !b.isBorrowed()).ifPresent(b -> own.add(b.row()));
        return own;
    }

    /**
     * The summand of the sum of both activations, and of their biases, which are added in the accumulator's dtype; both
     * have one plan, dtype and shape.
     */
    public Partial plus(Partial other) {
        Elementwise.checkSame("sum", plan, other.plan);
        Elementwise.checkSameShape("sum", matrix.checked(), other.matrix.checked());
        if (dtype != other.dtype) {
            throw new IllegalArgumentException("a sum of partial sums for " + dtype + " and " + other.dtype);
        }
        return new Partial(member, plan, dtype, sum(matrix, other.matrix), biasOfSum(other));
    }

    private Optional<Bias> biasOfSum(Partial other) {
        if (bias.isPresent() && other.bias.isPresent()) {
            return Optional.of(new Bias(sum(wide(bias.get()), wide(other.bias.get())), false));
        }
        return bias.or(() -> other.bias).map(only -> only.isBorrowed() ? only : new Bias(copy(only.row()), false));
    }

    /** In the accumulator's dtype. */
    private DeviceMatrix wide(Bias narrow) {
        DeviceMatrix row = narrow.row().checked();
        return row.dtype() == dtype.accumulator()
                ? row
                : Elementwise.apply(Nonlinearity.NONE, row, dtype.accumulator());
    }

    private static DeviceMatrix copy(DeviceMatrix row) {
        return Elementwise.apply(Nonlinearity.NONE, row, row.dtype());
    }

    private static DeviceMatrix sum(DeviceMatrix left, DeviceMatrix right) {
        DeviceMatrix sum = Elementwise.like(left);
        long count = Math.multiplyExact(sum.rows(), sum.columns());
        sum.scope().stream().reduce(List.of(left, right), 0, count, Addends.NONE, List.of(sum));
        return sum;
    }
}
