package org.tp4j.device.cpu;

import java.lang.ref.Reference;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.MatrixSource;
import org.tp4j.tensor.WeightLayout;

/**
 * Matrix products by OpenBLAS. How a product is cut into calls depends on shapes and strides alone, so that its bits do
 * too. Belongs to one stream.
 *
 * <table>
 * <caption>How a product is done</caption>
 * <tr><th>case</th><th>calls</th><th>why</th></tr>
 * <tr><td>one token</td><td>{@code gemv}</td><td>{@code gemm} packs W, which is read but once</td></tr>
 * <tr><td>W (out, in)</td><td>by {@link #FEW_OUTPUTS} output features for at most {@link #FEW_TOKENS} tokens, else by
 * {@link #MANY_OUTPUTS}</td><td>OpenBLAS walks all rows of W for a few hundred inputs and then again for the next; a
 * block's pages stay in reach of the TLB. With many tokens small blocks cost more than they gain</td></tr>
 * <tr><td>the same in f32, for few tokens</td><td>{@code y^T = W x^T}, then transposed</td><td>OpenBLAS packs the second
 * operand, here the small one, and keeps it in cache: a quarter faster. Its f64 kernels do not gain</td></tr>
 * <tr><td>W (in, out)</td><td>by input features, {@link #FEW_IN_BYTES} of W at a time for at most {@link #FEW_TOKENS}
 * tokens, else {@link #MANY_IN_BYTES}</td><td>a block of a file is read into memory that is small, and for few tokens
 * still in cache when it is multiplied; with many tokens each block costs a walk through y</td></tr>
 * <tr><td>f16, bf16</td><td>by panels of {@link #PANEL_OUT} x {@link #PANEL_IN} elements of W, converted to f32</td><td>a
 * converted panel stays in the second-level cache</td></tr>
 * </table>
 */
final class Product implements AutoCloseable {
    private static final int FEW_TOKENS = 64;
    private static final int FEW_OUTPUTS = 512;
    private static final int MANY_OUTPUTS = 2048;
    private static final long FEW_IN_BYTES = 4 << 20;
    private static final long MANY_IN_BYTES = 64 << 20;
    private static final int PANEL_OUT = 256;
    private static final int PANEL_IN = 1024;
    private static final int PANEL_TOKENS = 2048;

    private final OpenBlas blas;
    private final Elementwise elementwise;
    private final Staging stagedX = new Staging();
    private final Staging stagedW = new Staging();
    private final Staging stagedY = new Staging();

    Product(OpenBlas blas, Elementwise elementwise) {
        this.blas = blas;
        this.elementwise = elementwise;
    }

    /** Whether a product reads a weight of this dtype from a file by itself, a block at a time. */
    static boolean readsFiles(DType dtype) {
        return dtype == dtype.accumulator();
    }

    /**
     * {@code y = x W^T} or {@code y = x W}, of arguments that were checked. W may lie in a file if {@link #readsFiles}; the
     * bits are those of the same W, packed, in memory.
     */
    void run(HostMatrix x, MatrixSource w, WeightLayout layout, HostMatrix y) {
        if (y.rows() == 0 || y.columns() == 0) {
            return;
        }
        try {
            if (x.columns() == 0) {
                Elementwise.zero(y);
            } else if (x.dtype() == y.dtype()) {
                inPlace(x, w, layout, y);
            } else {
                inPanels(x, (HostMatrix) w, layout, y);
            }
        } finally { // native code sees addresses only
            Reference.reachabilityFence(x);
            Reference.reachabilityFence(w);
            Reference.reachabilityFence(y);
        }
    }

    @Override
    public void close() {
        stagedX.close();
        stagedW.close();
        stagedY.close();
    }

    private void inPlace(HostMatrix x, MatrixSource w, WeightLayout layout, HostMatrix y) {
        if (layout == WeightLayout.OUT_IN) {
            byOutputs(Operand.of(x), w, y);
        } else {
            byInputs(Operand.of(x), w, y);
        }
    }

    private void byOutputs(Operand x, MatrixSource w, HostMatrix y) {
        boolean few = x.rows() <= FEW_TOKENS;
        boolean transposed = few && x.rows() > 1 && x.dtype() == DType.F32;
        int outputs = few ? FEW_OUTPUTS : MANY_OUTPUTS;
        for (long out = 0; out < w.rows(); out += outputs) {
            long end = Math.min(out + outputs, w.rows());
            Operand block = inMemory(w, out, end);
            HostMatrix someY = y.columns(out, end);
            if (transposed) {
                HostMatrix turned = stagedY.matrix(y.dtype(), block.rows(), x.rows());
                blas.multiply(block, x, WeightLayout.OUT_IN, 0, Operand.of(turned));
                elementwise.transpose(turned, someY);
            } else {
                blas.multiply(x, block, WeightLayout.OUT_IN, 0, Operand.of(someY));
            }
        }
    }

    private void byInputs(Operand x, MatrixSource w, HostMatrix y) {
        long rows = Math.max(
                1,
                (x.rows() <= FEW_TOKENS ? FEW_IN_BYTES : MANY_IN_BYTES)
                        / (w.columns() * w.dtype().bytes()));
        for (long in = 0; in < w.rows(); in += rows) {
            long end = Math.min(in + rows, w.rows());
            Operand block = inMemory(w, in, end);
            Operand someX = x.columns((int) in, (int) end);
            blas.multiply(someX, block, WeightLayout.IN_OUT, in == 0 ? 0 : 1, Operand.of(y));
        }
    }

    /** Rows {@code [from, to)} of a weight, read now if they lie in a file. */
    private Operand inMemory(MatrixSource w, long from, long to) {
        if (w instanceof HostMatrix host) {
            return Operand.of(host, from, to);
        }
        HostMatrix read = stagedW.matrix(w.dtype(), (int) (to - from), (int) w.columns());
        w.rows(from, to).copyTo(read);
        return Operand.of(read);
    }

    private void inPanels(HostMatrix x, HostMatrix w, WeightLayout layout, HostMatrix y) {
        for (long token = 0; token < x.rows(); token += PANEL_TOKENS) {
            long lastToken = Math.min(token + PANEL_TOKENS, x.rows());
            HostMatrix someY = y.rows(token, lastToken);
            for (long in = 0; in < x.columns(); in += PANEL_IN) {
                long lastIn = Math.min(in + PANEL_IN, x.columns());
                Operand someX = widened(x.rows(token, lastToken).columns(in, lastIn), stagedX);
                addPanels(someX, layout.inSlice(w, in, lastIn), layout, in == 0 ? 0 : 1, someY);
            }
        }
    }

    private void addPanels(Operand x, HostMatrix w, WeightLayout layout, int beta, HostMatrix y) {
        Operand all = Operand.of(y);
        for (int out = 0; out < all.columns(); out += PANEL_OUT) {
            int lastOut = Math.min(out + PANEL_OUT, all.columns());
            Operand panel = widened(layout.outSlice(w, out, lastOut), stagedW);
            blas.multiply(x, panel, layout, beta, all.columns(out, lastOut));
        }
    }

    private Operand widened(HostMatrix narrow, Staging staging) {
        HostMatrix wide = staging.matrix(DType.F32, (int) narrow.rows(), (int) narrow.columns());
        elementwise.convert(narrow, wide);
        return Operand.of(wide);
    }
}
