package org.tp4j.verify;

import java.util.List;
import org.tp4j.comm.Operation;
import org.tp4j.comm.World;
import org.tp4j.device.Nonlinearity;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/**
 * A split layer is the unsplit one: bit for bit on exact integers, within the error bound on real numbers, by the
 * collectives that it promises and no others.
 */
final class UnsplitLaws {
    private static final int ENOUGH_TO_CANCEL = 16;

    private UnsplitLaws() {}

    static Finding column(Trial trial) {
        return linear(trial, Split::column, Operation.ALL_GATHER);
    }

    static Finding row(Trial trial) {
        return linear(trial, Split::row, Operation.ALL_REDUCE);
    }

    static Finding mlp(Trial trial) {
        return mlp(trial, Nonlinearity.GELU, false);
    }

    static Finding gatedMlp(Trial trial) {
        return mlp(trial, Nonlinearity.SILU, true);
    }

    static Finding inARow(Trial trial) {
        List<LinearProblem> layers = trial.twoWithoutBias();
        List<List<HostMatrix>> ofEveryRank = Chain.on(trial.world(), layers.get(0), layers.get(1), trial.dtype());
        try (HostMatrix first = Oracle.result(layers.get(0), trial.dtype());
                HostMatrix second = Oracle.result(layers.get(1), trial.dtype())) {
            List<HostMatrix> expected = List.of(first, second);
            for (int rank = 0; rank < ofEveryRank.size(); rank++) {
                List<HostMatrix> results = ofEveryRank.get(rank);
                for (int i = 0; i < results.size(); i++) {
                    Finding same =
                            Finding.sameBits("result " + i + " of rank " + rank, expected.get(i % 2), results.get(i));
                    if (!same.passed()) {
                        return same;
                    }
                }
            }
            return new Finding(true, ofEveryRank.get(0).size() + " results of every rank: same bits");
        } finally {
            ofEveryRank.forEach(results -> results.forEach(HostMatrix::close));
        }
    }

    private interface LinearSplit {
        HostMatrix compute(World world, LinearProblem problem, DType dtype);
    }

    private static Finding linear(Trial trial, LinearSplit split, Operation collective) {
        Finding finding = exact(trial, split, trial.integers(), "integers");
        if (trial.shape().in() >= ENOUGH_TO_CANCEL) {
            finding = finding.and(exact(trial, split, trial.cancellingIntegers(), "cancelling integers"));
        }
        LinearProblem reals = trial.reals();
        try (HostMatrix y = split.compute(trial.world(), reals, trial.dtype())) {
            return finding.and(Finding.within("reals", Comparison.of(reals, trial.arithmetic(), y)))
                    .and(Finding.collectives(trial.world().ledger(), collective.label()));
        }
    }

    private static Finding exact(Trial trial, LinearSplit split, LinearProblem problem, String what) {
        try (HostMatrix expected = Oracle.result(problem, trial.dtype());
                HostMatrix y = split.compute(trial.world(), problem, trial.dtype())) {
            return Finding.sameBits(what, expected, y);
        }
    }

    private static Finding mlp(Trial trial, Nonlinearity f, boolean gated) {
        MlpProblem integers = trial.integerMlp(gated);
        MlpProblem reals = trial.realMlp(f, gated);
        try (HostMatrix expected = Oracle.result(integers, trial.dtype());
                HostMatrix exact = Split.mlp(trial.world(), integers, trial.dtype());
                HostMatrix y = Split.mlp(trial.world(), reals, trial.dtype())) {
            return Finding.sameBits("integers", expected, exact)
                    .and(Finding.within("reals", Comparison.of(reals, trial.arithmetic(), y)))
                    .and(Finding.collectives(trial.world().ledger(), Operation.ALL_REDUCE.label()));
        }
    }
}
