package org.tp4j.comm;

import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.tp4j.TensorParallel;
import org.tp4j.device.DeviceKind;
import org.tp4j.layer.ColumnParallelLinear;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/**
 * A service whose requests end before their products do, in every way and at random moments; each request closes its input
 * by try-with-resources. What memory that gave back is then left alone, so that reading it is a fault, or taken again and
 * filled with NaN, in turn. The process must live, and the same world
 * must answer the next request with the bits that it gave before. A process of its own, since a fault would end it.
 */
public final class CancelledRuns {
    private static final int IN = 1024;
    private static final int OUT = 4096;
    private static final int RANKS = 2;

    /** How long a long request takes, about. */
    private static final double SECONDS = 1;

    private static final Duration LIMIT = Duration.ofMillis(600);
    private static final Duration GRACE = Duration.ofMillis(20);

    /** How a request may end early. */
    private enum Way {
        INTERRUPT,
        LIMIT_PASSED,
        OTHER_RANK_THROWS,
        WORLD_CLOSED,
        PLAIN_ARRAYS
    }

    private final Random random;
    private final HostMatrix weight;
    private final HostMatrix smallInput;
    private final int[] right;
    private final int tokens;
    private World world = open();
    private PerRank<ColumnParallelLinear> layer;
    private int abandoned;

    private CancelledRuns(long seed) {
        this.random = new Random(seed);
        this.weight = randomMatrix(OUT, IN);
        this.smallInput = randomMatrix(3, IN);
        this.layer = load();
        this.right = answer();
        this.tokens = tokensOfALongRequest();
    }

    /**
     * Prints what was done.
     *
     * @param arguments how many moments of each way, and a seed
     */
    public static void main(String[] arguments) throws InterruptedException {
        int moments = Integer.parseInt(arguments[0]);
        CancelledRuns service = new CancelledRuns(Long.parseLong(arguments[1]));
        for (int moment = 0; moment < moments; moment++) {
            for (Way way : Way.values()) {
                service.cancel(way, service.random.nextDouble() * SECONDS);
            }
        }
        service.world.close();
        System.out.printf(
                Locale.ROOT,
                "%d moments of %d ways, %d tokens, %d ranks were abandoned%n",
                moments,
                Way.values().length,
                service.tokens,
                service.abandoned);
    }

    private void cancel(Way way, double after) throws InterruptedException {
        AtomicReference<RankException> failure = new AtomicReference<>();
        Thread request = new Thread(() -> {
            try {
                request(way, after);
            } catch (RankException e) {
                failure.set(e);
            }
        });
        request.start();
        if (way == Way.INTERRUPT || way == Way.PLAIN_ARRAYS || way == Way.WORLD_CLOSED) {
            TimeUnit.NANOSECONDS.sleep((long) (after * 1e9));
            Thread closing = new Thread(world::close);
            if (way == Way.WORLD_CLOSED) {
                closing.start(); // it waits for the run, which ends without its ranks
                TimeUnit.MILLISECONDS.sleep(1);
            }
            request.interrupt();
            closing.join();
        }
        request.join();
        if (failure.get() != null
                && Arrays.stream(failure.get().getSuppressed())
                        .anyMatch(each -> each.getMessage().startsWith("abandoned"))) {
            abandoned++;
        }
        if (way == Way.WORLD_CLOSED) {
            world = open();
            layer = load();
        }
        if (!Arrays.equals(answerWhenTheRanksAreBack(), right)) {
            throw new IllegalStateException("a wrong answer after " + way + " at " + after + " s");
        }
    }

    private void request(Way way, double after) {
        if (way == Way.PLAIN_ARRAYS) {
            TensorParallel.columnParallel(new float[tokens][IN], new float[OUT][IN], RANKS);
            return;
        }
        try (HostMatrix x = HostMatrix.allocate(DType.F32, tokens, IN)) {
            forward(x, rank -> {
                        if (rank.index() == 1 && way == Way.LIMIT_PASSED) {
                            LockSupport.parkNanos((long) (after * 1e9 / 4));
                            rank.comm().barrier();
                        }
                        if (rank.index() == 1 && way == Way.OTHER_RANK_THROWS) {
                            LockSupport.parkNanos((long) (after * 1e9));
                            throw new IllegalArgumentException("a planted mistake");
                        }
                    })
                    .close();
        } finally {
            if (random.nextBoolean()) {
                fillWithNaN();
            }
        }
    }

    /** Takes the memory that a request may have given back. */
    private void fillWithNaN() {
        float[] row = new float[IN];
        Arrays.fill(row, Float.NaN);
        try (HostMatrix next = HostMatrix.allocate(DType.F32, tokens, IN)) {
            for (int token = 0; token < tokens; token++) {
                next.write(token, 0, row, 0, IN);
            }
        }
    }

    private HostMatrix forward(HostMatrix x, RankAction first) {
        return world.compute(rank -> {
            first.accept(rank);
            return rank.comm().allGather(layer.on(rank).forward(rank.replicate(x)));
        });
    }

    private int[] answer() {
        try (HostMatrix y = forward(smallInput, rank -> {})) {
            int[] bits = new int[Math.toIntExact(y.rows() * y.columns())];
            for (int i = 0; i < bits.length; i++) {
                bits[i] = Float.floatToRawIntBits((float) y.get(i / y.columns(), i % y.columns()));
            }
            return bits;
        }
    }

    /** The limit of this world is short: a rank may need longer to return. */
    private int[] answerWhenTheRanksAreBack() {
        for (int attempt = 0; ; attempt++) {
            try {
                return answer();
            } catch (RankException e) {
                if (attempt == 10 || !e.getMessage().contains("has not returned from an earlier run")) {
                    throw e;
                }
            }
        }
    }

    private int tokensOfALongRequest() {
        int some = 1024;
        double seconds = Double.MAX_VALUE;
        try (HostMatrix x = HostMatrix.allocate(DType.F32, some, IN)) {
            for (int i = 0; i < 3; i++) {
                long start = System.nanoTime();
                forward(x, rank -> {}).close();
                seconds = Math.min(seconds, (System.nanoTime() - start) * 1e-9);
            }
        }
        return (int) Math.min(1 << 17, some * SECONDS / seconds);
    }

    private static World open() {
        return World.builder(DeviceKind.CPU, RANKS).limit(LIMIT).grace(GRACE).open();
    }

    private PerRank<ColumnParallelLinear> load() {
        return world.load(rank -> ColumnParallelLinear.shardOf(rank, weight));
    }

    private HostMatrix randomMatrix(int rows, int columns) {
        HostMatrix matrix = HostMatrix.allocate(DType.F32, rows, columns);
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                matrix.set(row, column, random.nextGaussian());
            }
        }
        return matrix;
    }
}
