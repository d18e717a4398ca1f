package org.tp4j;

import java.nio.FloatBuffer;
import java.time.Duration;
import java.util.Objects;
import org.tp4j.comm.World;
import org.tp4j.device.DeviceKind;
import org.tp4j.layer.ColumnParallelLinear;
import org.tp4j.layer.MlpWeights;
import org.tp4j.layer.ParallelMlp;
import org.tp4j.layer.RowParallelLinear;
import org.tp4j.layer.Weight;
import org.tp4j.tensor.HostMatrix;

/**
 * The three splits on whole matrices, one call each: a world is opened, the layer is split over it, and the joined result
 * comes back. Results equal those of the unsplit layer to within rounding, at every number of ranks. Programs that call a
 * layer many times keep a {@link World} open and {@linkplain World#load load} its shards once.
 *
 * <p>A {@link HostMatrix} that is given stays open and unchanged during the call; one that is returned is the caller's to
 * close. All arguments of a call have one dtype.
 */
public final class TensorParallel {
    /** The ranks of one product run the same code, so a long wait means a large product, not a lost rank. */
    private static final Duration LIMIT = Duration.ofHours(1);

    private TensorParallel() {}

    /**
     * {@code y = x W^T}, with W split by output features and y all-gathered.
     *
     * @param x (tokens, in)
     * @param w (out, in)
     * @param numRanks how many ranks, at least 1
     * @return (tokens, out), of the dtype of x
     * @throws IllegalArgumentException if shapes or dtypes do not fit, or there are no ranks
     */
    public static HostMatrix columnParallel(HostMatrix x, HostMatrix w, int numRanks) {
        checkPair("x", x, "w", w, x.columns(), w.columns(), "the last dimensions");
        try (World world = open(numRanks)) {
            return world.compute(rank -> {
                var layer = ColumnParallelLinear.shardOf(rank, Weight.outIn(w));
                return rank.comm().allGather(layer.forward(rank.replicate(x)));
            });
        }
    }

    /**
     * {@code y = x W^T}, with x and W split by input features and y all-reduced.
     *
     * @param x (tokens, in)
     * @param w (out, in)
     * @param numRanks how many ranks, at least 1
     * @return (tokens, out), of the dtype of x
     * @throws IllegalArgumentException if shapes or dtypes do not fit, or there are no ranks
     */
    public static HostMatrix rowParallel(HostMatrix x, HostMatrix w, int numRanks) {
        checkPair("x", x, "w", w, x.columns(), w.columns(), "the last dimensions");
        try (World world = open(numRanks)) {
            return world.compute(rank -> {
                var layer = RowParallelLinear.shardOf(rank, Weight.outIn(w));
                return rank.comm().allReduce(layer.forward(rank.shardFeatures(x, x.dtype())));
            });
        }
    }

    /**
     * {@code y = relu(x W1) W2}, with W1 split by columns, W2 by rows, and exactly one all-reduce.
     *
     * @param x (tokens, in)
     * @param w1 (in, hidden)
     * @param w2 (hidden, out)
     * @param numRanks how many ranks, at least 1
     * @return (tokens, out), of the dtype of x
     * @throws IllegalArgumentException if shapes or dtypes do not fit, or there are no ranks
     */
    public static HostMatrix mlp(HostMatrix x, HostMatrix w1, HostMatrix w2, int numRanks) {
        checkPair("x", x, "w1", w1, x.columns(), w1.rows(), "the last dimension of x and the first of w1");
        checkPair("w1", w1, "w2", w2, w1.columns(), w2.rows(), "the last dimension of w1 and the first of w2");
        try (World world = open(numRanks)) {
            return world.compute(rank -> {
                var block = ParallelMlp.shardOf(rank, MlpWeights.of(w1, w2));
                return block.allReduced(rank.comm(), rank.replicate(x));
            });
        }
    }

    /** {@link #columnParallel(HostMatrix, HostMatrix, int)} in f32. */
    public static float[][] columnParallel(float[][] x, float[][] w, int numRanks) {
        try (var hostX = HostMatrix.of(x);
                var hostW = HostMatrix.of(w);
                var y = columnParallel(hostX, hostW, numRanks)) {
            return y.toFloats();
        }
    }

    /** {@link #rowParallel(HostMatrix, HostMatrix, int)} in f32. */
    public static float[][] rowParallel(float[][] x, float[][] w, int numRanks) {
        try (var hostX = HostMatrix.of(x);
                var hostW = HostMatrix.of(w);
                var y = rowParallel(hostX, hostW, numRanks)) {
            return y.toFloats();
        }
    }

    /** {@link #mlp(HostMatrix, HostMatrix, HostMatrix, int)} in f32. */
    public static float[][] mlp(float[][] x, float[][] w1, float[][] w2, int numRanks) {
        try (var hostX = HostMatrix.of(x);
                var hostW1 = HostMatrix.of(w1);
                var hostW2 = HostMatrix.of(w2);
                var y = mlp(hostX, hostW1, hostW2, numRanks)) {
            return y.toFloats();
        }
    }

    /** {@link #columnParallel(HostMatrix, HostMatrix, int)} in f64. */
    public static double[][] columnParallel(double[][] x, double[][] w, int numRanks) {
        try (var hostX = HostMatrix.of(x);
                var hostW = HostMatrix.of(w);
                var y = columnParallel(hostX, hostW, numRanks)) {
            return y.toDoubles();
        }
    }

    /** {@link #rowParallel(HostMatrix, HostMatrix, int)} in f64. */
    public static double[][] rowParallel(double[][] x, double[][] w, int numRanks) {
        try (var hostX = HostMatrix.of(x);
                var hostW = HostMatrix.of(w);
                var y = rowParallel(hostX, hostW, numRanks)) {
            return y.toDoubles();
        }
    }

    /** {@link #mlp(HostMatrix, HostMatrix, HostMatrix, int)} in f64. */
    public static double[][] mlp(double[][] x, double[][] w1, double[][] w2, int numRanks) {
        try (var hostX = HostMatrix.of(x);
                var hostW1 = HostMatrix.of(w1);
                var hostW2 = HostMatrix.of(w2);
                var y = mlp(hostX, hostW1, hostW2, numRanks)) {
            return y.toDoubles();
        }
    }

    /**
     * {@link #columnParallel(HostMatrix, HostMatrix, int)} in f32, on row-major elements from each buffer's position.
     *
     * @param x tokens * in elements
     * @param w out * in elements
     * @return tokens * out elements, in a buffer of its own
     */
    public static FloatBuffer columnParallel(FloatBuffer x, FloatBuffer w, int tokens, int in, int out, int numRanks) {
        try (var hostX = HostMatrix.of(x, tokens, in);
                var hostW = HostMatrix.of(w, out, in);
                var y = columnParallel(hostX, hostW, numRanks)) {
            return y.toFloatBuffer();
        }
    }

    /**
     * {@link #rowParallel(HostMatrix, HostMatrix, int)} in f32, on row-major elements from each buffer's position.
     *
     * @param x tokens * in elements
     * @param w out * in elements
     * @return tokens * out elements, in a buffer of its own
     */
    public static FloatBuffer rowParallel(FloatBuffer x, FloatBuffer w, int tokens, int in, int out, int numRanks) {
        try (var hostX = HostMatrix.of(x, tokens, in);
                var hostW = HostMatrix.of(w, out, in);
                var y = rowParallel(hostX, hostW, numRanks)) {
            return y.toFloatBuffer();
        }
    }

    /**
     * {@link #mlp(HostMatrix, HostMatrix, HostMatrix, int)} in f32, on row-major elements from each buffer's position.
     *
     * @param x tokens * in elements
     * @param w1 in * hidden elements
     * @param w2 hidden * out elements
     * @return tokens * out elements, in a buffer of its own
     */
    public static FloatBuffer mlp(
            FloatBuffer x, FloatBuffer w1, FloatBuffer w2, int tokens, int in, int hidden, int out, int numRanks) {
        try (var hostX = HostMatrix.of(x, tokens, in);
                var hostW1 = HostMatrix.of(w1, in, hidden);
                var hostW2 = HostMatrix.of(w2, hidden, out);
                var y = mlp(hostX, hostW1, hostW2, numRanks)) {
            return y.toFloatBuffer();
        }
    }

    private static World open(int numRanks) {
        return World.builder(DeviceKind.AUTO, numRanks).limit(LIMIT).open();
    }

    private static void checkPair(
            String leftName,
            HostMatrix left,
            String rightName,
            HostMatrix right,
            long leftSize,
            long rightSize,
            String dimensions) {
        Objects.requireNonNull(left, leftName);
        Objects.requireNonNull(right, rightName);
        if (leftSize != rightSize || left.dtype() != right.dtype()) {
            throw new IllegalArgumentException(rightName + " is " + right + " but " + leftName + " is " + left + ": "
                    + dimensions + " and the dtypes must be equal");
        }
    }
}
