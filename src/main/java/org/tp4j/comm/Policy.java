package org.tp4j.comm;

import java.util.Optional;
import org.tp4j.device.AllReduceAlgorithm;
import org.tp4j.device.Device;
import org.tp4j.placement.Group;
import org.tp4j.placement.ShardPlan;

/**
 * How a world does what can be done in several ways.
 *
 * @param tpInvariant whether dimensions are cut into the same blocks at every world size
 * @param allReduce how sums are taken; empty: as the device finds faster
 */
record Policy(boolean tpInvariant, Optional<AllReduceAlgorithm> allReduce) {
    /** How a dimension is cut over a group. */
    ShardPlan plan(Group group, long dimension) {
        return tpInvariant ? ShardPlan.canonical(group, dimension) : ShardPlan.even(group, dimension);
    }

    /** How {@code bytes} bytes are summed over so many ranks of a device. */
    AllReduceAlgorithm allReduce(Device device, long bytes, int ranks) {
        return allReduce.orElseGet(() -> device.allReduceAlgorithm(bytes, ranks));
    }
}
