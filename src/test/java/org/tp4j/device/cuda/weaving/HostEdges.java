package org.tp4j.device.cuda.weaving;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.WeakHashMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import org.tp4j.device.cuda.HostOrder;

/**
 * What the {@link Weaver} makes the program call in place of the JDK's means to order threads: the same, and the
 * emulated driver is told. A method {@code m(Owner, arguments)} stands for {@code owner.m(arguments)}. What it lays open
 * it lays open before the others can see it, and it learns after it has seen: a moment too much, never too little.
 */
public final class HostEdges {
    /** What a future that was made of others came after. */
    private static final Map<Object, List<Object>> ORIGINS = new WeakHashMap<>();

    private HostEdges() {}

    /** The method stands for a static one of this class. */
    @Retention(RetentionPolicy.RUNTIME)
    @Target(ElementType.METHOD)
    @interface StaticOf {
        Class<?> value();
    }

    /** The weaver's, before a volatile field is written. */
    public static void beforeWrite(Object owner, int field) {
        HostOrder.release(owner, field);
    }

    /** The weaver's, after a volatile field was read. */
    public static void afterRead(Object owner, int field) {
        HostOrder.acquire(owner, field);
    }

    public static void setRelease(AtomicLongArray array, int index, long value) {
        HostOrder.release(array, index);
        array.setRelease(index, value);
    }

    public static long getAcquire(AtomicLongArray array, int index) {
        long value = array.getAcquire(index);
        HostOrder.acquire(array, index);
        return value;
    }

    public static void set(AtomicIntegerArray array, int index, int value) {
        HostOrder.release(array, index);
        array.set(index, value);
    }

    public static int get(AtomicIntegerArray array, int index) {
        int value = array.get(index);
        HostOrder.acquire(array, index);
        return value;
    }

    public static int incrementAndGet(AtomicInteger number) {
        HostOrder.release(number, 0);
        int value = number.incrementAndGet();
        HostOrder.acquire(number, 0);
        return value;
    }

    public static int get(AtomicInteger number) {
        int value = number.get();
        HostOrder.acquire(number, 0);
        return value;
    }

    public static <T> T get(AtomicReference<T> reference) {
        T value = reference.get();
        HostOrder.acquire(reference, 0);
        return value;
    }

    public static <T> boolean compareAndSet(AtomicReference<T> reference, T expected, T value) {
        HostOrder.release(reference, 0);
        boolean set = reference.compareAndSet(expected, value);
        HostOrder.acquire(reference, 0);
        return set;
    }

    public static void release(Semaphore semaphore) {
        HostOrder.release(semaphore, 0);
        semaphore.release();
    }

    public static boolean tryAcquire(Semaphore semaphore, long timeout, TimeUnit unit) throws InterruptedException {
        boolean acquired = semaphore.tryAcquire(timeout, unit);
        if (acquired) {
            HostOrder.acquire(semaphore, 0);
        }
        return acquired;
    }

    public static int drainPermits(Semaphore semaphore) {
        int permits = semaphore.drainPermits();
        if (permits > 0) {
            HostOrder.acquire(semaphore, 0);
        }
        return permits;
    }

    public static void lock(ReentrantLock lock) {
        lock.lock();
        HostOrder.acquire(lock, 0);
    }

    public static void lockInterruptibly(ReentrantLock lock) throws InterruptedException {
        lock.lockInterruptibly();
        HostOrder.acquire(lock, 0);
    }

    public static void unlock(ReentrantLock lock) {
        HostOrder.release(lock, 0);
        lock.unlock();
    }

    public static <T> boolean add(BlockingQueue<T> queue, T element) {
        HostOrder.release(element, 0);
        return queue.add(element);
    }

    public static <T> T take(BlockingQueue<T> queue) throws InterruptedException {
        T element = queue.take();
        HostOrder.acquire(element, 0);
        return element;
    }

    public static <T> boolean addAll(Queue<T> queue, Collection<? extends T> elements) {
        elements.forEach(element -> HostOrder.release(element, 0));
        return queue.addAll(elements);
    }

    public static <T> T poll(Queue<T> queue) {
        T element = queue.poll();
        if (element != null) {
            HostOrder.acquire(element, 0);
        }
        return element;
    }

    public static void start(Thread thread) {
        HostOrder.release(thread, 0);
        thread.start();
    }

    public static <T> boolean complete(CompletableFuture<T> future, T value) {
        HostOrder.release(future, 0);
        return future.complete(value);
    }

    @StaticOf(CompletableFuture.class)
    public static CompletableFuture<Void> allOf(CompletableFuture<?>... futures) {
        CompletableFuture<Void> all = CompletableFuture.allOf(futures);
        cameAfter(all, List.of((Object[]) futures));
        return all;
    }

    public static <T> CompletableFuture<Void> thenRun(CompletableFuture<T> future, Runnable action) {
        Object end = new Object();
        CompletableFuture<Void> after = future.thenRun(() -> {
            learn(future);
            action.run();
            HostOrder.release(end, 0);
        });
        cameAfter(after, List.of(future, end));
        return after;
    }

    public static <T> boolean isDone(CompletableFuture<T> future) {
        boolean done = future.isDone();
        if (done) {
            learn(future);
        }
        return done;
    }

    public static <T> T get(CompletableFuture<T> future, long timeout, TimeUnit unit)
            throws InterruptedException, ExecutionException, TimeoutException {
        T value = future.get(timeout, unit);
        learn(future);
        return value;
    }

    private static void cameAfter(Object future, List<Object> origins) {
        synchronized (ORIGINS) {
            ORIGINS.put(future, origins);
        }
    }

    private static void learn(Object object) {
        HostOrder.acquire(object, 0);
        List<Object> origins;
        synchronized (ORIGINS) {
            origins = ORIGINS.getOrDefault(object, List.of());
        }
        origins.forEach(HostEdges::learn);
    }
}
