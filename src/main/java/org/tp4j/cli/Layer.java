package org.tp4j.cli;

import java.util.List;
import java.util.function.Function;
import org.tp4j.comm.RankFunction;
import org.tp4j.placement.Replicated;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.WeightLayout;
import org.tp4j.verify.Problem;

/**
 * A layer that the user asked for, ready to run.
 *
 * @param command the command's name
 * @param inputs every file it reads; the first is x
 * @param layout how the weights lie
 * @param dtype what it computes in
 * @param forward what each rank does
 * @param problem the same layer unsplit, for the reference, from the inputs in memory
 * @param summed whether the ranks' results are partial sums
 */
record Layer(
        String command,
        List<Input> inputs,
        WeightLayout layout,
        DType dtype,
        RankFunction<Replicated> forward,
        Function<List<HostMatrix>, Problem> problem,
        boolean summed) {

    Input x() {
        return inputs.get(0);
    }

    /** The inputs and their shapes, by name. */
    String shapes() {
        return inputs.stream()
                .map(input -> input.name() + " " + input.tensor().shapeText())
                .reduce((left, right) -> left + ", " + right)
                .orElseThrow();
    }

    /** Refuses dtypes that differ, unless the user chose one. */
    static DType dtype(DeviceOptions options, List<Input> inputs) {
        if (options.dtype().isPresent()) {
            return options.dtype().get();
        }
        Input first = inputs.get(0);
        for (Input input : inputs) {
            if (input.dtype() != first.dtype()) {
                throw new BadInputException(first.name() + " (" + first.file() + ") is " + first.dtype() + " but "
                        + input.name() + " (" + input.file() + ") is " + input.dtype()
                        + ": say with --dtype what to compute in");
            }
        }
        return first.dtype();
    }

    /** Refuses two dimensions that must be equal and are not. */
    static void checkEqual(Input left, long leftSize, Input right, long rightSize, String rule) {
        if (leftSize != rightSize) {
            throw new BadInputException(left + " but " + right + ": " + rule);
        }
    }
}
