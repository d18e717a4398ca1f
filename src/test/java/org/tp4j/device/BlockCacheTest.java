package org.tp4j.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class BlockCacheTest {
    @Test
    void aClassIsAtMostAnEighthTooLarge() {
        for (long bytes = 2048; bytes < 1L << 20; bytes += 101) {
            long rounded = BlockCache.roundUp(bytes);
            assertTrue(rounded >= bytes && rounded - bytes < bytes / 8.0, bytes + " became " + rounded);
            assertEquals(rounded, BlockCache.roundUp(rounded));
        }
        assertEquals(2048, BlockCache.roundUp(0));
        assertEquals(1L << 40, BlockCache.roundUp((1L << 40) - 1));
    }
}
