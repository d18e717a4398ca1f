package org.tp4j.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;

class MedianRatioTest {
    @Test
    void mediansOfOddAndEvenSamples() {
        assertEquals(2.0, MedianRatio.median(new double[] {9, 1, 2}));
        assertEquals(2.5, MedianRatio.median(new double[] {9, 1, 2, 3}));
    }

    @Test
    void equalSamplesLeaveNoDoubt() {
        MedianRatio ratio = MedianRatio.of(new double[] {3, 3, 3}, new double[] {2, 2, 2, 2});
        assertEquals(new MedianRatio(3, 2, 1.5, 1.5), ratio);
        assertEquals(1.5, ratio.ratio());
    }

    /** The interval holds the true ratio in about 95 of 100 repetitions. */
    @Test
    void theIntervalHoldsTheTruth() {
        Random random = new Random(7);
        int held = 0;
        for (int i = 0; i < 200; i++) {
            MedianRatio ratio = MedianRatio.of(sample(random, 1.2), sample(random, 1.0));
            held += ratio.low() <= 1.2 && ratio.high() >= 1.2 ? 1 : 0;
            assertTrue(ratio.low() <= ratio.high());
        }
        assertTrue(held >= 180, "only " + held + " of 200 intervals hold the truth");
    }

    private static double[] sample(Random random, double median) {
        return random.doubles(25).map(u -> median * Math.exp(0.2 * (u - 0.5))).toArray();
    }
}
