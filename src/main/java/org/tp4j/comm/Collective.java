package org.tp4j.comm;

import java.util.Objects;
import java.util.Optional;
import org.tp4j.device.AllReduceAlgorithm;
import org.tp4j.tensor.DType;

/**
 * One collective that a group performed.
 *
 * @param operation which
 * @param algorithm how, for an all-reduce
 * @param group the group's name
 * @param ranks the group's size
 * @param dtype the dtype that was moved
 * @param tokens rows of the whole activation
 * @param features columns of the whole activation
 * @param added what a reduction added
 * @param bytesMoved payload received by all ranks together; 0 for a single rank
 */
public record Collective(
        Operation operation,
        Optional<AllReduceAlgorithm> algorithm,
        String group,
        int ranks,
        DType dtype,
        long tokens,
        long features,
        Added added,
        long bytesMoved) {
    public Collective {
        Objects.requireNonNull(operation, "operation");
        Objects.requireNonNull(algorithm, "algorithm");
        Objects.requireNonNull(group, "group");
        Objects.requireNonNull(dtype, "dtype");
        Objects.requireNonNull(added, "added");
    }

    @Override
    public String toString() {
        return operation.label() + " of " + dtype + " (" + tokens + ", " + features + ")" + added
                + algorithm.map(how -> ", " + how).orElse("") + ", over " + group + " of " + ranks
                + (ranks == 1 ? " rank, " : " ranks, ") + bytesMoved + " bytes moved";
    }
}
