package org.tp4j.comm;

import java.util.List;
import java.util.Optional;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Event;

/**
 * What one rank lays open to its peers for one collective. Written before the rank arrives, read by peers after; reused
 * for the collective after the next, when every peer has read it (they have then arrived at the next).
 */
final class Post {
    /** Recorded behind everything that made {@link #sources}, if there are any, or a result that peers write. */
    final Event ready;
    /** Recorded behind this rank's last access to its peers' matrices in this collective, if one lays any open. */
    final Event done;

    Call call = Call.of(Operation.BARRIER);
    List<DeviceMatrix> sources = List.of();
    Optional<DeviceMatrix> result = Optional.empty();
    int color;
    int key;

    Post(Event ready, Event done) {
        this.ready = ready;
        this.done = done;
    }

    /** Whether peers may reach matrices of this rank. */
    boolean isOpen() {
        return !sources.isEmpty() || result.isPresent();
    }
}
