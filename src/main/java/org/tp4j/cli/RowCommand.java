package org.tp4j.cli;

import java.util.concurrent.Callable;
import org.tp4j.comm.Rank;
import org.tp4j.layer.RowParallelLinear;
import org.tp4j.layer.Weight;
import org.tp4j.placement.Replicated;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.MatrixFileException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code y = x W^T + b}, with x and W split by input features. */
@Command(
        name = "row",
        description = "y = x W^T (+ b), with x and W (out, in) split by input features and y all-reduced.")
final class RowCommand implements Callable<Integer> {
    private static final LinearOptions.Split SPLIT = new LinearOptions.Split("row", true, RowCommand::forward);

    @Mixin
    private LayerOptions options;

    @Mixin
    private LinearOptions linear;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws MatrixFileException {
        return linear.run(SPLIT, options, spec.commandLine().getOut());
    }

    private static Replicated forward(Rank rank, HostMatrix x, Weight weight, DType dtype) {
        var layer = RowParallelLinear.shardOf(rank, weight);
        return rank.comm().allReduce(layer.forward(rank.shardFeatures(x, dtype)));
    }
}
