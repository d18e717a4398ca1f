package org.tp4j.verify;

import java.util.List;
import java.util.Optional;
import org.tp4j.comm.World;
import org.tp4j.device.AllReduceAlgorithm;
import org.tp4j.device.Nonlinearity;
import org.tp4j.placement.ShardPlan;
import org.tp4j.tensor.HostMatrix;

/** Two ways to one result give the same bits, on real numbers, whose sums depend on their order. */
final class SameBitsLaws {
    private SameBitsLaws() {}

    static Finding everyRank(Trial trial) {
        List<HostMatrix> copies = Split.rowOnEveryRank(trial.world(), trial.reals(), trial.dtype());
        try {
            for (int rank = 1; rank < copies.size(); rank++) {
                Finding same = Finding.sameBits("ranks 0 and " + rank, copies.get(0), copies.get(rank));
                if (!same.passed()) {
                    return same;
                }
            }
            return new Finding(true, copies.size() + " ranks: same bits");
        } finally {
            copies.forEach(HostMatrix::close);
        }
    }

    static Finding twoRuns(Trial trial) {
        MlpProblem p = trial.realMlp(Nonlinearity.SILU, true);
        try (HostMatrix first = Split.mlp(trial.world(), p, trial.dtype());
                HostMatrix second = Split.mlp(trial.world(), p, trial.dtype())) {
            return Finding.sameBits("two runs", first, second);
        }
    }

    static Finding algorithms(Trial trial) {
        LinearProblem p = trial.reals();
        try (HostMatrix oneShot = row(trial, p, AllReduceAlgorithm.ONE_SHOT);
                HostMatrix eager = row(trial, p, AllReduceAlgorithm.EAGER);
                HostMatrix twoShot = row(trial, p, AllReduceAlgorithm.TWO_SHOT)) {
            Finding finding = Finding.sameBits("one-shot and eager", oneShot, eager)
                    .and(Finding.sameBits("one-shot and two-shot", oneShot, twoShot));
            for (AllReduceAlgorithm algorithm : AllReduceAlgorithm.values()) {
                finding = finding.and(performed(summing(trial, algorithm), algorithm));
            }
            return finding;
        }
    }

    private static HostMatrix row(Trial trial, LinearProblem p, AllReduceAlgorithm algorithm) {
        return Split.row(summing(trial, algorithm), p, trial.dtype());
    }

    private static World summing(Trial trial, AllReduceAlgorithm algorithm) {
        return trial.worlds().summing(trial.worldSize(), algorithm);
    }

    private static Finding performed(World world, AllReduceAlgorithm algorithm) {
        boolean was = world.ledger().entries().stream()
                .allMatch(entry -> entry.collective().algorithm().equals(Optional.of(algorithm)));
        return new Finding(was, was ? "performed " + algorithm : "did not perform " + algorithm);
    }

    static Finding sequenceParallel(Trial trial) {
        MlpProblem p = trial.realMlp(Nonlinearity.GELU, false);
        try (HostMatrix plain = Split.mlp(trial.world(), p, trial.dtype());
                HostMatrix sequenceParallel = Split.sequenceParallelMlp(trial.world(), p, trial.dtype())) {
            return Finding.sameBits("plain and sequence-parallel", plain, sequenceParallel);
        }
    }

    static Finding tpInvariant(Trial trial) {
        MlpProblem p = trial.realMlp(Nonlinearity.SILU, true);
        Arithmetic arithmetic = Arithmetic.of(trial.world().device(0), trial.dtype(), ShardPlan.CANONICAL_BLOCKS);
        try (HostMatrix one = Split.mlp(trial.worlds().tpInvariant(1), p, trial.dtype());
                HostMatrix many = Split.mlp(trial.worlds().tpInvariant(trial.worldSize()), p, trial.dtype())) {
            return Finding.sameBits("1 rank and " + trial.worldSize(), one, many)
                    .and(Finding.within("reals", Comparison.of(p, arithmetic, many)));
        }
    }
}
