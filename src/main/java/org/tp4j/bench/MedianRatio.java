package org.tp4j.bench;

import java.util.Arrays;
import java.util.Random;

/**
 * How many times as long one side takes as the other: the ratio of medians, and a percentile bootstrap interval that
 * holds it with 95 % confidence (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13).
 *
 * @param ours median, in seconds
 * @param peer median, in seconds
 * @param low lower end of the interval of {@code ours / peer}
 * @param high upper end
 */
public record MedianRatio(double ours, double peer, double low, double high) {
    private static final int RESAMPLES = 4000;
    private static final long SEED = 1;

    /** The ratio of two samples of seconds, neither of them empty; always the same for the same samples. */
    public static MedianRatio of(double[] ours, double[] peer) {
        Random random = new Random(SEED);
        double[] ratios = new double[RESAMPLES];
        for (int i = 0; i < RESAMPLES; i++) {
            ratios[i] = median(resample(ours, random)) / median(resample(peer, random));
        }
        Arrays.sort(ratios);
        return new MedianRatio(
                median(ours), median(peer), ratios[RESAMPLES / 40], ratios[RESAMPLES - 1 - RESAMPLES / 40]);
    }

    /** {@code ours / peer}. */
    public double ratio() {
        return ours / peer;
    }

    static double median(double[] sample) {
        double[] sorted = sample.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    private static double[] resample(double[] sample, Random random) {
        return random.ints(sample.length, 0, sample.length)
                .mapToDouble(i -> sample[i])
                .toArray();
    }
}
