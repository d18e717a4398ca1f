package org.tp4j.placement;

import java.util.Objects;

/**
 * One rank's place in a group.
 *
 * @param group the group
 * @param index its number in the group, from 0
 */
public record Member(Group group, int index) {
    public Member {
        Objects.checkIndex(index, group.size());
    }

    @Override
    public String toString() {
        return "rank " + index + " of " + group.name();
    }
}
