package org.tp4j.bench;

/** The sizes of {@code y = x W^T}: x (tokens, in), W (out, in). */
public record GemmShape(long tokens, long in, long out) {
    /** Floating-point operations of one product. */
    public double flops() {
        return 2.0 * tokens * in * out;
    }

    @Override
    public String toString() {
        return "(" + tokens + ", " + in + ", " + out + ")";
    }
}
