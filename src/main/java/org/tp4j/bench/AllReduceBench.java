package org.tp4j.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.tp4j.device.DeviceKind;

/**
 * The all-reduce of f32 beside MPI's, timed as a cycle: every rank fills its own buffer, all-reduces it and reads the
 * result. Without the filling and reading, repeats would find everything in each core's cache and measure that.
 *
 * <p>Both sides do the same: a buffer is filled by copies from 64 KiB of memory that stay in the cache, whose values change
 * from cycle to cycle; the result is read by copies into 64 KiB of other such memory, and the last element of each is
 * checked. So filling writes the buffer once, reading reads the result once, and nothing else touches memory. Our side goes
 * through the public interface and opens a scope, allocates the buffer and releases it in every cycle; MPI's reuses its
 * buffers.
 *
 * <p>The sides take turns, in one run. A turn is as many cycles as take {@value #TURN_SECONDS} s, and as many more before
 * it, untimed, as an eighth; its mean is one sample. While one side has its turn the other sleeps.
 */
public final class AllReduceBench {
    /** What {@code bench allreduce} measures unless told otherwise: bytes of one rank's buffer. */
    public static final List<Long> SIZES = List.of(4L << 10, 64L << 10, 1L << 20, 16L << 20);

    private static final double TURN_SECONDS = 0.02;
    private static final double WARM_UP_SECONDS = 1;
    private static final double SMALL_TARGET = 1.0;
    private static final double LARGE_TARGET = 0.6;
    private static final long LARGE = 64 << 10;

    private AllReduceBench() {}

    /**
     * What to measure.
     *
     * @param kind which device our side runs on
     * @param ranks how many ranks each side has
     * @param sizes bytes of one rank's buffer, each a positive multiple of 4
     * @param rounds how many turns each side gets for each size
     */
    public record Settings(DeviceKind kind, int ranks, List<Long> sizes, int rounds) {
        public Settings {
            Objects.requireNonNull(kind, "kind");
            sizes = List.copyOf(sizes);
            for (long size : sizes) {
                if (!isSize(size)) {
                    throw new IllegalArgumentException(
                            "a size is " + size + " bytes: it must be a positive multiple of " + Float.BYTES);
                }
            }
            if (rounds < 1) {
                throw new IllegalArgumentException("rounds is " + rounds + ": must be at least 1");
            }
        }
    }

    /** Whether a buffer of so many bytes holds a whole number of elements, and at least one. */
    public static boolean isSize(long bytes) {
        return bytes > 0 && bytes % Float.BYTES == 0;
    }

    /**
     * What was measured.
     *
     * @param device what our ranks ran on
     * @param peer which MPI ran beside them
     * @param ranks how many ranks each side had
     * @param results one for each size, in the order of the settings
     */
    public record Report(String device, String peer, int ranks, List<Result> results) {}

    /**
     * One size.
     *
     * @param bytes of one rank's buffer
     * @param seconds of a cycle, ours and MPI's, and their ratio
     * @param target what the ratio may be at most; infinite where there are more ranks than cores
     */
    public record Result(long bytes, MedianRatio seconds, double target) {
        /** Whether the interval contains the target or lies below it. */
        public boolean passed() {
            return seconds.low() <= target;
        }
    }

    /**
     * Measures every size.
     *
     * @param progress is told each size's result when it is there
     * @throws PeerException if MPI is missing or fails
     */
    public static Report run(Settings settings, Consumer<Result> progress) throws PeerException {
        try (WorldCycle ours = new WorldCycle(settings.kind(), settings.ranks());
                MpiCycle theirs = MpiCycle.start(settings.ranks(), "mpicc", "mpirun")) {
            List<Result> results = new ArrayList<>();
            for (long bytes : settings.sizes()) {
                Result result = compare(ours, theirs, bytes, settings);
                progress.accept(result);
                results.add(result);
            }
            return new Report(ours.device(), theirs.version(), settings.ranks(), List.copyOf(results));
        }
    }

    /** What is told when a size has been measured alone. */
    @FunctionalInterface
    public interface Listener {
        /** The seconds of a cycle on buffers of so many bytes: the median of all turns. */
        void measured(long bytes, double seconds);
    }

    /**
     * Measures every size on our side alone.
     *
     * @return what the ranks ran on
     */
    public static String alone(Settings settings, Listener listener) throws PeerException {
        try (WorldCycle ours = new WorldCycle(settings.kind(), settings.ranks())) {
            for (long bytes : settings.sizes()) {
                long elements = bytes / Float.BYTES;
                long cycles = warmUp(ours, elements);
                double[] seconds = new double[settings.rounds()];
                for (int round = 0; round < settings.rounds(); round++) {
                    seconds[round] = ours.measure(elements, cycles);
                }
                listener.measured(bytes, MedianRatio.median(seconds));
            }
            return ours.device();
        }
    }

    static Result compare(AllReduceCycle ours, AllReduceCycle theirs, long bytes, Settings settings)
            throws PeerException {
        long elements = bytes / Float.BYTES;
        long ourCycles = warmUp(ours, elements);
        long theirCycles = warmUp(theirs, elements);
        double[] ourSeconds = new double[settings.rounds()];
        double[] theirSeconds = new double[settings.rounds()];
        for (int round = 0; round < settings.rounds(); round++) {
            ourSeconds[round] = ours.measure(elements, ourCycles);
            theirSeconds[round] = theirs.measure(elements, theirCycles);
        }
        return new Result(bytes, MedianRatio.of(ourSeconds, theirSeconds), target(bytes, settings.ranks()));
    }

    /** Runs a side until it is compiled and its caches are filled, and returns how many cycles make a turn. */
    private static long warmUp(AllReduceCycle side, long elements) throws PeerException {
        long cycles = 1;
        double seconds = side.measure(elements, cycles);
        for (double spent = seconds; spent < WARM_UP_SECONDS; spent += cycles * seconds) {
            cycles = Math.max(1, Math.min(2 * cycles, (long) (TURN_SECONDS / seconds)));
            seconds = side.measure(elements, cycles);
        }
        return cycles;
    }

    static double target(long bytes, int ranks) {
        if (ranks > Runtime.getRuntime().availableProcessors()) {
            return Double.POSITIVE_INFINITY;
        }
        return bytes < LARGE ? SMALL_TARGET : LARGE_TARGET;
    }
}
