package org.tp4j.device.cpu;

import java.lang.ref.Reference;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
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
 * <tr><td>W (in, out)</td><td>by input features, {@link #IN_BLOCK_BYTES} of W at a time</td><td>only that a block which
 * lies across two mappings of a file, and must be copied, is small</td></tr>
 * <tr><td>f16, bf16</td><td>by panels of {@link #PANEL_OUT} x {@link #PANEL_IN} elements of W, converted to f32</td><td>a
 * converted panel stays in the second-level cache</td></tr>
 * </table>
 */
final class Product implements AutoCloseable {
    private static final int FEW_TOKENS = 64;
    private static final int FEW_OUTPUTS = 512;
    private static final int MANY_OUTPUTS = 2048;
    private static final long IN_BLOCK_BYTES = 64 << 20;
    private static final long TOKEN_BLOCK_BYTES = 64 << 20;
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

    /** {@code y = x W^T} or {@code y = x W}, of arguments that were checked. */
    void run(HostMatrix x, HostMatrix w, WeightLayout layout, HostMatrix y) {
        if (y.rows() == 0 || y.columns() == 0) {
            return;
        }
        try {
            if (x.columns() == 0) {
                Elementwise.zero(y);
            } else if (x.dtype() == y.dtype()) {
                inPlace(x, w, layout, y);
            } else {
                inPanels(x, w, layout, y);
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

    private void inPlace(HostMatrix x, HostMatrix w, WeightLayout layout, HostMatrix y) {
        long tokens = Math.max(1, TOKEN_BLOCK_BYTES / rowBytes(x));
        for (long token = 0; token < x.rows(); token += tokens) {
            long end = Math.min(token + tokens, x.rows());
            Operand someX = unbroken(x, token, end, stagedX);
            if (layout == WeightLayout.OUT_IN) {
                byOutputs(someX, w, y.rows(token, end));
            } else {
                byInputs(someX, w, y.rows(token, end));
            }
        }
    }

    private void byOutputs(Operand x, HostMatrix w, HostMatrix y) {
        boolean few = x.rows() <= FEW_TOKENS;
        boolean transposed = few && x.rows() > 1 && x.dtype() == DType.F32;
        int outputs = few ? FEW_OUTPUTS : MANY_OUTPUTS;
        for (long out = 0; out < w.rows(); out += outputs) {
            long end = Math.min(out + outputs, w.rows());
            Operand block = unbroken(w, out, end, stagedW);
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

    private void byInputs(Operand x, HostMatrix w, HostMatrix y) {
        long rows = Math.max(1, IN_BLOCK_BYTES / rowBytes(w));
        for (long in = 0; in < w.rows(); in += rows) {
            long end = Math.min(in + rows, w.rows());
            Operand block = unbroken(w, in, end, stagedW);
            Operand someX = x.columns((int) in, (int) end);
            blas.multiply(someX, block, WeightLayout.IN_OUT, in == 0 ? 0 : 1, Operand.of(y));
        }
    }

    private static long rowBytes(HostMatrix matrix) {
        return matrix.rowStride() * matrix.dtype().bytes();
    }

    private static Operand unbroken(HostMatrix matrix, long from, long to, Staging staging) {
        if (matrix.unbrokenRows(from) >= to - from) {
            return Operand.of(matrix, from, to);
        }
        HostMatrix copy = staging.matrix(matrix.dtype(), (int) (to - from), (int) matrix.columns());
        Elementwise.copy(matrix.rows(from, to), copy);
        return Operand.of(copy);
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
