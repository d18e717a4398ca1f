package org.tp4j.device.cuda.weaving;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;
import static org.tp4j.device.cuda.WorkOfTwoThreads.isOrdered;
import static org.tp4j.device.cuda.WorkOfTwoThreads.races;

import java.util.List;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.tp4j.device.cuda.HostOrder;
import org.tp4j.device.cuda.WorkOfTwoThreads.Step;

/** Each substitute does what it stands for, and orders the work of the thread that sees what another one did. */
@Tag("emulated")
class HostEdgesTest {
    private static final Step NOTHING = () -> {};

    @ParameterizedTest(name = "{0}")
    @MethodSource("pairs")
    void whoSeesWhatAnotherDidComesAfterIt(String name, Step release, Step acquire) throws Exception {
        isOrdered(release, acquire);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("pairs")
    void whoDoesNotLookDoesNot(String name, Step release, Step acquire) throws Exception {
        races(release, NOTHING);
    }

    static Stream<Arguments> pairs() {
        AtomicLongArray longs = new AtomicLongArray(2);
        AtomicIntegerArray ints = new AtomicIntegerArray(2);
        AtomicInteger number = new AtomicInteger();
        AtomicReference<String> reference = new AtomicReference<>("before");
        Semaphore semaphore = new Semaphore(0);
        Semaphore drained = new Semaphore(0);
        ReentrantLock lock = new ReentrantLock();
        String element = new String("element");
        BlockingQueue<String> tasks = new LinkedBlockingQueue<>();
        Queue<String> queue = new ConcurrentLinkedQueue<>();
        CompletableFuture<String> future = new CompletableFuture<>();
        CompletableFuture<Void> all = HostEdges.allOf(future, CompletableFuture.completedFuture(""));
        CompletableFuture<Void> after = HostEdges.thenRun(all, () -> {});
        Object volatileOwner = new Object();
        return Stream.of(
                pair(
                        "a mark",
                        () -> HostEdges.setRelease(longs, 1, 7),
                        () -> assertEquals(7, HostEdges.getAcquire(longs, 1))),
                pair("a flag", () -> HostEdges.set(ints, 1, 7), () -> assertEquals(7, HostEdges.get(ints, 1))),
                pair("a count", () -> HostEdges.incrementAndGet(number), () -> assertTrue(HostEdges.get(number) > 0)),
                pair(
                        "a count that goes on",
                        () -> HostEdges.incrementAndGet(number),
                        () -> assertTrue(HostEdges.incrementAndGet(number) > 1)),
                pair(
                        "a reference",
                        () -> HostEdges.compareAndSet(reference, "before", "after"),
                        () -> assertEquals("after", HostEdges.get(reference))),
                pair(
                        "a reference that is set already",
                        () -> HostEdges.compareAndSet(reference, "before", "after"),
                        () -> assertFalse(HostEdges.compareAndSet(reference, "before", "again"))),
                pair(
                        "a permit",
                        () -> HostEdges.release(semaphore),
                        () -> assertTrue(HostEdges.tryAcquire(semaphore, 1, TimeUnit.SECONDS))),
                pair(
                        "permits",
                        () -> HostEdges.release(drained),
                        () -> assertTrue(HostEdges.drainPermits(drained) > 0)),
                pair("a lock", () -> locked(lock), () -> locked(lock)),
                pair("a lock that can be interrupted", () -> locked(lock), () -> {
                    HostEdges.lockInterruptibly(lock);
                    HostEdges.unlock(lock);
                }),
                pair("a task", () -> HostEdges.add(tasks, element), () -> assertSame(element, HostEdges.take(tasks))),
                pair(
                        "an element",
                        () -> HostEdges.addAll(queue, List.of(element)),
                        () -> assertSame(element, HostEdges.poll(queue))),
                pair("a future", () -> HostEdges.complete(future, ""), () -> assertTrue(HostEdges.isDone(future))),
                pair(
                        "a future's value",
                        () -> HostEdges.complete(future, ""),
                        () -> assertEquals("", HostEdges.get(future, 1, TimeUnit.SECONDS))),
                pair(
                        "a future of futures",
                        () -> HostEdges.complete(future, ""),
                        () -> assertTrue(HostEdges.isDone(all))),
                pair(
                        "what follows a future",
                        () -> HostEdges.complete(future, ""),
                        () -> assertTrue(HostEdges.isDone(after))),
                pair(
                        "an action behind a future",
                        () -> HostEdges.complete(future, ""),
                        () -> assertTrue(HostEdges.thenRun(all, () -> {}).isDone())),
                pair(
                        "a field",
                        () -> HostEdges.beforeWrite(volatileOwner, 3),
                        () -> HostEdges.afterRead(volatileOwner, 3)));
    }

    @Test
    void aThreadComesAfterWhoStartedIt() throws Exception {
        Thread later = new Thread(() -> HostOrder.release(this, 0));
        isOrdered(() -> HostEdges.start(later), () -> {
            later.join();
            HostOrder.acquire(this, 0);
        });
    }

    @Test
    void whoSeesNothingLearnsNothing() throws Exception {
        Semaphore semaphore = new Semaphore(0);
        Queue<String> queue = new ConcurrentLinkedQueue<>();
        CompletableFuture<String> future = new CompletableFuture<>();
        races(
                () -> HostOrder.release(semaphore, 0),
                () -> assertFalse(HostEdges.tryAcquire(semaphore, 1, TimeUnit.MILLISECONDS)));
        races(() -> HostOrder.release(semaphore, 0), () -> assertEquals(0, HostEdges.drainPermits(semaphore)));
        races(() -> HostOrder.release(queue, 0), () -> assertNull(HostEdges.poll(queue)));
        races(() -> HostOrder.release(future, 0), () -> assertFalse(HostEdges.isDone(future)));
    }

    private static void locked(ReentrantLock lock) {
        HostEdges.lock(lock);
        HostEdges.unlock(lock);
    }

    private static Arguments pair(String name, Step release, Step acquire) {
        return arguments(name, release, acquire);
    }
}
