package org.tp4j.device.cuda;

import static org.tp4j.device.cuda.WorkOfTwoThreads.elsewhere;
import static org.tp4j.device.cuda.WorkOfTwoThreads.isOrdered;
import static org.tp4j.device.cuda.WorkOfTwoThreads.races;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What one thread of the host waited for, another one may rely on only if it comes after that. */
@Tag("emulated")
class HostOrderTest {
    private final Object key = new Object();

    @Test
    void threadsThatNothingOrdersDoNotOrderTheirWork() throws Exception {
        races(() -> {}, () -> {});
    }

    @Test
    void whoAcquiresWhatAnotherReleasedComesAfterItsWork() throws Exception {
        isOrdered(() -> HostOrder.release(key, 1), () -> HostOrder.acquire(key, 1));
    }

    @Test
    void oneSideAloneIsNoOrder() throws Exception {
        races(() -> HostOrder.release(key, 1), () -> {});
        races(() -> {}, () -> HostOrder.acquire(new Object(), 1));
    }

    @Test
    void anotherPartOfAnObjectIsAnotherKey() throws Exception {
        races(() -> HostOrder.release(key, 1), () -> HostOrder.acquire(key, 2));
    }

    @Test
    void anEqualObjectIsAnotherKey() throws Exception {
        races(() -> HostOrder.release(new String("key"), 0), () -> HostOrder.acquire(new String("key"), 0));
    }

    @Test
    void whatIsReleasedTwiceIsKnownFromBoth() throws Exception {
        isOrdered(
                () -> {
                    HostOrder.release(key, 0);
                    elsewhere(() -> HostOrder.release(key, 0));
                },
                () -> HostOrder.acquire(key, 0));
    }

    @Test
    void aThreadComesAfterWhatWasReleasedUnderIt() throws Exception {
        Thread later = new Thread(() -> HostOrder.release(key, 0));
        isOrdered(() -> HostOrder.release(later, 0), () -> {
            later.start();
            later.join();
            HostOrder.acquire(key, 0);
        });
    }
}
