package org.tp4j.bench;

import java.time.Duration;
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
 * {@code y = x W^T} with W (out, in) split by rows over ranks, each on a thread and a stream of its own; alone, or beside
 * a library of Python. The sides take turns, each of which begins with products that are not timed and ends when the
 * device has done all. Beside NumPy each pauses before its turn, because OpenBLAS's idle threads go on spinning for a
 * while and take a core from the other side.
 */
public final class GemmBench {
    /** The shapes that are told: one token, few, and two prompts, of a 7-billion-parameter model's sizes. */
    public static final List<GemmShape> SHAPES = List.of(
            new GemmShape(1, 4096, 14336),
            new GemmShape(16, 4096, 14336),
            new GemmShape(128, 1024, 4096),
            new GemmShape(512, 2048, 8192));

    private static final double TURN_SECONDS = 0.04;
    private static final Duration LIMIT = Duration.ofSeconds(60);

    /** What a product may be measured beside. */
    public enum Peer {
        /** On the processor, with as many threads as we have ranks; f32 and f64. */
        NUMPY(400),
        /** On the first CUDA device, whose clock falls while it has nothing to do. */
        TORCH(0);

        private final long pauseMillis;

        Peer(long pauseMillis) {
            this.pauseMillis = pauseMillis;
        }
    }

    private final Device device;
    private final int ranks;
    private final int turns;

    /**
     * A benchmark.
     *
     * @param turns how often each side is measured
     */
    public GemmBench(Device device, int ranks, int turns) {
        this.device = device;
        this.ranks = ranks;
        this.turns = turns;
    }

    /**
     * Seconds of one product on both sides.
     *
     * @param interpreter the Python command that has the peer
     * @throws PeerException if the peer does not run
     */
    public MedianRatio beside(Peer peer, String interpreter, GemmShape shape, DType dtype)
            throws PeerException, InterruptedException {
        try (PythonPeer python = start(peer, interpreter);
                Ours ours = new Ours(shape, dtype)) {
            python.prepare(shape, dtype);
            python.seconds(1); // the first product also loads what it needs
            int repeats = repeats(python.seconds(1));
            double[] ourSeconds = new double[turns];
            double[] theirSeconds = new double[turns];
            for (int turn = 0; turn < turns; turn++) {
                Thread.sleep(peer.pauseMillis);
                python.seconds(1);
                theirSeconds[turn] = python.seconds(repeats);
                Thread.sleep(peer.pauseMillis);
                ourSeconds[turn] = ours.seconds(repeats);
            }
            return MedianRatio.of(ourSeconds, theirSeconds);
        }
    }

    /** Seconds of one product: the median of all turns. */
    public double alone(GemmShape shape, DType dtype) throws InterruptedException {
        try (Ours ours = new Ours(shape, dtype)) {
            int repeats = repeats(ours.seconds(1));
            double[] seconds = new double[turns];
            for (int turn = 0; turn < turns; turn++) {
                seconds[turn] = ours.seconds(repeats);
            }
            return MedianRatio.median(seconds);
        }
    }

    private PythonPeer start(Peer peer, String interpreter) throws PeerException {
        return switch (peer) {
            case NUMPY -> PythonPeer.numpy(interpreter, ranks);
            case TORCH -> PythonPeer.torch(interpreter);
        };
    }

    private static int repeats(double seconds) {
        return (int) Math.max(1, TURN_SECONDS / seconds);
    }

    /** Our side: a thread for each rank, and what it multiplies. */
    private final class Ours implements AutoCloseable {
        private final String product;
        private final RankThreads threads = new RankThreads(ranks);
        private final Operands operands;

        Ours(GemmShape shape, DType dtype) {
            product = dtype + " " + shape;
            operands = new Operands(shape, dtype);
        }

        double seconds(int repeats) throws InterruptedException {
            try {
                return threads.seconds(repeats, operands::multiply, operands::finish);
            } catch (ExecutionException e) {
                throw new IllegalStateException("a rank's product " + product + " failed", e.getCause());
            }
        }

        @Override
        public void close() {
            threads.close();
            operands.close();
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
            y = HostMatrix.allocate(dtype.accumulator(), shape.tokens(), shape.out());
            for (int rank = 0; rank < ranks; rank++) {
                shares.add(new Share(
                        device.openStream(), x, w, y, shape.out() * rank / ranks, shape.out() * (rank + 1) / ranks));
            }
        }

        void multiply(int rank) {
            shares.get(rank).multiply();
        }

        void finish(int rank) {
            shares.get(rank).stream.synchronize(LIMIT);
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
