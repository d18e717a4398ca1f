package org.tp4j.comm;

import java.util.Optional;
import org.tp4j.device.AllReduceAlgorithm;
import org.tp4j.placement.ShardPlan;
import org.tp4j.tensor.DType;

/**
 * What a rank says it is about to do; all ranks of a group must say the same.
 *
 * @param operation which collective
 * @param algorithm how, for an all-reduce
 * @param dtype the dtype of the whole activation
 * @param tokens rows of the whole activation
 * @param features columns of the whole activation
 * @param plan how the activation is cut, if it is
 * @param root the rank that gives, for a broadcast; else 0
 * @param added what rides on a reduction
 */
record Call(
        Operation operation,
        Optional<AllReduceAlgorithm> algorithm,
        DType dtype,
        long tokens,
        long features,
        Optional<ShardPlan> plan,
        int root,
        Added added) {
    static Call of(Operation operation) {
        return new Call(operation, Optional.empty(), DType.F32, 0, 0, Optional.empty(), 0, Added.NOTHING);
    }

    /** Whether the ranks lay staged copies open. */
    boolean isEager() {
        return algorithm.isPresent() && algorithm.get() == AllReduceAlgorithm.EAGER;
    }

    @Override
    public String toString() {
        if (!operation.movesData()) {
            return operation.label();
        }
        return operation.label() + " of " + dtype + " (" + tokens + ", " + features + ")" + added
                + (operation == Operation.BROADCAST ? " from rank " + root : "")
                + algorithm.map(how -> ", " + how).orElse("")
                + plan.map(cut -> ", split as " + cut).orElse("");
    }
}
