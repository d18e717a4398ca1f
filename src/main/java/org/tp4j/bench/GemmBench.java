package org.tp4j.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Scope;
import org.tp4j.device.ScopeStack;
import org.tp4j.device.Stream;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.WeightLayout;

/**
 * {@code y = x W^T} with W (out, in) split by rows over ranks, each on a thread and a stream of its own, beside NumPy
 * with as many threads. The sides take turns. Each pauses before its turn, because OpenBLAS's idle threads go on
 * spinning for a while and take a core from the other side, and each makes one product that is not timed.
 */
public final class GemmBench {
    /** The shapes that are told: one token, few, and two prompts, of a 7-billion-parameter model's sizes. */
    public static final List<GemmShape> SHAPES = List.of(
            new GemmShape(1, 4096, 14336),
            new GemmShape(16, 4096, 14336),
            new GemmShape(128, 1024, 4096),
            new GemmShape(512, 2048, 8192));

    private static final long PAUSE_MILLIS = 400;
    private static final double TURN_SECONDS = 0.04;

    private final Device device;
    private final int ranks;
    private final String interpreter;
    private final int turns;

    /**
     * A benchmark.
     *
     * @param interpreter the Python command that has NumPy
     * @param turns how often each side is measured
     */
    public GemmBench(Device device, int ranks, String interpreter, int turns) {
        this.device = device;
        this.ranks = ranks;
        this.interpreter = interpreter;
        this.turns = turns;
    }

    /**
     * Seconds of one product on both sides.
     *
     * @throws PeerException if NumPy does not run
     */
    public MedianRatio run(GemmShape shape, DType dtype) throws PeerException, InterruptedException {
        try (NumpyPeer peer = new NumpyPeer(interpreter, ranks);
                RankThreads threads = new RankThreads(ranks);
                Operands operands = new Operands(shape, dtype)) {
            peer.prepare(shape, dtype);
            int repeats = (int) Math.max(1, TURN_SECONDS / peer.seconds(1));
            double[] ours = new double[turns];
            double[] theirs = new double[turns];
            threads.seconds(repeats, operands::multiply);
            for (int turn = 0; turn < turns; turn++) {
                Thread.sleep(PAUSE_MILLIS);
                peer.seconds(1);
                theirs[turn] = peer.seconds(repeats);
                Thread.sleep(PAUSE_MILLIS);
                threads.seconds(1, operands::multiply);
                ours[turn] = threads.seconds(repeats, operands::multiply);
            }
            return MedianRatio.of(ours, theirs);
        } catch (ExecutionException e) {
            throw new IllegalStateException("a rank's product " + dtype + " " + shape + " failed", e.getCause());
        }
    }

    /** Every rank's stream and share of the product. */
    private final class Operands implements AutoCloseable {
        private final HostMatrix x;
        private final HostMatrix w;
        private final HostMatrix y;
        private final List<Share> shares = new ArrayList<>();

        Operands(GemmShape shape, DType dtype) {
            Random random = new Random(1);
            x = uniform(random, dtype, shape.tokens(), shape.in());
            w = uniform(random, dtype, shape.out(), shape.in());
            y = HostMatrix.allocate(dtype, shape.tokens(), shape.out());
            for (int rank = 0; rank < ranks; rank++) {
                shares.add(new Share(
                        device.openStream(), x, w, y, shape.out() * rank / ranks, shape.out() * (rank + 1) / ranks));
            }
        }

        void multiply(int rank) {
            shares.get(rank).multiply();
        }

        @Override
        public void close() {
            shares.forEach(Share::close);
            x.close();
            w.close();
            y.close();
        }
    }

    private static final class Share implements AutoCloseable {
        private final Stream stream;
        private final Scope scope;
        private final DeviceMatrix x;
        private final DeviceMatrix w;
        private final DeviceMatrix y;

        Share(Stream stream, HostMatrix x, HostMatrix w, HostMatrix y, long from, long to) {
            this.stream = stream;
            this.scope = new ScopeStack(stream).open("a benchmark");
            this.x = scope.borrow(x);
            this.w = scope.borrow(w.rows(from, to));
            this.y = scope.borrow(y.columns(from, to));
        }

        void multiply() {
            stream.gemm(x, w, WeightLayout.OUT_IN, y);
        }

        @Override
        public void close() {
            scope.close();
            stream.close();
        }
    }

    private static HostMatrix uniform(Random random, DType dtype, long rows, long columns) {
        HostMatrix matrix = HostMatrix.allocate(dtype, rows, columns);
        float[] line = new float[Math.toIntExact(columns)];
        for (long row = 0; row < rows; row++) {
            for (int column = 0; column < line.length; column++) {
                line[column] = random.nextFloat() - 0.5f;
            }
            matrix.write(row, 0, line, 0, line.length);
        }
        return matrix;
    }
}
