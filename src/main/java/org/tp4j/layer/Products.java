package org.tp4j.layer;

import java.util.List;
import java.util.Optional;
import org.tp4j.device.Addends;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Scope;
import org.tp4j.placement.Placement;
import org.tp4j.placement.ShardPlan;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.WeightLayout;

/** The steps that the layers share. Results are made in the innermost scope. */
final class Products {
    private Products() {}

    /** {@code y = x W^T} (or {@code x W}, by the layout), in the accumulator's dtype. */
    static DeviceMatrix product(DeviceMatrix x, DeviceMatrix w, WeightLayout layout) {
        long out = layout == WeightLayout.OUT_IN ? w.rows() : w.columns();
        Scope scope = x.checked().scope().stack().current();
        DeviceMatrix y = scope.allocate(x.dtype().accumulator(), x.rows(), out);
        scope.stream().gemm(x, w.checked(), layout, y);
        return y;
    }

    /** {@code sum + bias}, rounded once to {@code dtype}; {@code sum} is released unless it is the result itself. */
    static DeviceMatrix round(DeviceMatrix sum, Optional<DeviceMatrix> bias, DType dtype) {
        if (bias.isEmpty() && sum.dtype() == dtype) {
            return sum;
        }
        Scope scope = sum.scope();
        DeviceMatrix result = scope.allocate(dtype, sum.rows(), sum.columns());
        Addends addends = new Addends(bias.map(DeviceMatrix::checked), Optional.empty());
        reduce(List.of(sum), addends, result);
        scope.release(sum);
        return result;
    }

    /** The sum of {@code parts}, which are released; the part itself if it is alone. */
    static DeviceMatrix sum(List<DeviceMatrix> parts) {
        DeviceMatrix first = parts.get(0);
        if (parts.size() == 1) {
            return first;
        }
        Scope scope = first.scope();
        DeviceMatrix result = scope.allocate(first.dtype(), first.rows(), first.columns());
        reduce(parts, Addends.NONE, result);
        parts.forEach(scope::release);
        return result;
    }

    /** Makes the columns beyond a block's size zero: padding must stay zero even where the input was not finite. */
    static void zeroPadding(DeviceMatrix matrix, ShardPlan plan, int block) {
        if (plan.blockSize(block) < plan.blockWidth(block)) {
            matrix.scope().stream().zero(matrix.columns(plan.blockSize(block), plan.blockWidth(block)));
        }
    }

    /**
     * Checks that an input fits a weight and is on all ranks that hold a shard of it.
     *
     * @throws IllegalArgumentException if not
     */
    static void checkInput(String layer, Weight weight, ShardPlan plan, Placement input) {
        if (input.features() != weight.in() || input.dtype() != weight.dtype()) {
            throw new IllegalArgumentException("the " + layer + " layer reads " + weight.in() + " features of "
                    + weight.dtype() + ", but its input is " + input.dtype() + " (" + input.tokens() + ", "
                    + input.features() + "): the last dimension and the dtype must be equal");
        }
        if (!input.member().group().covers(plan.group())) {
            throw new IllegalArgumentException("the " + layer + " layer is split over the ranks "
                    + plan.group().worldRanks() + ", but its input is on "
                    + input.member().group().worldRanks() + " only");
        }
    }

    private static void reduce(List<DeviceMatrix> parts, Addends addends, DeviceMatrix result) {
        long count = Math.multiplyExact(result.rows(), result.columns());
        result.scope().stream().reduce(parts, 0, count, addends, List.of(result));
    }
}
