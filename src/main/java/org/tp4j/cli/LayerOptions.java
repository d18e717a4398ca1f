package org.tp4j.cli;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.tp4j.tensor.WeightLayout;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** What the commands that compute a layer take. */
final class LayerOptions {
    @Mixin
    private DeviceOptions device;

    @Option(
            names = "--x",
            required = true,
            paramLabel = "X",
            description = "The input (..., in): FILE.npy or FILE.safetensors:TENSOR.")
    private String x;

    @Option(
            names = "--ranks",
            required = true,
            paramLabel = "N",
            converter = RanksConverter.class,
            description = "Over how many ranks to split the layer.")
    private int ranks;

    @Option(
            names = "--weight-layout",
            paramLabel = "out-in|in-out",
            converter = LayoutConverter.class,
            description = "How the weights lie (default: out-in for column and row, in-out for mlp).")
    private Optional<WeightLayout> layout = Optional.empty();

    @Option(
            names = "--out",
            paramLabel = "Y.npy",
            description = "Where to write the result, in the dtype of the computation (bf16 as f4, exactly).")
    private Optional<Path> out = Optional.empty();

    @Option(
            names = "--check",
            description = "Compare with the unsplit layer: with a reference in higher precision, and bit for bit.")
    private boolean check;

    @Option(names = "--tp-invariant", description = "Give the same bits at 1, 2, 4 and 8 ranks.")
    private boolean tpInvariant;

    DeviceOptions device() {
        return device;
    }

    String x() {
        return x;
    }

    int ranks() {
        return ranks;
    }

    Optional<WeightLayout> layout() {
        return layout;
    }

    Optional<Path> out() {
        return out;
    }

    boolean check() {
        return check;
    }

    boolean tpInvariant() {
        return tpInvariant;
    }

    static final class LayoutConverter implements ITypeConverter<WeightLayout> {
        @Override
        public WeightLayout convert(String value) {
            for (WeightLayout layout : WeightLayout.values()) {
                if (layout.label().equals(value.toLowerCase(Locale.ROOT))) {
                    return layout;
                }
            }
            throw new TypeConversionException("'" + value + "' is not a layout of a weight: use out-in or in-out");
        }
    }
}
