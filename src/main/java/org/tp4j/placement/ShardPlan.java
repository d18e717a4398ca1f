package org.tp4j.placement;

import java.util.Objects;

/**
 * How one dimension is cut over the ranks of a group: into blocks, of which each rank holds neighbouring ones.
 *
 * <p>The {@linkplain #even even} plan has one block per rank, as {@code numpy.array_split}: the first {@code dimension mod
 * N} blocks have one element more. The {@linkplain #canonical canonical} plan has {@value #CANONICAL_BLOCKS} blocks
 * whatever the number of ranks, stored with one width; so the same products are made at every world size, and their sum
 * over a binary tree has the same bits.
 */
public final class ShardPlan {
    /** Number of blocks of a canonical plan. */
    public static final int CANONICAL_BLOCKS = 8;

    private final Group group;
    private final long dimension;
    private final boolean canonical;

    private ShardPlan(Group group, long dimension, boolean canonical) {
        this.group = Objects.requireNonNull(group, "group");
        this.dimension = dimension;
        this.canonical = canonical;
        if (dimension < 0) {
            throw new IllegalArgumentException("a dimension of " + dimension + " cannot be split over " + group);
        }
    }

    /** One block per rank, sizes differing by at most one. */
    public static ShardPlan even(Group group, long dimension) {
        return new ShardPlan(group, dimension, false);
    }

    /**
     * Eight blocks of one width, so that results have the same bits at every world size.
     *
     * @throws IllegalArgumentException unless the group has 1, 2, 4 or 8 ranks
     */
    public static ShardPlan canonical(Group group, long dimension) {
        if (CANONICAL_BLOCKS % group.size() != 0) {
            throw new IllegalArgumentException("TP-invariant mode needs 1, 2, 4 or 8 ranks, but the group "
                    + group.name() + " has " + group.size());
        }
        return new ShardPlan(group, dimension, true);
    }

    /** The ranks that the dimension is cut over. */
    public Group group() {
        return group;
    }

    /** Size of the whole dimension. */
    public long dimension() {
        return dimension;
    }

    /** Whether the blocks are the same at every world size. */
    public boolean isCanonical() {
        return canonical;
    }

    /** How many blocks each rank holds. */
    public int blocksPerRank() {
        return canonical ? CANONICAL_BLOCKS / group.size() : 1;
    }

    /** The first block of a rank; its blocks are {@link #blocksPerRank} neighbours. */
    public int firstBlock(int rank) {
        return Objects.checkIndex(rank, group.size()) * blocksPerRank();
    }

    /** Where a block begins in the dimension. */
    public long blockStart(int block) {
        int blocks = blocks();
        Objects.checkIndex(block, blocks);
        return canonical
                ? Math.min(block * blockWidth(block), dimension)
                : block * (dimension / blocks) + Math.min(block, dimension % blocks);
    }

    /** How many elements of the dimension a block holds. */
    public long blockSize(int block) {
        int next = Objects.checkIndex(block, blocks()) + 1;
        return (next == blocks() ? dimension : blockStart(next)) - blockStart(block);
    }

    /** How many elements a block is stored with; those beyond its {@link #blockSize} are zero. */
    public long blockWidth(int block) {
        return canonical ? -Math.floorDiv(-dimension, CANONICAL_BLOCKS) : blockSize(block);
    }

    /** Where a rank's shard begins in the dimension. */
    public long start(int rank) {
        return blockStart(firstBlock(rank));
    }

    /** Where a rank's shard ends in the dimension. */
    public long end(int rank) {
        return start(rank) + size(rank);
    }

    /** How many elements of the dimension a rank holds. */
    public long size(int rank) {
        int last = firstBlock(rank) + blocksPerRank() - 1;
        return blockStart(last) + blockSize(last) - start(rank);
    }

    private int blocks() {
        return blocksPerRank() * group.size();
    }

    @Override
    public boolean equals(Object other) {
        return this == other
                || (other instanceof ShardPlan plan
                        && dimension == plan.dimension
                        && canonical == plan.canonical
                        && group.equals(plan.group));
    }

    @Override
    public int hashCode() {
        return Objects.hash(dimension, canonical, group);
    }

    @Override
    public String toString() {
        return dimension + (canonical ? " in 8 canonical blocks over " : " over ") + group;
    }
}
