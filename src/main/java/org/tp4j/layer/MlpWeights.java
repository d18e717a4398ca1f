package org.tp4j.layer;

import java.util.Objects;
import java.util.Optional;
import org.tp4j.device.Nonlinearity;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.MatrixSource;

/**
 * The whole, unsplit parameters of a feed-forward block, in host memory.
 *
 * @param up in features to hidden
 * @param gate in features to hidden, if the block has a gate
 * @param nonlinearity of the hidden activation, or of the gate if there is one
 * @param down hidden to out features
 */
public record MlpWeights(Weight up, Optional<Weight> gate, Nonlinearity nonlinearity, Weight down) {
    public MlpWeights {
        Objects.requireNonNull(nonlinearity, "nonlinearity");
        if (up.out() != down.in()) {
            throw new IllegalArgumentException("W1 is " + up.matrix().shape() + " ("
                    + up.layout().label() + ") with "
                    + up.out() + " hidden features, but W2 is " + down.matrix().shape() + " ("
                    + down.layout().label() + ") and reads " + down.in() + ": they must be equal");
        }
        if (up.dtype() != down.dtype()) {
            throw new IllegalArgumentException(
                    "W1 is " + up.dtype() + " but W2 is " + down.dtype() + ": the dtypes must be equal");
        }
        if (gate.isPresent() && !gate.get().fits(up)) {
            throw new IllegalArgumentException("the gate is " + gate.get().matrix() + " but W1 is " + up.matrix()
                    + ": shape, layout, dtype and the presence of a bias must be equal");
        }
    }

    /** {@code relu(x W1) W2}, with W1 (in, hidden) and W2 (hidden, out). */
    public static MlpWeights of(MatrixSource w1, MatrixSource w2) {
        return new MlpWeights(Weight.inOut(w1), Optional.empty(), Nonlinearity.RELU, Weight.inOut(w2));
    }

    /** These weights with a gate: {@code (f(x WG) * (x W1)) W2}. */
    public MlpWeights withGate(Weight wg) {
        return new MlpWeights(up, Optional.of(wg), nonlinearity, down);
    }

    /** These weights with another nonlinearity. */
    public MlpWeights with(Nonlinearity f) {
        return new MlpWeights(up, gate, f, down);
    }

    /** The dtype that the block computes in. */
    public DType dtype() {
        return up.dtype();
    }
}
