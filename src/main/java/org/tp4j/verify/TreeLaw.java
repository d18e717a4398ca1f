package org.tp4j.verify;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.tp4j.comm.Rank;
import org.tp4j.device.Addends;
import org.tp4j.device.AllReduceAlgorithm;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Scope;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/**
 * Sums are those of the binary tree over the ranks, in which the host adds the very parts that the ranks had. Only this sees
 * an order that all algorithms share and that is not the tree.
 */
final class TreeLaw {
    private final Trial trial;
    private final LinearProblem layer;

    private TreeLaw(Trial trial) {
        this.trial = trial;
        this.layer = trial.reals();
    }

    static Finding find(Trial trial) {
        return new TreeLaw(trial).find();
    }

    private Finding find() {
        Finding finding = new Finding(true, trial.worldSize() + " parts");
        for (AllReduceAlgorithm algorithm : AllReduceAlgorithm.values()) {
            List<Split.Reduced> ranks =
                    Split.rowWithParts(trial.worlds().summing(trial.worldSize(), algorithm), layer, trial.dtype());
            try {
                finding = finding.and(of(algorithm, ranks));
            } finally {
                ranks.forEach(Split.Reduced::close);
            }
        }
        return finding;
    }

    private Finding of(AllReduceAlgorithm algorithm, List<Split.Reduced> ranks) {
        List<HostMatrix> parts = ranks.stream().map(Split.Reduced::part).toList();
        List<HostMatrix> sums = ranks.stream().map(Split.Reduced::sum).toList();
        HostTree tree = new HostTree(parts);
        try (HostMatrix expected = tree.sum(layer.bias(), trial.dtype())) {
            Finding finding = same(algorithm.toString(), expected, sums);
            return algorithm == AllReduceAlgorithm.ONE_SHOT ? finding.and(onOneStream(tree, parts)) : finding;
        }
    }

    /** The same parts on one rank's stream, added into another matrix, and in place: into each of them, by one rank each. */
    private Finding onOneStream(HostTree tree, List<HostMatrix> parts) {
        List<List<HostMatrix>> sums = trial.world().runAll(rank -> sums(rank, parts));
        try (HostMatrix expected = tree.sum(Optional.empty(), parts.get(0).dtype())) {
            return same("a copy", expected, each(sums, 0)).and(same("in place", expected, each(sums, 1)));
        } finally {
            sums.forEach(pair -> pair.forEach(HostMatrix::close));
        }
    }

    private static List<HostMatrix> each(List<List<HostMatrix>> ofRanks, int index) {
        return ofRanks.stream().map(sums -> sums.get(index)).toList();
    }

    private static List<HostMatrix> sums(Rank rank, List<HostMatrix> hostParts) {
        Scope scope = rank.innermost();
        DType dtype = hostParts.get(0).dtype();
        List<DeviceMatrix> parts = new ArrayList<>();
        hostParts.forEach(part -> parts.add(scope.upload(part, dtype))); // not borrowed: they are written
        DeviceMatrix mine = parts.get(rank.index());
        DeviceMatrix copy = scope.allocate(dtype, mine.rows(), mine.columns());
        List<HostMatrix> sums = new ArrayList<>();
        for (DeviceMatrix destination : List.of(copy, mine)) {
            scope.stream().reduce(parts, 0, mine.rows() * mine.columns(), Addends.NONE, List.of(destination));
            sums.add(rank.download(destination));
        }
        return sums;
    }

    private static Finding same(String what, HostMatrix expected, List<HostMatrix> actual) {
        for (int rank = 0; rank < actual.size(); rank++) {
            Finding same = Finding.sameBits(what + " on rank " + rank, expected, actual.get(rank));
            if (!same.passed()) {
                return same;
            }
        }
        return new Finding(true, what + ": same bits");
    }
}
