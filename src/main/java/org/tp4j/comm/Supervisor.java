package org.tp4j.comm;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Waits for the ranks of a world on behalf of its callers: interrupts and abandons those that do not return after a
 * failure, and knows who is away. Used by one caller at a time.
 */
final class Supervisor {
    /** From a failure until ranks that have not returned by themselves are interrupted. */
    private static final Duration INTERRUPT_DELAY = Duration.ofMillis(100);

    private static final System.Logger LOG = System.getLogger(Supervisor.class.getName());

    private final List<RankThread> threads;
    private final Duration limit;
    private final Duration grace;

    /** Done when no rank is away that was abandoned, and all that waited for this has been done. */
    private CompletableFuture<Void> pendingReturns = CompletableFuture.completedFuture(null);

    /**
     * Of the ranks of one world.
     *
     * @param limit how long the others may take after the first rank returned, and abandoned ranks until the next run
     * @param grace from a failure until ranks that have not returned are abandoned
     */
    Supervisor(List<RankThread> threads, Duration limit, Duration grace) {
        this.threads = threads;
        this.limit = limit;
        this.grace = grace;
    }

    /** For a caller that was interrupted before its run; its interrupt flag is set again. */
    static RankException cancelledBeforeItBegan(InterruptedException interrupt) {
        Thread.currentThread().interrupt();
        return new RankException("the run was cancelled before it began: its caller was interrupted", interrupt);
    }

    /** Whether no rank is away. */
    boolean areAllPresent() {
        return pendingReturns.isDone();
    }

    /** Does something at once, or, if ranks are away, when the last of them has returned, on its thread. */
    void whenAllPresent(Runnable action) {
        pendingReturns = pendingReturns.thenRun(action);
    }

    /**
     * Waits for the ranks that were abandoned in earlier runs.
     *
     * @throws RankException if one is still away when the limit has passed, or the caller is interrupted
     */
    void awaitReturns() {
        try {
            pendingReturns.get(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            throw cancelledBeforeItBegan(e);
        } catch (TimeoutException e) {
            throw stillAway();
        } catch (ExecutionException e) {
            throw new IllegalStateException("what waited for the return of abandoned ranks failed", e.getCause());
        }
    }

    private RankException stillAway() {
        RankThread away = threads.stream()
                .filter(RankThread::isAbandoned)
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("no rank is away, but one is waited for"));
        return new RankException(
                away.rank(),
                away.whereabouts(),
                CollectiveException.failed("it has not returned from an earlier run, for which this one waited "
                        + Run.seconds(limit) + ": " + away.describe()));
    }

    /** Waits until every rank has returned, or, after a failure, until the grace period is over. */
    void awaitRanks(Run run) {
        boolean callerInterrupted = false;
        long failedAt = 0;
        long firstReturnAt = 0;
        boolean ranksInterrupted = false;
        while (run.returned() < threads.size()) {
            boolean failed = run.failure().isPresent();
            int returned = run.returned();
            long now = System.nanoTime();
            failedAt = failed && failedAt == 0 ? now : failedAt;
            firstReturnAt = returned > 0 && firstReturnAt == 0 ? now : firstReturnAt;
            if (failed && !ranksInterrupted && now - failedAt >= INTERRUPT_DELAY.toNanos()) {
                threads.forEach(RankThread::interrupt);
                ranksInterrupted = true;
            }
            if (failed && now - failedAt >= grace.toNanos()) {
                abandonMissing(run);
                break;
            }
            if (!failed && returned > 0 && now - firstReturnAt >= limit.toNanos()) {
                failMissing(run);
                continue;
            }
            try {
                run.awaitChange(nextLook(failed, ranksInterrupted, now, failedAt, returned, firstReturnAt));
            } catch (InterruptedException e) {
                callerInterrupted = true;
                run.fail(new RankException("the run was cancelled: its caller was interrupted", e));
            }
        }
        if (run.returned() >= threads.size()) {
            run.finish();
        }
        if (callerInterrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private long nextLook(
            boolean failed, boolean ranksInterrupted, long now, long failedAt, int returned, long firstReturnAt) {
        if (failed) {
            Duration next = ranksInterrupted || grace.compareTo(INTERRUPT_DELAY) < 0 ? grace : INTERRUPT_DELAY;
            return failedAt + next.toNanos() - now;
        }
        return returned > 0 ? firstReturnAt + limit.toNanos() - now : TimeUnit.HOURS.toNanos(1);
    }

    private void failMissing(Run run) {
        for (RankThread thread : threads) {
            if (!run.hasReturned(thread.rank())) {
                run.fail(new RankException(
                        thread.rank(),
                        thread.whereabouts(),
                        CollectiveException.failed("it did not return within " + Run.seconds(limit)
                                + " of the first rank that did: " + thread.describe())));
                return;
            }
        }
    }

    private void abandonMissing(Run run) {
        List<CompletableFuture<Void>> returns = new ArrayList<>(List.of(pendingReturns));
        for (RankThread thread : threads) {
            if (!run.hasReturned(thread.rank())) {
                String abandoned = "abandoned " + thread.describe() + ": it did not return within " + Run.seconds(grace)
                        + " of the failure; its memory stays allocated until it does";
                LOG.log(System.Logger.Level.WARNING, abandoned);
                returns.add(thread.abandon());
                run.failure().orElseThrow().addSuppressed(CollectiveException.failed(abandoned));
            }
        }
        pendingReturns = CompletableFuture.allOf(returns.toArray(CompletableFuture[]::new))
                .thenRun(run::finish);
    }
}
