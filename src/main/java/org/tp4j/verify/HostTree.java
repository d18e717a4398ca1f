package org.tp4j.verify;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/**
 * Sums of matrices on the host in the order that devices promise, level by level: neighbours are added, an odd last part
 * moves up unchanged.
 */
final class HostTree {
    private final List<HostMatrix> parts;
    private final DType wide;
    private final int columns;

    /** @param parts at least one, equal in shape and dtype, which is that of the sums */
    HostTree(List<HostMatrix> parts) {
        this.parts = List.copyOf(parts);
        this.wide = parts.get(0).dtype();
        this.columns = Math.toIntExact(parts.get(0).columns());
    }

    /**
     * The sum of the parts, plus {@code bias} in every row, rounded once.
     *
     * @param bias (1, columns), rounded to {@code dtype} first
     * @return of {@code dtype}, for the caller to close
     */
    HostMatrix sum(Optional<HostMatrix> bias, DType dtype) {
        HostMatrix sum = HostMatrix.allocate(dtype, parts.get(0).rows(), columns);
        double[] addend = new double[columns];
        bias.ifPresent(b -> Elements.read(b, dtype, 0, 0, addend, 0, columns));
        for (long row = 0; row < sum.rows(); row++) {
            double[] line = sumOfRow(row);
            sum.write(row, 0, bias.isPresent() ? added(line, addend) : line, 0, columns);
        }
        return sum;
    }

    private double[] sumOfRow(long row) {
        List<double[]> level = new ArrayList<>();
        for (HostMatrix part : parts) {
            double[] line = new double[columns];
            part.read(row, 0, line, 0, columns);
            level.add(line);
        }
        while (level.size() > 1) {
            level = withNeighborsAdded(level);
        }
        return level.get(0);
    }

    private List<double[]> withNeighborsAdded(List<double[]> level) {
        List<double[]> above = new ArrayList<>();
        for (int i = 0; i < level.size(); i += 2) {
            above.add(i + 1 < level.size() ? added(level.get(i), level.get(i + 1)) : level.get(i));
        }
        return above;
    }

    /** Rounding the sum of two f32 numbers in f64 once more, to f32, rounds it as one f32 addition does. */
    private double[] added(double[] left, double[] right) {
        double[] sum = new double[columns];
        for (int j = 0; j < columns; j++) {
            sum[j] = wide.round(left[j] + right[j]);
        }
        return sum;
    }
}
