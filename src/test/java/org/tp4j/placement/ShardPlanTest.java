package org.tp4j.placement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class ShardPlanTest {
    private static final List<Long> DIMENSIONS = List.of(0L, 1L, 2L, 7L, 8L, 9L, 63L, 64L, 65L, 4096L, (1L << 40) + 3);

    @Test
    void theFirstRanksHaveOneMore() {
        ShardPlan plan = ShardPlan.even(Group.world(4), 10);
        assertEquals(List.of(0L, 3L, 6L, 8L), List.of(plan.start(0), plan.start(1), plan.start(2), plan.start(3)));
        assertEquals(List.of(3L, 3L, 2L, 2L), List.of(plan.size(0), plan.size(1), plan.size(2), plan.size(3)));
        assertEquals("10 over world of 4 ranks", plan.toString());
    }

    @Test
    void everyPlanCoversItsDimensionInOrder() {
        for (long dimension : DIMENSIONS) {
            for (int ranks : new int[] {1, 2, 3, 4, 5, 8, 9, 500}) {
                assertCovers(ShardPlan.even(Group.world(ranks), dimension));
            }
            for (int ranks : new int[] {1, 2, 4, 8}) {
                assertCovers(ShardPlan.canonical(Group.world(ranks), dimension));
            }
        }
    }

    @Test
    void canonicalBlocksAreTheSameAtEveryWorldSize() {
        for (long dimension : DIMENSIONS) {
            ShardPlan alone = ShardPlan.canonical(Group.world(1), dimension);
            for (int ranks : new int[] {2, 4, 8}) {
                ShardPlan plan = ShardPlan.canonical(Group.world(ranks), dimension);
                for (int block = 0; block < ShardPlan.CANONICAL_BLOCKS; block++) {
                    assertEquals(alone.blockStart(block), plan.blockStart(block));
                    assertEquals(alone.blockSize(block), plan.blockSize(block));
                    assertEquals(alone.blockWidth(0), plan.blockWidth(block));
                    assertTrue(plan.blockSize(block) <= plan.blockWidth(block));
                }
            }
        }
    }

    @Test
    void otherNumbersAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> ShardPlan.canonical(Group.world(3), 8));
        assertThrows(IllegalArgumentException.class, () -> ShardPlan.even(Group.world(3), -1));
        assertThrows(
                IndexOutOfBoundsException.class,
                () -> ShardPlan.even(Group.world(3), 5).start(3));
    }

    private static void assertCovers(ShardPlan plan) {
        long next = 0;
        for (int rank = 0; rank < plan.group().size(); rank++) {
            assertEquals(next, plan.start(rank), plan + ", rank " + rank);
            assertTrue(plan.size(rank) >= 0);
            next = plan.end(rank);
        }
        assertEquals(plan.dimension(), next, plan.toString());
    }
}
