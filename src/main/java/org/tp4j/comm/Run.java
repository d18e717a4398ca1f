package org.tp4j.comm;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;

/** What the ranks of one run share: who has failed, how long to wait, where everybody is. */
final class Run {
    private static final Optional<RankException> NONE = Optional.empty();

    private final List<RankThread> threads;
    private final Duration limit;
    private final AtomicReference<Optional<RankException>> failure = new AtomicReference<>(NONE);
    private final Set<Throwable> notedCauses =
            Collections.synchronizedSet(Collections.newSetFromMap(new IdentityHashMap<>()));
    private final ConcurrentLinkedQueue<Ledger.Page> pages = new ConcurrentLinkedQueue<>();
    private final AtomicInteger returned = new AtomicInteger();
    private final AtomicIntegerArray returnedRanks;
    private final Semaphore changes = new Semaphore(0);
    private volatile boolean over;

    Run(List<RankThread> threads, Duration limit) {
        this.threads = threads;
        this.limit = limit;
        this.returnedRanks = new AtomicIntegerArray(threads.size());
    }

    Duration limit() {
        return limit;
    }

    /** Whether every rank has returned, so that no matrix of this run is reached any more. */
    boolean isOver() {
        return over;
    }

    void finish() {
        over = true;
    }

    Optional<RankException> failure() {
        return failure.get();
    }

    /** Notes a rank's failure, once for each cause; all but the first become suppressed. */
    void fail(RankException exception) {
        if (!failure.compareAndSet(NONE, Optional.of(exception)) && notedCauses.add(exception.getCause())) {
            RankException first = failure.get().orElseThrow();
            boolean released = exception.getCause() instanceof CollectiveException cause && cause.isRelease();
            if (first.getCause() != exception.getCause()) {
                first.addSuppressed(released ? exception.getCause() : exception);
            }
        }
        changes.release();
    }

    /** Notes the failure of a rank that several others may notice, unless something else has failed before. */
    void failFirst(RankException exception) {
        if (failure.compareAndSet(NONE, Optional.of(exception))) {
            changes.release();
        }
    }

    void rankReturned(int rank) {
        returnedRanks.set(rank, 1);
        returned.incrementAndGet();
        changes.release();
    }

    boolean hasReturned(int rank) {
        return returnedRanks.get(rank) == 1;
    }

    int returned() {
        return returned.get();
    }

    /** Waits for a rank to return or fail, at most so long. */
    void awaitChange(long nanos) throws InterruptedException {
        if (changes.tryAcquire(nanos, TimeUnit.NANOSECONDS)) {
            changes.drainPermits();
        }
    }

    /**
     * Lets a waiting rank go when another one has failed.
     *
     * @throws CollectiveException if one has
     */
    void checkRunning(int worldRank, Whereabouts where) {
        Optional<RankException> first = failure.get();
        if (first.isPresent()) {
            throw CollectiveException.released("rank " + worldRank + " was released " + where + " because "
                    + first.get().rank().stream()
                            .mapToObj(rank -> "rank " + rank + " had failed")
                            .findFirst()
                            .orElse("the run was cancelled"));
        }
        if (Thread.currentThread().isInterrupted()) {
            throw CollectiveException.failed("the rank's thread was interrupted " + where);
        }
    }

    void add(Ledger.Page page) {
        pages.add(page);
    }

    Ledger ledger() {
        return Ledger.of(new ArrayList<>(pages));
    }

    /** Where a rank is, or was when it returned. */
    Whereabouts whereabouts(int worldRank) {
        return threads.get(worldRank).whereabouts();
    }

    /** Who a rank is, what it did last, and which line of code it is at. */
    String describe(int worldRank) {
        return threads.get(worldRank).describe();
    }

    static String seconds(Duration duration) {
        double seconds = duration.toNanos() / 1e9;
        return (seconds == Math.rint(seconds) ? Long.toString((long) seconds) : Double.toString(seconds)) + " s";
    }
}
