package org.tp4j.verify;

import java.util.Optional;
import java.util.function.Consumer;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/**
 * The unsplit layer, computed on the host without a BLAS, in twice the precision of f64. It streams blocks of the result,
 * so that neither the result nor an unpacked weight is ever held whole; an MLP holds its hidden activations, rounded to
 * f64, for at most {@value Product#ROWS} tokens at a time.
 */
public final class Oracle {
    private static final long HIDDEN_BYTES = 64L << 20;

    private Oracle() {}

    /**
     * The result in {@code dtype}, (tokens, out): each element is the oracle's, rounded once. The operands are rounded to
     * {@code dtype} first, as a device does. The caller owns it.
     */
    public static HostMatrix result(Problem problem, DType dtype) {
        HostMatrix result = HostMatrix.allocate(dtype, problem.tokens(), problem.out());
        stream(problem, Arithmetic.of(dtype, 1), block -> {
            for (int i = 0; i < block.rows(); i++) {
                double[] y = dtype == DType.F64 ? block.values(i) : block.roundedToOdd(i);
                result.write(block.firstRow() + i, block.firstColumn(), y, 0, y.length);
            }
        });
        return result;
    }

    /** Hands every block of the result to {@code sink}, from several threads at a time. */
    static void stream(Problem problem, Arithmetic arithmetic, Consumer<ReferenceBlock> sink) {
        if (problem instanceof LinearProblem linear) {
            stream(linear, arithmetic, sink);
        } else if (problem instanceof MlpProblem mlp) {
            stream(mlp, arithmetic, sink);
        }
    }

    /** The bound that the magnitudes of the blocks belong to. */
    static ErrorBound bound(Problem problem, Arithmetic arithmetic) {
        long features = problem instanceof MlpProblem mlp ? mlp.hidden() : ((LinearProblem) problem).in();
        return new ErrorBound(arithmetic, features);
    }

    private static void stream(LinearProblem problem, Arithmetic arithmetic, Consumer<ReferenceBlock> sink) {
        DType dtype = arithmetic.dtype();
        LeftRows x = LeftRows.of(problem.x(), dtype);
        new Product(x, problem.in(), problem.w(), problem.layout(), problem.bias(), dtype)
                .stream(0, problem.tokens(), sink);
    }

    private static void stream(MlpProblem problem, Arithmetic arithmetic, Consumer<ReferenceBlock> sink) {
        DType dtype = arithmetic.dtype();
        LeftRows x = LeftRows.of(problem.x(), dtype);
        Product up = new Product(x, problem.in(), problem.w1(), problem.layout(), Optional.empty(), dtype);
        Optional<Product> gate =
                problem.gate().map(wg -> new Product(x, problem.in(), wg, problem.layout(), Optional.empty(), dtype));
        ErrorBound upBound = new ErrorBound(arithmetic, problem.in());
        ErrorBound downBound = bound(problem, arithmetic);
        long step = rowsAtOnce(problem);
        for (long from = 0; from < problem.tokens(); from += step) {
            long to = Math.min(from + step, problem.tokens());
            HiddenLayer hidden = new HiddenLayer(problem, dtype, upBound, downBound, from, (int) (to - from));
            if (gate.isPresent()) {
                up.stream(from, to, hidden::keep);
                gate.get().stream(from, to, hidden::gate);
            } else {
                up.stream(from, to, hidden::activate);
            }
            new Product(hidden, problem.hidden(), problem.w2(), problem.layout(), problem.bias(), dtype)
                    .stream(from, to, sink);
        }
    }

    private static long rowsAtOnce(MlpProblem problem) {
        long rowBytes = 2 * Double.BYTES * Math.max(1, problem.hidden());
        return Math.max(1, Math.min(Product.ROWS, HIDDEN_BYTES / rowBytes));
    }
}
