package org.tp4j.verify;

import java.util.Objects;
import java.util.Optional;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.WeightLayout;

/**
 * {@code y = x W^T + b}, or {@code y = x W + b}.
 *
 * @param x (tokens, in)
 * @param w (out, in) or (in, out)
 * @param layout which of the two
 * @param bias (1, out)
 */
public record LinearProblem(HostMatrix x, HostMatrix w, WeightLayout layout, Optional<HostMatrix> bias)
        implements Problem {
    /** @throws IllegalArgumentException if the shapes do not fit */
    public LinearProblem {
        Objects.requireNonNull(x, "x");
        Objects.requireNonNull(w, "w");
        Objects.requireNonNull(layout, "layout");
        Objects.requireNonNull(bias, "bias");
        checkInputs("W", w, layout, "x", x);
        checkBias(bias, layout.out(w));
    }

    @Override
    public long tokens() {
        return x.rows();
    }

    /** Columns of x. */
    public long in() {
        return x.columns();
    }

    @Override
    public long out() {
        return layout.out(w);
    }

    @Override
    public String shape() {
        return tokens() + " x " + in() + " -> " + out();
    }

    static void checkInputs(String weightName, HostMatrix w, WeightLayout layout, String inputName, HostMatrix x) {
        if (layout.in(w) != x.columns()) {
            throw new IllegalArgumentException(weightName + " is " + w.shape() + " (" + layout.label() + ") but "
                    + inputName + " is " + x.shape() + ": the input features must be equal");
        }
    }

    static void checkBias(Optional<HostMatrix> bias, long out) {
        bias.ifPresent(b -> {
            if (b.rows() != 1 || b.columns() != out) {
                throw new IllegalArgumentException("the bias is " + b.shape() + ": must be (1, " + out + ")");
            }
        });
    }
}
