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

    /**
     * Seconds of one turn, over {@code repeats} turns after one that is not timed; a turn ends when all ranks have done
     * their task.
     *
     * @param finish what a rank does before the first timed turn and, timed, after the last: wait for its device
     * @throws ExecutionException if a task fails on one rank; the others then end too
     */
    double seconds(int repeats, Task task, Task finish) throws InterruptedException, ExecutionException {
        Meetings meetings = new Meetings(count);
        List<Future<Long>> spans = new ArrayList<>();
        for (int rank = 0; rank < count; rank++) {
            int self = rank;
            spans.add(pool.submit(() -> span(self, repeats, task, finish, meetings)));
        }
        long longest = 0;
        for (Future<Long> span : spans) {
            longest = Math.max(longest, span.get());
        }
        return longest * 1e-9 / repeats;
    }

    private static long span(int rank, int repeats, Task task, Task finish, Meetings meetings) {
        boolean done = false;
        try {
            task.run(rank);
            finish.run(rank);
            meetings.next();
            long start = System.nanoTime();
            for (int turn = 0; turn < repeats; turn++) {
                task.run(rank);
                meetings.next();
            }
            finish.run(rank);
            done = true;
            return System.nanoTime() - start;
        } finally {
            if (!done) {
                meetings.cancel();
            }
        }
    }

    /** Where the ranks wait for each other, again and again. */
    private static final class Meetings {
        private final int count;
        private final AtomicInteger arrivals = new AtomicInteger();
        private volatile boolean canceled;

        Meetings(int count) {
            this.count = count;
        }

        /** Waits until all have come as often as the caller, or one will not come any more. */
        void next() {
            int all = (arrivals.getAndIncrement() / count + 1) * count;
            for (int spin = 0; arrivals.get() < all && !canceled; spin++) {
                if (spin < SPINS) {
                    Thread.onSpinWait();
                } else {
                    LockSupport.parkNanos(1_000);
                }
            }
        }

        void cancel() {
            canceled = true;
        }
    }

    @Override
    public void close() {
        pool.shutdownNow();
    }
}
