package org.tp4j.tensor;

import java.util.Locale;

/** How a weight matrix lies in memory. */
public enum WeightLayout {
    /** (out features, in features), as PyTorch's {@code nn.Linear}: {@code y = x W^T}. */
    OUT_IN,
    /** (in features, out features): {@code y = x W}. */
    IN_OUT;

    /** The name used on the command line: {@code out-in} or {@code in-out}. */
    public String label() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** Input features of a weight of this layout. */
    public long in(MatrixSource weight) {
        return this == OUT_IN ? weight.columns() : weight.rows();
    }

    /** Output features of a weight of this layout. */
    public long out(MatrixSource weight) {
        return this == OUT_IN ? weight.rows() : weight.columns();
    }

    /** The part of a weight that makes output features {@code [from, to)}, a view. */
    public MatrixSource outSlice(MatrixSource weight, long from, long to) {
        return this == OUT_IN ? weight.rows(from, to) : weight.columns(from, to);
    }

    /** The part of a weight that makes output features {@code [from, to)}; shares the weight's memory. */
    public HostMatrix outSlice(HostMatrix weight, long from, long to) {
        return this == OUT_IN ? weight.rows(from, to) : weight.columns(from, to);
    }

    /** The part of a weight that reads input features {@code [from, to)}, a view. */
    public MatrixSource inSlice(MatrixSource weight, long from, long to) {
        return this == OUT_IN ? weight.columns(from, to) : weight.rows(from, to);
    }

    /** The part of a weight that reads input features {@code [from, to)}; shares the weight's memory. */
    public HostMatrix inSlice(HostMatrix weight, long from, long to) {
        return this == OUT_IN ? weight.columns(from, to) : weight.rows(from, to);
    }
}
