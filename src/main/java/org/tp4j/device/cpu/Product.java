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
 * <tr><td>one token</td><td>{@code gemv}: {@code gemm} packs W first, which takes four times as long</td></tr>
 * <tr><td>f32, f64</td><td>in place, W in blocks of rows of {@link #BLOCK_BYTES}: a block that lies across two mappings
 * of a file is copied, and that should be little</td></tr>
 * <tr><td>f16, bf16</td><td>in panels of {@link #PANEL_OUT} x {@link #PANEL_IN} elements of W, converted to f32, which
 * fit the second-level cache</td></tr>
 * </table>
 */
final class Product implements AutoCloseable {
    private static final long BLOCK_BYTES = 64 << 20;
    private static final int PANEL_OUT = 256;
    private static final int PANEL_IN = 1024;
    private static final int PANEL_TOKENS = 2048;

    private final OpenBlas blas;
    private final Elementwise elementwise;
    private final Staging stagedX = new Staging();
    private final Staging stagedW = new Staging();

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
    }

    private void inPlace(HostMatrix x, HostMatrix w, WeightLayout layout, HostMatrix y) {
        long tokens = rowsPerBlock(x);
        for (long token = 0; token < x.rows(); token += tokens) {
            long end = Math.min(token + tokens, x.rows());
            inWeightBlocks(unbroken(x, token, end, stagedX), w, layout, Operand.of(y, token, end));
        }
    }

    private void inWeightBlocks(Operand x, HostMatrix w, WeightLayout layout, Operand y) {
        long rows = rowsPerBlock(w);
        for (long row = 0; row < w.rows(); row += rows) {
            long end = Math.min(row + rows, w.rows());
            Operand block = unbroken(w, row, end, stagedW);
            if (layout == WeightLayout.OUT_IN) {
                blas.multiply(x, block, layout, 0, y.columns((int) row, (int) end));
            } else {
                blas.multiply(x.columns((int) row, (int) end), block, layout, row == 0 ? 0 : 1, y);
            }
        }
    }

    private static long rowsPerBlock(HostMatrix matrix) {
        return Math.max(1, BLOCK_BYTES / (matrix.rowStride() * matrix.dtype().bytes()));
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
