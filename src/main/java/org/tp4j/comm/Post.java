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
    /** Recorded behind everything that made {@link #sources}, or a result that peers write, if this post is {@link #open}. */
    final Event ready;
    /** Recorded behind this rank's last access to its peers' matrices, if it {@link #reaches} any that are open. */
    final Event done;

    Call call = Call.of(Operation.BARRIER);
    List<DeviceMatrix> sources = List.of();
    Optional<DeviceMatrix> result = Optional.empty();
    /** Whether there are elements of this rank that peers may reach. */
    boolean open;
    /** Whether this rank's share reaches elements of its peers. */
    boolean reaches;

    int color;
    int key;

    Post(Event ready, Event done) {
        this.ready = ready;
        this.done = done;
    }
}
