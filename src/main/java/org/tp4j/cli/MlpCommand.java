package org.tp4j.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.tp4j.device.Nonlinearity;
import org.tp4j.layer.MlpWeights;
import org.tp4j.layer.ParallelMlp;
import org.tp4j.layer.Weight;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.MatrixFileException;
import org.tp4j.tensor.WeightLayout;
import org.tp4j.verify.MlpProblem;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** The column-row block. */
@Command(
        name = "mlp",
        description = {
            "act(x W1) W2, with W1 (in, hidden) split by columns, W2 (hidden, out) by rows, and exactly one all-reduce.",
            "With a gate: (act(x WG) * (x W1)) W2."
        })
final class MlpCommand implements Callable<Integer> {
    @Mixin
    private LayerOptions options;

    @Option(names = "--w1", required = true, paramLabel = "W1", description = "The first weight, (in, hidden).")
    private String w1;

    @Option(names = "--w2", required = true, paramLabel = "W2", description = "The second weight, (hidden, out).")
    private String w2;

    @Option(names = "--gate", paramLabel = "WG", description = "The gate's weight, shaped as W1.")
    private Optional<String> gate = Optional.empty();

    @Option(
            names = "--activation",
            paramLabel = "relu|gelu|gelu-tanh|silu|none",
            defaultValue = "relu",
            converter = NonlinearityConverter.class,
            description = "The nonlinearity (default: relu).")
    private Nonlinearity activation;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws MatrixFileException {
        List<Input> inputs = new ArrayList<>();
        try {
            inputs.add(Input.shared("x", options.x()));
            inputs.add(Input.weight("W1", w1));
            inputs.add(Input.weight("W2", w2));
            if (gate.isPresent()) {
                inputs.add(Input.weight("the gate", gate.get()));
            }
            return new LayerRun(
                            layer(List.copyOf(inputs)),
                            options,
                            spec.commandLine().getOut())
                    .run();
        } finally {
            inputs.forEach(Input::close);
        }
    }

    private Layer layer(List<Input> inputs) {
        Input x = inputs.get(0);
        Input up = inputs.get(1);
        Input down = inputs.get(2);
        Optional<Input> gated = inputs.stream().skip(3).findFirst();
        WeightLayout layout = options.layout().orElse(WeightLayout.IN_OUT);
        String suffix = " (--weight-layout " + layout.label() + ")";
        Layer.checkEqual(
                up,
                layout.in(up.matrix()),
                x,
                x.matrix().columns(),
                "the in features of W1 and the last dimension of x must be equal" + suffix);
        Layer.checkEqual(
                down,
                layout.in(down.matrix()),
                up,
                layout.out(up.matrix()),
                "the hidden features of W1 and W2 must be equal" + suffix);
        gated.ifPresent(g -> {
            Layer.checkEqual(g, g.matrix().rows(), up, up.matrix().rows(), "the gate and W1 must have one shape");
            Layer.checkEqual(g, g.matrix().columns(), up, up.matrix().columns(), "the gate and W1 must have one shape");
        });
        DType dtype = Layer.dtype(options.device(), inputs);
        MlpWeights weights = new MlpWeights(
                weight(up, layout, dtype),
                gated.map(g -> weight(g, layout, dtype)),
                activation,
                weight(down, layout, dtype));
        return new Layer(
                "mlp",
                inputs,
                layout,
                dtype,
                rank -> ParallelMlp.shardOf(rank, weights)
                        .allReduced(rank.comm(), rank.replicate(x.sharedMatrix(), dtype)),
                whole -> new MlpProblem(
                        whole.get(0),
                        whole.get(1),
                        whole.stream().skip(3).findFirst(),
                        whole.get(2),
                        layout,
                        activation,
                        Optional.empty()),
                true);
    }

    private static Weight weight(Input input, WeightLayout layout, DType dtype) {
        return new Weight(input.matrix(), layout, Optional.empty(), dtype);
    }

    static final class NonlinearityConverter implements ITypeConverter<Nonlinearity> {
        @Override
        public Nonlinearity convert(String value) {
            for (Nonlinearity f : Nonlinearity.values()) {
                if (f.label().equals(value.toLowerCase(Locale.ROOT))) {
                    return f;
                }
            }
            throw new TypeConversionException(
                    "'" + value + "' is not an activation: use relu, gelu, gelu-tanh, silu or none");
        }
    }
}
