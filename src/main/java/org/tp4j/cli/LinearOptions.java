package org.tp4j.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.tp4j.comm.Rank;
import org.tp4j.layer.Weight;
import org.tp4j.placement.Replicated;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.MatrixFileException;
import org.tp4j.tensor.WeightLayout;
import org.tp4j.verify.LinearProblem;
import picocli.CommandLine.Option;

/** What the commands of one linear layer take, and what they have in common. */
final class LinearOptions {
    @Option(
            names = "--w",
            required = true,
            paramLabel = "W",
            description = "The weight, (out, in) unless --weight-layout says otherwise.")
    private String w;

    @Option(names = "--bias", paramLabel = "B", description = "A bias (out).")
    private Optional<String> bias = Optional.empty();

    /** What each rank does with the whole input and weight. */
    @FunctionalInterface
    interface Forward {
        Replicated apply(Rank rank, HostMatrix x, Weight weight, DType dtype);
    }

    /**
     * A way to split a linear layer.
     *
     * @param command its name
     * @param summed whether the ranks' results are partial sums
     * @param forward what each rank does
     */
    record Split(String command, boolean summed, Forward forward) {}

    int run(Split split, LayerOptions options, PrintWriter out) throws MatrixFileException {
        List<Input> inputs = new ArrayList<>();
        try {
            inputs.add(Input.shared("x", options.x()));
            inputs.add(Input.weight("W", w));
            if (bias.isPresent()) {
                inputs.add(Input.shared("the bias", bias.get()));
            }
            Layer layer = layer(split, options, List.copyOf(inputs));
            return new LayerRun(layer, options, out).run();
        } finally {
            inputs.forEach(Input::close);
        }
    }

    private static Layer layer(Split split, LayerOptions options, List<Input> inputs) {
        Input x = inputs.get(0);
        Input w = inputs.get(1);
        WeightLayout layout = options.layout().orElse(WeightLayout.OUT_IN);
        Layer.checkEqual(
                w,
                layout.in(w.matrix()),
                x,
                x.matrix().columns(),
                layout == WeightLayout.OUT_IN
                        ? "the last dimensions must be equal"
                        : "the first dimension of W and the last of x must be equal (--weight-layout in-out)");
        Optional<HostMatrix> bias = Optional.empty();
        if (inputs.size() > 2) {
            Input b = inputs.get(2);
            long out = layout.out(w.matrix());
            if (b.matrix().rows() != 1 || b.matrix().columns() != out) {
                throw new BadInputException(b + " but " + w + ": the bias must be (" + out + ",)");
            }
            bias = Optional.of(b.sharedMatrix());
        }
        DType dtype = Layer.dtype(options.device(), inputs);
        Weight weight = new Weight(w.matrix(), layout, bias, dtype);
        return new Layer(
                split.command(),
                inputs,
                layout,
                dtype,
                rank -> split.forward().apply(rank, x.sharedMatrix(), weight, dtype),
                whole -> new LinearProblem(
                        whole.get(0),
                        whole.get(1),
                        layout,
                        whole.stream().skip(2).findFirst()),
                split.summed());
    }
}
