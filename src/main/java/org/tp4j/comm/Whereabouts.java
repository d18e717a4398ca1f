package org.tp4j.comm;

/**
 * Where a rank is, in its sequence of collectives.
 *
 * @param operation the collective it is in, or had last finished
 * @param sequence that collective's number in its group, from 1; 0 if there was none yet
 * @param group the group's name
 * @param inside whether it is still in it
 */
record Whereabouts(Operation operation, long sequence, String group, boolean inside) {
    @Override
    public String toString() {
        if (sequence == 0) {
            return "before its first collective";
        }
        return (inside ? "in " : "after ") + operation.label() + " #" + sequence + " of " + group;
    }
}
