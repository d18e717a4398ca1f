package org.tp4j.layer;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.tp4j.comm.Rank;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Stream;
import org.tp4j.placement.ShardPlan;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.MatrixSource;
import org.tp4j.tensor.WeightLayout;

/**
 * The whole, unsplit parameters of a linear layer.
 *
 * @param matrix the weight, in host memory or in a file, of which each rank then reads its shard
 * @param layout how it lies
 * @param bias (1, out features), if there is one
 * @param dtype what the shards are rounded to, and the layer computes in
 */
public record Weight(MatrixSource matrix, WeightLayout layout, Optional<HostMatrix> bias, DType dtype) {
    public Weight {
        Objects.requireNonNull(matrix, "matrix");
        Objects.requireNonNull(layout, "layout");
        Objects.requireNonNull(dtype, "dtype");
        if (bias.isPresent()) {
            HostMatrix b = bias.get();
            if (b.rows() != 1 || b.columns() != layout.out(matrix)) {
                throw new IllegalArgumentException("the bias is " + b.shape() + " but the weight " + matrix.shape()
                        + " (" + layout.label() + ") has " + layout.out(matrix)
                        + " output features: the bias must be (1, "
                        + layout.out(matrix) + ")");
            }
        }
    }

    /** A weight (out, in), as PyTorch's {@code nn.Linear} has it, without a bias. */
    public static Weight outIn(MatrixSource matrix) {
        return new Weight(matrix, WeightLayout.OUT_IN, Optional.empty(), matrix.dtype());
    }

    /** A weight (in, out), without a bias. */
    public static Weight inOut(MatrixSource matrix) {
        return new Weight(matrix, WeightLayout.IN_OUT, Optional.empty(), matrix.dtype());
    }

    /** This weight with a bias (1, out features). */
    public Weight withBias(HostMatrix b) {
        return new Weight(matrix, layout, Optional.of(b), dtype);
    }

    /** This weight, its shards rounded once to another dtype. */
    public Weight as(DType other) {
        return new Weight(matrix, layout, bias, other);
    }

    /** Whether this weight can stand beside another in one product. */
    boolean fits(Weight other) {
        return in() == other.in()
                && out() == other.out()
                && layout == other.layout
                && dtype == other.dtype
                && bias.isPresent() == other.bias.isPresent();
    }

    /** Input features. */
    public long in() {
        return layout.in(matrix);
    }

    /** Output features. */
    public long out() {
        return layout.out(matrix);
    }

    /**
     * The rows or columns of some weights that make a block of their output features, one below (or beside) the other, on
     * a rank's device. In TP-invariant mode a block lies packed in memory of its own, at its padded width.
     */
    static DeviceMatrix outBlock(Rank rank, List<Weight> weights, ShardPlan plan, int block) {
        Weight first = weights.get(0);
        WeightLayout layout = first.layout;
        long from = plan.blockStart(block);
        long to = from + plan.blockSize(block);
        long width = plan.blockWidth(block);
        if (weights.size() == 1 && !plan.isCanonical()) {
            return rank.uploadWeight(layout.outSlice(first.matrix, from, to), first.dtype);
        }
        boolean outIn = layout == WeightLayout.OUT_IN;
        long all = Math.multiplyExact(width, weights.size());
        DeviceMatrix stacked =
                rank.innermost().allocate(first.dtype, outIn ? all : first.in(), outIn ? first.in() : all);
        Stream stream = rank.innermost().stream();
        if (plan.blockSize(block) < width) {
            stream.zero(stacked);
        }
        for (int i = 0; i < weights.size(); i++) {
            MatrixSource slice = layout.outSlice(weights.get(i).matrix, from, to);
            long start = i * width;
            long end = start + plan.blockSize(block);
            stream.upload(slice, outIn ? stacked.rows(start, end) : stacked.columns(start, end));
        }
        return stacked;
    }

    /** The rows or columns that read a block of the input features, on a rank's device; packed as {@link #outBlock}. */
    DeviceMatrix inBlock(Rank rank, ShardPlan plan, int block) {
        long from = plan.blockStart(block);
        MatrixSource slice = layout.inSlice(matrix, from, from + plan.blockSize(block));
        if (!plan.isCanonical()) {
            return rank.uploadWeight(slice, dtype);
        }
        long width = plan.blockWidth(block);
        return layout == WeightLayout.OUT_IN
                ? rank.uploadPadded(slice, dtype, out(), width)
                : rank.uploadPadded(slice, dtype, width, out());
    }

    /** The part of these weights' biases that belongs to a block of their output features, side by side. */
    static Optional<DeviceMatrix> biasBlock(Rank rank, List<Weight> weights, ShardPlan plan, int block) {
        if (weights.get(0).bias.isEmpty()) {
            return Optional.empty();
        }
        long from = plan.blockStart(block);
        long size = plan.blockSize(block);
        long width = plan.blockWidth(block);
        DeviceMatrix stacked =
                rank.innermost().allocate(weights.get(0).dtype, 1, Math.multiplyExact(width, weights.size()));
        Stream stream = rank.innermost().stream();
        stream.zero(stacked);
        for (int i = 0; i < weights.size(); i++) {
            HostMatrix slice = weights.get(i).bias.orElseThrow().columns(from, from + size);
            stream.upload(slice, stacked.columns(i * width, i * width + size));
        }
        return Optional.of(stacked);
    }
}
