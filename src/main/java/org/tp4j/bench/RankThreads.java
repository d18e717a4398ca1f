package org.tp4j.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/** Threads that do one task again and again in step, as ranks between collectives. */
final class RankThreads implements AutoCloseable {
    private static final int SPINS = 10_000; // some tens of microseconds, far less than a product takes

    private final ExecutorService pool;
    private final int count;

    RankThreads(int count) {
        this.count = count;
        this.pool = Executors.newFixedThreadPool(count, task -> {
            Thread thread = new Thread(task, "tp4j-bench");
            thread.setDaemon(true);
            return thread;
        });
    }

    /** What one rank does, once. */
    @FunctionalInterface
    interface Task {
        void run(int rank);
    }

    /** Seconds of one turn, over {@code repeats} turns; a turn ends when all ranks have done their task. */
    double seconds(int repeats, Task task) throws InterruptedException, ExecutionException {
        AtomicInteger arrived = new AtomicInteger();
        List<Future<Long>> spans = new ArrayList<>();
        for (int rank = 0; rank < count; rank++) {
            int self = rank;
            spans.add(pool.submit(() -> span(self, repeats, task, arrived)));
        }
        long longest = 0;
        for (Future<Long> span : spans) {
            longest = Math.max(longest, span.get());
        }
        return longest * 1e-9 / repeats;
    }

    private long span(int rank, int repeats, Task task, AtomicInteger arrived) {
        meet(arrived, 1);
        long start = System.nanoTime();
        for (int turn = 0; turn < repeats; turn++) {
            task.run(rank);
            meet(arrived, turn + 2);
        }
        return System.nanoTime() - start;
    }

    private void meet(AtomicInteger arrived, int meeting) {
        arrived.incrementAndGet();
        for (int spin = 0; arrived.get() < meeting * count; spin++) {
            if (spin < SPINS) {
                Thread.onSpinWait();
            } else {
                LockSupport.parkNanos(1_000);
            }
        }
    }

    @Override
    public void close() {
        pool.shutdownNow();
    }
}
