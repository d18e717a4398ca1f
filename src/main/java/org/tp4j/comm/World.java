package org.tp4j.comm;

import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.tp4j.device.AllReduceAlgorithm;
import org.tp4j.device.Backends;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.Scope;
import org.tp4j.device.UnusableDeviceException;
import org.tp4j.placement.Group;
import org.tp4j.placement.Member;
import org.tp4j.placement.Replicated;
import org.tp4j.tensor.HostMatrix;

/**
 * N ranks, each with a thread and a stream of its own; rank r is bound to device {@code r mod G} of G devices.
 *
 * <p>{@link #load} makes what lives long, {@link #run} does one piece of work on every rank and gives its result. If a
 * rank throws, returns without a collective that others are in, or does not come in time, all others are released and the
 * run throws one {@link RankException}. Interrupting the caller cancels the run likewise.
 *
 * <p>A rank that has not returned {@linkplain Builder#grace soon} after a failure, because it is deep in a product, say, is
 * abandoned: the run throws without it, and a warning is logged. It rejoins when it returns; the next run waits for that,
 * up to the {@linkplain Builder#limit limit}. Until then the memory that it may reach stays allocated, also what its
 * callers or this world have closed meanwhile.
 *
 * <p>Thread-safe. One run at a time; further callers wait and are served in their order.
 */
public final class World implements AutoCloseable {
    /** The most ranks a world can have; each has a thread. */
    public static final int MAX_RANKS = 4096;

    /** How long a rank waits for another one, unless told otherwise. */
    public static final Duration DEFAULT_LIMIT = Duration.ofSeconds(60);

    /** How long after a failure ranks that have not returned are abandoned, unless told otherwise. */
    public static final Duration DEFAULT_GRACE = Duration.ofMillis(700);

    private static final System.Logger LOG = System.getLogger(World.class.getName());

    private final Group group;
    private final List<RankThread> threads;
    private final Duration limit;
    private final Policy policy;
    private final Supervisor supervisor;
    private final ReentrantLock running = new ReentrantLock(true);
    /** Of each caller's last run: callers that take turns do not see each other's. */
    private final ThreadLocal<Ledger> ledger = ThreadLocal.withInitial(Ledger::empty);

    private volatile boolean closed;

    private World(List<Device> devices, Policy policy, Builder settings) {
        this.group = Group.world(settings.ranks);
        this.limit = settings.limit;
        this.policy = policy;
        this.threads = RankThread.start(settings.ranks, devices);
        this.supervisor = new Supervisor(threads, settings.limit, settings.grace);
    }

    /**
     * A world of {@code ranks} ranks on devices of a kind.
     *
     * @throws IllegalArgumentException if there are fewer than 1 or more than {@value #MAX_RANKS} ranks
     * @throws org.tp4j.device.NoDeviceException if no device of the kind works
     */
    public static World open(DeviceKind kind, int ranks) {
        return builder(kind, ranks).open();
    }

    /** A world with other than the usual settings. */
    public static Builder builder(DeviceKind kind, int ranks) {
        return new Builder(kind, ranks);
    }

    /** Settings of a world. */
    public static final class Builder {
        private final int ranks;
        private final DeviceKind kind;
        private Optional<List<Device>> devices = Optional.empty();
        private Duration limit = DEFAULT_LIMIT;
        private Duration grace = DEFAULT_GRACE;
        private boolean tpInvariant;
        private Optional<AllReduceAlgorithm> allReduce = Optional.empty();

        private Builder(DeviceKind kind, int ranks) {
            this.kind = Objects.requireNonNull(kind, "kind");
            this.ranks = ranks;
            if (ranks < 1 || ranks > MAX_RANKS) {
                throw new IllegalArgumentException("ranks is " + ranks + ": a world has 1 to " + MAX_RANKS + " ranks");
            }
        }

        /** The devices to bind the ranks to, in turn, instead of all of the kind. */
        public Builder devices(List<Device> choice) {
            if (choice.isEmpty()) {
                throw new IllegalArgumentException("the list of devices is empty: a world needs at least one");
            }
            devices = Optional.of(List.copyOf(choice));
            return this;
        }

        /**
         * How long a rank waits for another one or for its device, and how long the others may take after the first one
         * returned, before the run fails; {@link #DEFAULT_LIMIT}. More than the longest time that a rank computes between
         * two collectives.
         */
        public Builder limit(Duration duration) {
            limit = checkPositive("limit", duration);
            return this;
        }

        /**
         * How long after a failure, or after the caller was interrupted, the run waits for ranks that have not returned before
         * it abandons them and throws; {@link #DEFAULT_GRACE}. With more than the longest product of a rank none is abandoned.
         */
        public Builder grace(Duration duration) {
            grace = checkPositive("grace", duration);
            return this;
        }

        private static Duration checkPositive(String name, Duration duration) {
            if (duration.isNegative() || duration.isZero()) {
                throw new IllegalArgumentException("the " + name + " is " + duration + ": it must be positive");
            }
            return duration;
        }

        /**
         * Whether layers cut their dimensions into the same blocks at every world size, so that results have the same bits
         * at 1, 2, 4 and 8 ranks of devices of one model.
         */
        public Builder tpInvariant(boolean choice) {
            tpInvariant = choice;
            return this;
        }

        /** How every all-reduce is done, whatever its size; the bits are the same. Usually the device chooses. */
        public Builder allReduce(AllReduceAlgorithm algorithm) {
            allReduce = Optional.of(algorithm);
            return this;
        }

        /**
         * Opens the world.
         *
         * @throws UnusableDeviceException if a device does not start, or it is to be TP-invariant but would lie on devices
         *     of different models
         */
        public World open() {
            Policy policy = new Policy(tpInvariant, allReduce);
            policy.plan(Group.world(ranks), 0); // refuses a number of ranks that TP-invariant mode does not have
            List<Device> bound = bound();
            if (tpInvariant) {
                Device.difference(bound).ifPresent(Builder::refuse);
            }
            bound.get(0).connect(bound);
            World world = new World(bound, policy, this);
            try {
                world.onEveryThread(RankThread::openStream);
                return world;
            } catch (RuntimeException e) {
                world.close();
                throw e;
            }
        }

        /** The devices that have a rank. */
        private List<Device> bound() {
            List<Device> all = devices.orElseGet(() -> Backends.open(kind, ranks));
            return all.subList(0, Math.min(ranks, all.size()));
        }

        private static void refuse(String difference) {
            throw new UnusableDeviceException(
                    "TP-invariant mode needs devices of one model: " + difference,
                    "use like ones alone (for GPUs, by CUDA_VISIBLE_DEVICES), or do without this mode");
        }
    }

    /** How many ranks there are. */
    public int size() {
        return group.size();
    }

    /** The device that a rank is bound to. */
    public Device device(int rank) {
        return threads.get(rank).device();
    }

    /** Every collective of the calling thread's last run or load in this world; empty before its first. */
    public Ledger ledger() {
        return ledger.get();
    }

    /**
     * Runs {@code work} on every rank and gives back what rank 0 made.
     *
     * @throws RankException if a rank failed, or the caller was interrupted (its interrupt flag is then still set)
     */
    public <T> T run(RankFunction<T> work) {
        return runAll(work).get(0);
    }

    /** As {@link #run}, and gives back what every rank made, in their order. */
    public <T> List<T> runAll(RankFunction<T> work) {
        return enter(false, work).values();
    }

    /** As {@link #run}, for work without a result. */
    public void execute(RankAction work) {
        runAll(rank -> {
            work.accept(rank);
            return rank.index();
        });
    }

    /** As {@link #run}, for a replicated result: a copy of rank 0's in host memory, which the caller closes. */
    public HostMatrix compute(RankFunction<Replicated> work) {
        List<Optional<HostMatrix>> copies = runAll(rank -> {
            Replicated result = work.apply(rank);
            return rank.index() == 0 ? Optional.of(rank.download(result)) : Optional.empty();
        });
        return copies.get(0).orElseThrow();
    }

    /** Makes something on every rank that lives until it is closed, or the world is: a layer's shards, say. */
    public <T> PerRank<T> load(RankFunction<T> work) {
        Outcome<T> outcome = enter(true, work);
        return new PerRank<>(this, outcome.values(), outcome.scopes());
    }

    /**
     * Releases everything on every rank and ends their threads, once the last rank that was abandoned has returned; waits for
     * a run to end, but not for an abandoned rank. A second call does nothing.
     */
    @Override
    public void close() {
        refuseRankThreads("closed");
        running.lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
            boolean complete = supervisor.areAllPresent();
            supervisor.whenAllPresent(this::endThreads);
            if (complete) {
                awaitThreads();
            }
        } finally {
            running.unlock();
        }
    }

    private void endThreads() {
        for (RankThread thread : threads) {
            thread.submit(thread::closeStream);
            thread.stop();
        }
    }

    void closeScopes(List<Scope> scopes) {
        if (closed) {
            return;
        }
        refuseRankThreads("asked to release a PerRank");
        running.lock();
        try {
            if (!closed) {
                onEveryThread(thread -> scopes.get(thread.rank()).close());
            }
        } finally {
            running.unlock();
        }
    }

    private record Outcome<T>(List<T> values, List<Scope> scopes) {}

    private <T> Outcome<T> enter(boolean loading, RankFunction<T> work) {
        Objects.requireNonNull(work, "work");
        refuseRankThreads("asked to run");
        try {
            running.lockInterruptibly();
        } catch (InterruptedException e) {
            throw Supervisor.cancelledBeforeItBegan(e);
        }
        try {
            checkOpen();
            supervisor.awaitReturns();
            return runOnRanks(loading, work);
        } finally {
            running.unlock();
        }
    }

    private <T> Outcome<T> runOnRanks(boolean loading, RankFunction<T> work) {
        Run run = new Run(threads, limit);
        Meeting meeting = new Meeting(run, group);
        Slots<T> slots = new Slots<>(size());
        for (RankThread thread : threads) {
            thread.submit(() -> {
                try {
                    runOnRank(thread, run, meeting, loading, work, slots);
                } finally {
                    run.rankReturned(thread.rank());
                }
            });
        }
        supervisor.awaitRanks(run);
        ledger.set(run.ledger());
        Optional<RankException> failure = run.failure();
        if (failure.isEmpty()) {
            return new Outcome<>(slots.values(), slots.scopes());
        }
        if (loading) {
            onEveryThread(thread -> slots.scope(thread.rank()).ifPresent(Scope::close));
        }
        throw failure.get();
    }

    private <T> void runOnRank(
            RankThread thread, Run run, Meeting meeting, boolean loading, RankFunction<T> work, Slots<T> slots) {
        if (Thread.interrupted()) {
            LOG.log(System.Logger.Level.DEBUG, "rank {0} was interrupted late, for an earlier run", thread.rank());
        }
        thread.recycleEvents();
        thread.leave();
        String purpose = loading ? "load" : "run";
        Optional<Scope> scope = Optional.empty();
        try {
            Scope opened = thread.scopes().open(purpose + " of rank " + thread.rank());
            scope = Optional.of(opened);
            Communicator comm = new Communicator(thread, meeting, new Member(group, thread.rank()), policy, opened);
            T value = work.apply(new Rank(thread, run, comm, loading));
            thread.stream().synchronize(limit);
            slots.set(thread.rank(), value, opened);
        } catch (Throwable e) { // whatever ends a rank's work must reach the caller and release the other ranks
            run.fail(new RankException(thread.rank(), thread.whereabouts(), e));
            settle(thread, run);
        } finally {
            boolean keep = loading && run.failure().isEmpty();
            scope.ifPresent(keep ? thread.scopes()::detach : Scope::close);
        }
    }

    /** Lets a failed rank's stream come to rest, so that nothing it enqueued reaches memory that is released. */
    private void settle(RankThread thread, Run run) {
        try {
            thread.settle();
        } catch (RuntimeException e) {
            run.fail(new RankException(thread.rank(), thread.whereabouts(), e));
        }
    }

    /**
     * Does something on every rank's thread, without communication, and waits for all that are present; one that was
     * abandoned does it when it returns.
     */
    private void onEveryThread(Consumer<RankThread> action) {
        Run run = new Run(threads, limit);
        for (RankThread thread : threads) {
            boolean away = thread.isAbandoned();
            thread.submit(() -> {
                try {
                    action.accept(thread);
                } catch (Throwable e) { // reaches the caller below, if it waits
                    run.fail(new RankException(thread.rank(), thread.whereabouts(), e));
                } finally {
                    if (!away) {
                        run.rankReturned(thread.rank());
                    }
                }
            });
            if (away) {
                run.rankReturned(thread.rank());
            }
        }
        supervisor.awaitRanks(run);
        run.failure().ifPresent(failure -> {
            throw failure;
        });
    }

    private void awaitThreads() {
        boolean interrupted = false;
        for (RankThread thread : threads) {
            try {
                thread.awaitEnd(limit.toMillis());
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("the world of " + size() + " ranks was used after it was closed");
        }
    }

    private void refuseRankThreads(String what) {
        if (threads.stream().anyMatch(RankThread::isCurrent)) {
            throw new IllegalStateException("the world was " + what + " on thread "
                    + Thread.currentThread().getName() + ", which is one of its ranks: it would wait for itself");
        }
    }

    /** What the ranks of one run give back; each writes its own place. */
    private static final class Slots<T> {
        private final Object[] values;
        private final Scope[] scopes;

        Slots(int ranks) {
            values = new Object[ranks];
            scopes = new Scope[ranks];
        }

        void set(int rank, T value, Scope scope) {
            values[rank] = value;
            scopes[rank] = scope;
        }

        Optional<Scope> scope(int rank) {
            return Optional.ofNullable(scopes[rank]);
        }

        @SuppressWarnings("unchecked") // set() stores nothing but T
        List<T> values() {
            return Collections.unmodifiableList((List<T>) Arrays.asList(values));
        }

        List<Scope> scopes() {
            return List.of(scopes);
        }
    }
}
