package org.tp4j.bench;

import java.util.List;
import org.tp4j.comm.Rank;
import org.tp4j.comm.World;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Stream;
import org.tp4j.placement.Partial;
import org.tp4j.placement.Replicated;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/**
 * The all-reduce of f32 alone, on buffers that stay in the devices' memory: many in a row between two synchronizations, so
 * that neither the host's memory nor a wait for the device is in the time of one. What the nccl-tests measure.
 *
 * @see <a href="https://github.com/NVIDIA/nccl-tests/blob/master/doc/PERFORMANCE.md">nccl-tests' bandwidths</a>
 */
public final class ResidentAllReduce implements AutoCloseable {
    private static final long PIECE = 16_384; // elements
    private static final double TURN_SECONDS = 0.02;
    private static final double WARM_UP_SECONDS = 1;

    private final World world;

    /** Ranks on devices of a kind. */
    public ResidentAllReduce(DeviceKind kind, int ranks) {
        this(World.open(kind, ranks));
    }

    /** On a world that is closed with this. */
    ResidentAllReduce(World world) {
        this.world = world;
    }

    /**
     * One size.
     *
     * @param bytes of one rank's buffer
     * @param ranks how many there were
     * @param seconds of one all-reduce, the median of all turns
     */
    public record Result(long bytes, int ranks, double seconds) {
        /** Bytes of a buffer per second. */
        public double algorithmBandwidth() {
            return bytes / seconds;
        }

        /** What each link must carry at that speed at least, whatever the algorithm: {@code 2 (N - 1) / N} of it. */
        public double busBandwidth() {
            return algorithmBandwidth() * 2 * (ranks - 1) / ranks;
        }
    }

    /** What the ranks run on. */
    public String device() {
        return world.device(0).name();
    }

    /**
     * Measures one size, after a second of warming up.
     *
     * @param bytes of one rank's buffer, a positive multiple of 4
     * @param turns how often to measure, each time over as many all-reduces as take {@value #TURN_SECONDS} s
     * @throws IllegalStateException if a sum is wrong
     */
    public Result measure(long bytes, int turns) {
        long elements = bytes / Float.BYTES;
        long repeats = 1;
        double seconds = seconds(elements, repeats);
        for (double spent = seconds; spent < WARM_UP_SECONDS; spent += repeats * seconds) {
            repeats = Math.max(1, Math.min(2 * repeats, (long) (TURN_SECONDS / seconds)));
            seconds = seconds(elements, repeats);
        }
        double[] sample = new double[turns];
        for (int turn = 0; turn < turns; turn++) {
            sample[turn] = seconds(elements, repeats);
        }
        return new Result(bytes, world.size(), MedianRatio.median(sample));
    }

    /** Seconds of one of {@code repeats} all-reduces in a row, until the slowest rank has done the last. */
    double seconds(long elements, long repeats) {
        List<Double> ofEveryRank = world.runAll(rank -> {
            Stream stream = rank.innermost().stream();
            DeviceMatrix part = filled(rank, elements);
            for (long i = 0; i <= repeats / 8; i++) { // not timed: blocks are allocated, caches and clocks settle
                reduce(rank, part);
            }
            stream.synchronize(World.DEFAULT_LIMIT);
            rank.comm().barrier();
            long start = System.nanoTime();
            for (long i = 0; i < repeats; i++) {
                reduce(rank, part);
            }
            stream.synchronize(World.DEFAULT_LIMIT);
            double taken = (System.nanoTime() - start) * 1e-9 / repeats;
            check(rank, sum(rank, part));
            return taken;
        });
        return ofEveryRank.stream().mapToDouble(Double::doubleValue).max().orElseThrow();
    }

    @Override
    public void close() {
        world.close();
    }

    private static void reduce(Rank rank, DeviceMatrix part) {
        rank.release(sum(rank, part));
    }

    private static Replicated sum(Rank rank, DeviceMatrix part) {
        return rank.comm()
                .allReduce(Partial.unchecked(rank.member(), rank.comm().plan(part.columns()), DType.F32, part));
    }

    /** The value of an element of rank 0's buffer; every other rank's is larger by its number. */
    private static int value(long element) {
        return 1 + (int) (element % PIECE % 251);
    }

    /** One piece is uploaded; the device copies it to all others. */
    private static DeviceMatrix filled(Rank rank, long elements) {
        long first = Math.min(PIECE, elements);
        try (HostMatrix piece = HostMatrix.allocate(DType.F32, 1, first)) {
            for (long i = 0; i < first; i++) {
                piece.set(0, i, value(i) + rank.index());
            }
            Stream stream = rank.innermost().stream();
            DeviceMatrix part = rank.innermost().allocate(DType.F32, 1, elements);
            stream.upload(piece, part.columns(0, first));
            for (long at = first; at < elements; at += PIECE) {
                long length = Math.min(PIECE, elements - at);
                stream.copy(part.columns(0, length), part.columns(at, at + length));
            }
            return part;
        }
    }

    private static void check(Rank rank, Replicated sum) {
        int ranks = rank.groupSize();
        try (HostMatrix seen = rank.download(sum)) {
            for (long i = 0; i < seen.columns(); i++) {
                double expected = ranks * (value(i) + (ranks - 1) / 2.0);
                if (seen.get(0, i) != expected) {
                    throw new IllegalStateException("element " + i + " of the all-reduce is " + seen.get(0, i) + ": "
                            + expected + " is the sum");
                }
            }
        }
    }
}
