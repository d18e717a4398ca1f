package org.tp4j.verify;

import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.WeightLayout;

/** A rectangle of a weight matrix, unpacked to f64 with one array per input feature: what the inner loops run along. */
final class WeightTile {
    private final HostMatrix w;
    private final WeightLayout layout;
    private final DType dtype;
    private final long firstOutput;
    private final double[][] byInput;
    private final double[] line;
    private final boolean[] nonFinite;

    /** Room for {@code inputs} x {@code outputs} elements of {@code w} from output feature {@code firstOutput} on. */
    WeightTile(HostMatrix w, WeightLayout layout, DType dtype, long firstOutput, int inputs, int outputs) {
        this.w = w;
        this.layout = layout;
        this.dtype = dtype;
        this.firstOutput = firstOutput;
        this.byInput = new double[inputs][outputs];
        this.line = new double[inputs];
        this.nonFinite = new boolean[outputs];
    }

    /** Loads input features {@code [firstInput, firstInput + inputs)}. */
    void load(long firstInput, int inputs) {
        int outputs = nonFinite.length;
        if (layout == WeightLayout.IN_OUT) {
            for (int k = 0; k < inputs; k++) {
                Elements.read(w, dtype, firstInput + k, firstOutput, byInput[k], 0, outputs);
            }
        } else {
            for (int j = 0; j < outputs; j++) {
                Elements.read(w, dtype, firstOutput + j, firstInput, line, 0, inputs);
                for (int k = 0; k < inputs; k++) {
                    byInput[k][j] = line[k];
                }
            }
        }
        for (int k = 0; k < inputs; k++) {
            noteNonFinite(byInput[k]);
        }
    }

    /** The loaded elements, by input feature, then output feature. */
    double[][] byInput() {
        return byInput;
    }

    /** Whether any weight loaded so far for an output feature was not finite. */
    boolean isNonFinite(int output) {
        return nonFinite[output];
    }

    private void noteNonFinite(double[] weights) {
        double zero = 0;
        for (double weight : weights) {
            zero += weight * 0;
        }
        if (zero == 0) {
            return;
        }
        for (int j = 0; j < weights.length; j++) {
            nonFinite[j] |= !ErrorBound.isFinite(weights[j]);
        }
    }
}
