package org.tp4j.verify;

import java.util.Objects;
import java.util.Optional;
import org.tp4j.device.Nonlinearity;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.WeightLayout;

/**
 * {@code y = f(x W1) W2 + b}, or with a gate {@code y = (f(x WG) * (x W1)) W2 + b}. The formulas are for {@link
 * WeightLayout#IN_OUT}; with {@link WeightLayout#OUT_IN} every weight is transposed.
 *
 * @param x (tokens, in)
 * @param w1 (in, hidden)
 * @param gate WG, (in, hidden)
 * @param w2 (hidden, out)
 * @param layout how all the weights lie
 * @param nonlinearity f
 * @param bias b, (1, out)
 */
public record MlpProblem(
        HostMatrix x,
        HostMatrix w1,
        Optional<HostMatrix> gate,
        HostMatrix w2,
        WeightLayout layout,
        Nonlinearity nonlinearity,
        Optional<HostMatrix> bias)
        implements Problem {
    /** @throws IllegalArgumentException if the shapes do not fit */
    public MlpProblem {
        Objects.requireNonNull(x, "x");
        Objects.requireNonNull(w1, "w1");
        Objects.requireNonNull(gate, "gate");
        Objects.requireNonNull(w2, "w2");
        Objects.requireNonNull(layout, "layout");
        Objects.requireNonNull(nonlinearity, "nonlinearity");
        Objects.requireNonNull(bias, "bias");
        LinearProblem.checkInputs("W1", w1, layout, "x", x);
        gate.ifPresent(g -> checkGate(g, w1));
        if (layout.out(w1) != layout.in(w2)) {
            throw new IllegalArgumentException("W1 is " + w1.shape() + " and W2 is " + w2.shape() + " ("
                    + layout.label() + "): the hidden features must be equal");
        }
        LinearProblem.checkBias(bias, layout.out(w2));
    }

    @Override
    public long tokens() {
        return x.rows();
    }

    /** Columns of x. */
    public long in() {
        return x.columns();
    }

    /** Features between the two products. */
    public long hidden() {
        return layout.out(w1);
    }

    @Override
    public long out() {
        return layout.out(w2);
    }

    @Override
    public String shape() {
        return tokens() + " x " + in() + " -> " + hidden() + " -> " + out();
    }

    private static void checkGate(HostMatrix gate, HostMatrix w1) {
        if (gate.rows() != w1.rows() || gate.columns() != w1.columns()) {
            throw new IllegalArgumentException(
                    "the gate is " + gate.shape() + " but W1 is " + w1.shape() + ": they must be equal");
        }
    }
}
