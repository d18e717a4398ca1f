package org.tp4j.placement;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;

/** The ranks that a value is spread over, in order. Groups of the same ranks in the same order are equal. */
public final class Group {
    private final String name;
    private final List<Integer> worldRanks;

    private Group(String name, List<Integer> worldRanks) {
        this.name = name;
        this.worldRanks = worldRanks;
    }

    /** All ranks of a world of this size. */
    public static Group world(int size) {
        List<Integer> ranks = new ArrayList<>(size);
        for (int rank = 0; rank < size; rank++) {
            ranks.add(rank);
        }
        return of("world", ranks);
    }

    /**
     * The given ranks, in this order.
     *
     * @param name what messages call the group
     * @throws IllegalArgumentException if there is none, or one is there twice
     */
    public static Group of(String name, List<Integer> worldRanks) {
        Objects.requireNonNull(name, "name");
        if (worldRanks.isEmpty() || new HashSet<>(worldRanks).size() != worldRanks.size()) {
            throw new IllegalArgumentException(
                    "the group " + name + " has the ranks " + worldRanks + ": each rank once, and at least one");
        }
        return new Group(name, List.copyOf(worldRanks));
    }

    /** What messages call the group. */
    public String name() {
        return name;
    }

    /** How many ranks it has. */
    public int size() {
        return worldRanks.size();
    }

    /** The rank in the world of the member with this number. */
    public int worldRank(int member) {
        return worldRanks.get(member);
    }

    /** The numbers in the world of all members, in order. */
    public List<Integer> worldRanks() {
        return worldRanks;
    }

    /** Whether every rank of {@code other} is a rank of this group. */
    public boolean covers(Group other) {
        return equals(other) || worldRanks.containsAll(other.worldRanks);
    }

    @Override
    public boolean equals(Object other) {
        return this == other || (other instanceof Group group && worldRanks.equals(group.worldRanks));
    }

    @Override
    public int hashCode() {
        return worldRanks.hashCode();
    }

    @Override
    public String toString() {
        return name + " of " + size() + (size() == 1 ? " rank" : " ranks");
    }
}
