package org.tp4j.device.cpu;

import java.util.concurrent.atomic.AtomicBoolean;
import org.tp4j.device.Event;

/** A mark that needs no waiting: what was enqueued before its record has already run. */
final class CpuEvent implements Event {
    private final AtomicBoolean recorded = new AtomicBoolean();

    static CpuEvent of(Event event) {
        if (event instanceof CpuEvent own) {
            return own;
        }
        throw new IllegalArgumentException(
                "an event of another device (" + event.getClass().getSimpleName() + ") was used on a CPU stream");
    }

    void record() {
        if (!recorded.getPlain()) { // a second write would take the cache line from the ranks that read it
            recorded.setRelease(true);
        }
    }

    void await() {
        if (!recorded.getAcquire()) {
            throw new IllegalStateException("a CPU stream was told to await an event that was never recorded");
        }
    }

    @Override
    public void close() {
        // owns nothing
    }
}
