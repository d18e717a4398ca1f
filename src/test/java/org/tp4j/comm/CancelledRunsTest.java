package org.tp4j.comm;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.tp4j.device.cuda.JavaProcess;

/** A run that ends before its ranks do harms neither the process nor the world. */
class CancelledRunsTest {
    /** Of each way to end a run; {@code -Dtests.moments=20} tries more. */
    private static final int MOMENTS = Integer.getInteger("tests.moments", 3);

    @Test
    void aWorldOutlivesRunsThatEndBeforeTheirRanks() throws Exception {
        cancel(MOMENTS);
    }

    @Test
    @Tag("slow")
    void aWorldOutlivesManyRunsThatEndBeforeTheirRanks() throws Exception {
        cancel(100);
    }

    private static void cancel(int moments) throws Exception {
        long seed = System.nanoTime();
        String printed = new JavaProcess(CancelledRuns.class)
                .arguments(String.valueOf(moments), String.valueOf(seed))
                .output();
        System.out.println("seed " + seed + ": "
                + printed.lines().reduce((first, last) -> last).orElse(""));
        assertTrue(!printed.contains(" 0 ranks were abandoned"), "no rank was ever abandoned: " + printed);
    }
}
