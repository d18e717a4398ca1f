package org.tp4j.device.cpu;

import java.lang.ref.Reference;
import java.util.List;
import java.util.Optional;
import org.tp4j.device.Addends;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.tensor.HostMatrix;

/**
 * Sums of matrices, run by run: a run of every part is summed in the accumulator's dtype while it is in the first-level
 * cache, then stored into every destination.
 */
final class Reduction {
    private static final int BIAS = 0;
    private static final int SUM = 1;

    private final Lanes lanes;
    private final Staging subtrees;
    private final List<DeviceMatrix> parts;
    private final Optional<HostMatrix> bias;
    private final Optional<HostMatrix> residual;
    private final List<DeviceMatrix> destinations;
    private final long columns;

    /** Whether the sum is stored as it is, and can be taken in its destination. */
    private final boolean isPlain;

    /** Over arguments that were checked. */
    Reduction(
            Lanes lanes, Staging subtrees, List<DeviceMatrix> parts, Addends addends, List<DeviceMatrix> destinations) {
        this.lanes = lanes;
        this.subtrees = subtrees;
        this.parts = parts;
        this.bias = addends.bias().map(CpuMatrix::host);
        this.residual = addends.residual().map(CpuMatrix::host);
        this.destinations = destinations;
        this.columns = parts.get(0).columns();
        this.isPlain = addends.isNone()
                && destinations.get(0).dtype() == parts.get(0).dtype()
                && !isLaterPart(destinations.get(0));
    }

    /** Whether a sum that is taken in this destination would overwrite a part before reading it. */
    private boolean isLaterPart(DeviceMatrix destination) {
        HostMatrix sum = CpuMatrix.host(destination);
        for (int part = 1; part < parts.size(); part++) {
            if (Runs.isSame(CpuMatrix.host(parts.get(part)), sum)) {
                return true;
            }
        }
        return false;
    }

    /** Reduces the elements {@code [from, to)}. */
    void run(long from, long to) {
        if (from < to && hasTiledBias()) {
            tileBias((int) Math.min(Lanes.LENGTH, to - from));
        }
        for (long at = from; at < to; ) {
            long row = at / columns;
            long column = at % columns;
            int length = runLength(row, column, to - at);
            if (isPlain) {
                sumInPlace(row, column, length);
            } else {
                sumInLanes(row, column, length);
            }
            at += length;
        }
    }

    /** Sums in the first destination, then copies: fewer passes through the cache than by way of lanes. */
    private void sumInPlace(long row, long column, int length) {
        Run sum = new Run(CpuMatrix.host(destinations.get(0)), row, column);
        sumTree(sum, 0, 0, parts.size(), row, column, length);
        for (int i = 1; i < destinations.size(); i++) {
            sum.copyTo(new Run(CpuMatrix.host(destinations.get(i)), row, column), length);
        }
    }

    /** {@code sum} = parts {@code [from, to)}; sums of right subtrees are taken beside it, from {@code level} on. */
    private void sumTree(Run sum, int level, int from, int to, long row, long column, int length) {
        if (to - from == 1) {
            part(from, row, column).copyTo(sum, length);
            return;
        }
        int middle = middle(from, to);
        sumTree(sum, level, from, middle, row, column, length);
        if (to - middle == 1) {
            part(middle, row, column).addTo(sum, length);
            return;
        }
        Run right = new Run(beside(sum.matrix()), level, 0);
        sumTree(right, level + 1, middle, to, row, column, length);
        right.addTo(sum, length);
    }

    private Run part(int part, long row, long column) {
        return new Run(CpuMatrix.host(parts.get(part)), row, column);
    }

    /** A row for each level of the tree. */
    private HostMatrix beside(HostMatrix sum) {
        return subtrees.matrix(sum.dtype(), Integer.SIZE - Integer.numberOfLeadingZeros(parts.size()), Lanes.LENGTH);
    }

    /** Where the parts {@code [from, to)} divide: the left subtree is the largest full one that leaves something right. */
    private static int middle(int from, int to) {
        return from + Integer.highestOneBit(to - from - 1);
    }

    /** Some elements of a matrix that follow each other, from {@code (row, column)} on. */
    private record Run(HostMatrix matrix, long row, long column) {
        void copyTo(Run other, int length) {
            Elementwise.copyRun(matrix, row, column, other.matrix, other.row, other.column, length);
        }

        void addTo(Run other, int length) {
            try {
                OpenBlas.add(
                        matrix.dtype(),
                        matrix.address(row, column),
                        other.matrix.address(other.row, other.column),
                        length);
            } finally { // an address does not keep the memory that it lies in
                Reference.reachabilityFence(this);
                Reference.reachabilityFence(other);
            }
        }
    }

    private void sumInLanes(long row, long column, int length) {
        sumTree(SUM, 0, parts.size(), row, column, length);
        if (bias.isPresent()) {
            addBias(column, length);
        }
        if (residual.isPresent()) {
            lanes.load(SUM + 1, residual.get(), row, column, length);
            lanes.add(SUM, SUM + 1, length);
        }
        for (int i = 0; i < destinations.size(); i++) {
            lanes.store(SUM, CpuMatrix.host(destinations.get(i)), row, column, length);
        }
    }

    private int runLength(long row, long column, long wanted) {
        int length = (int) Math.min(wanted, Lanes.LENGTH);
        for (int i = 0; i < parts.size(); i++) {
            length = Runs.length(CpuMatrix.host(parts.get(i)), row, column, length);
        }
        for (int i = 0; i < destinations.size(); i++) {
            length = Runs.length(CpuMatrix.host(destinations.get(i)), row, column, length);
        }
        if (residual.isPresent()) {
            length = Runs.length(residual.get(), row, column, length);
        }
        return bias.isEmpty() || hasTiledBias() ? length : (int) Math.min(length, columns - column);
    }

    private void sumTree(int slot, int from, int to, long row, long column, int length) {
        if (to - from == 1) {
            load(slot, from, row, column, length);
            return;
        }
        int middle = middle(from, to);
        sumTree(slot, from, middle, row, column, length);
        sumTree(slot + 1, middle, to, row, column, length);
        lanes.add(slot, slot + 1, length);
    }

    private void load(int slot, int part, long row, long column, int length) {
        lanes.load(slot, CpuMatrix.host(parts.get(part)), row, column, length);
    }

    /** Whether a run may span rows: then the bias is laid out so often that a run starts at any of its columns. */
    private boolean hasTiledBias() {
        return bias.isPresent() && columns <= Lanes.LENGTH;
    }

    private void tileBias(int longestRun) {
        lanes.load(BIAS, bias.orElseThrow(), 0, 0, (int) columns);
        lanes.repeat(BIAS, (int) columns, (int) Math.min(Lanes.CAPACITY, columns + longestRun));
    }

    private void addBias(long column, int length) {
        if (hasTiledBias()) {
            lanes.gather(SUM + 1, BIAS, (int) column, 1, length);
        } else {
            lanes.load(SUM + 1, bias.orElseThrow(), 0, column, length);
        }
        lanes.add(SUM, SUM + 1, length);
    }
}
