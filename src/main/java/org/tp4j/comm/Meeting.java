package org.tp4j.comm;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.tp4j.device.Event;
import org.tp4j.device.ReadGuard;
import org.tp4j.device.Stream;
import org.tp4j.placement.Group;

/**
 * Where the ranks of one group meet during one run: once per collective each lays its {@link Post} open, arrives, and
 * waits until all have arrived. No lock is taken; a rank's marks are written by that rank alone.
 */
final class Meeting {
    /** Longs from one rank's mark to the next: two cache lines, so that ranks do not slow each other down. */
    private static final int STRIDE = 16;

    /**
     * Turns of waiting before the core is given up, about 1 us: ranks with a core each hardly ever wait longer for a small
     * collective, and ranks that share one get nowhere until the other one runs, even where cores would do for all.
     */
    private static final int SPINS = 50;

    private static final int YIELDS = 200;
    private static final long SHORTEST_PARK_NANOS = 20_000;
    private static final long LONGEST_PARK_NANOS = 200_000;

    /** Of many ranks each parks longer: all that wait look 50,000 times a second together, which leaves cores to the others. */
    private static final long LONGEST_PARK_NANOS_PER_RANK = 10_000;

    private static final int NAMED_RANKS = 5;

    private final Run run;
    private final Group group;
    private final AtomicReferenceArray<Post[]> posts;
    private final AtomicLongArray arrived;
    private final AtomicLongArray finished;
    private final ConcurrentHashMap<SplitKey, Meeting> splits = new ConcurrentHashMap<>();

    private record SplitKey(long sequence, int color) {}

    Meeting(Run run, Group group) {
        this.run = run;
        this.group = group;
        this.posts = new AtomicReferenceArray<>(group.size());
        this.arrived = new AtomicLongArray(group.size() * STRIDE);
        this.finished = new AtomicLongArray(group.size() * STRIDE);
    }

    Run run() {
        return run;
    }

    Group group() {
        return group;
    }

    /** Takes a rank's seat, before its first collective. */
    void join(int me, Supplier<Event> events) {
        posts.set(me, new Post[] {new Post(events.get(), events.get()), new Post(events.get(), events.get())});
    }

    /** What a rank lays open for a collective. Valid from its arrival until its arrival at the collective after the next. */
    Post post(int member, long sequence) {
        return posts.getPlain(member)[(int) (sequence & 1)];
    }

    /** Tells the peers that this rank's post is complete. */
    void arrive(int me, long sequence) {
        arrived.setRelease(me * STRIDE, sequence);
    }

    /**
     * Waits until every rank has arrived and checks that all are about to do the same.
     *
     * @return what they do, the same object for every rank
     * @throws CollectiveException if a rank is about to do something else, does not come in time, or has failed
     */
    Call awaitArrivals(int me, long sequence) {
        for (int peer = 0; peer < group.size(); peer++) {
            if (peer != me) {
                await(arrived, peer, me, sequence);
            }
        }
        Call mine = post(me, sequence).call;
        for (int peer = 0; peer < group.size(); peer++) {
            Call theirs = post(peer, sequence).call;
            if (!theirs.equals(mine)) {
                throw CollectiveException.failed("collective #" + sequence + " of " + group.name() + " is " + mine
                        + " for rank " + group.worldRank(me) + " but " + theirs + " for rank " + group.worldRank(peer)
                        + ": all ranks must call the same");
            }
        }
        return post(0, sequence).call;
    }

    /** Tells the peers that this rank has enqueued, and recorded, everything it does to their matrices. */
    void finish(int me, long sequence) {
        finished.setRelease(me * STRIDE, sequence);
    }

    /** Waits until every rank has {@linkplain #finish finished}. */
    void awaitFinished(int me, long sequence) {
        for (int peer = 0; peer < group.size(); peer++) {
            if (peer != me) {
                await(finished, peer, me, sequence);
            }
        }
    }

    /** Keeps a block of {@code me} from being reused while peers may still reach it in a collective. */
    ReadGuard peersOf(int me, long sequence) {
        return new Peers(this, me, sequence);
    }

    /** Whether every peer of {@code me} has finished this collective; all have once the run is over. */
    boolean havePeersFinished(int me, long sequence) {
        if (run.isOver()) {
            return true;
        }
        for (int peer = 0; peer < group.size(); peer++) {
            if (peer != me && finished.getAcquire(peer * STRIDE) < sequence) {
                return false;
            }
        }
        return true;
    }

    /** Makes {@code stream} wait for what the peers of {@code me} did to its matrices in a collective they have finished. */
    void awaitPeers(int me, long sequence, Stream stream) {
        if (run.isOver()) {
            return; // every stream was synchronized when its rank returned
        }
        for (int peer = 0; peer < group.size(); peer++) {
            if (peer != me) {
                stream.await(post(peer, sequence).done);
            }
        }
    }

    /** Those who may reach a member's matrices in a collective; nobody does once the run is over. */
    private record Peers(Meeting meeting, int me, long sequence) implements ReadGuard {
        @Override
        public boolean enqueued() {
            return meeting.havePeersFinished(me, sequence);
        }

        @Override
        public void await(Stream stream) {
            meeting.awaitPeers(me, sequence, stream);
        }

        /** A peer's marks are in the order of its stream; those of another group's peers are of other streams. */
        @Override
        public boolean covers(ReadGuard earlier) {
            return earlier instanceof Peers peers && (peers.meeting == meeting || peers.meeting.run.isOver());
        }
    }

    /** The meeting of the ranks that chose {@code color} in the split with this sequence number. */
    Meeting split(long sequence, int color, Group members) {
        return splits.computeIfAbsent(new SplitKey(sequence, color), key -> new Meeting(run, members));
    }

    /** Where a rank of this group is. */
    Whereabouts whereabouts(int member) {
        long sequence = arrived.getAcquire(member * STRIDE);
        if (sequence == 0) {
            return new Whereabouts(Operation.BARRIER, 0, group.name(), false);
        }
        boolean inside = finished.getAcquire(member * STRIDE) < sequence;
        return new Whereabouts(post(member, sequence).call.operation(), sequence, group.name(), inside);
    }

    private void await(AtomicLongArray marks, int peer, int me, long sequence) {
        int mark = peer * STRIDE;
        if (marks.getAcquire(mark) >= sequence) {
            return;
        }
        for (int spin = 0; spin < SPINS; spin++) {
            Thread.onSpinWait();
            if (marks.getAcquire(mark) >= sequence) {
                return;
            }
        }
        awaitPatiently(marks, peer, me, sequence);
    }

    @SuppressWarnings("ThreadPriorityCheck") // yielding gives the core to the awaited rank where ranks outnumber cores
    private void awaitPatiently(AtomicLongArray marks, int peer, int me, long sequence) {
        int mark = peer * STRIDE;
        long start = System.nanoTime();
        long park = SHORTEST_PARK_NANOS;
        long longest = Math.max(LONGEST_PARK_NANOS, group.size() * LONGEST_PARK_NANOS_PER_RANK);
        for (int turn = 0; marks.getAcquire(mark) < sequence; turn++) {
            if (run.hasReturned(group.worldRank(peer)) && marks.getAcquire(mark) < sequence) {
                failDeserter(peer, me, sequence);
            }
            run.checkRunning(group.worldRank(me), whereabouts(me));
            if (turn < YIELDS) {
                Thread.yield();
            } else {
                LockSupport.parkNanos(this, park);
                park = Math.min(2 * park, longest);
            }
            if (System.nanoTime() - start > run.limit().toNanos() && marks.getAcquire(mark) < sequence) {
                throw CollectiveException.failed("rank " + group.worldRank(me) + " waited "
                        + Run.seconds(run.limit()) + " in " + post(me, sequence).call + ", collective #" + sequence
                        + " of "
                        + group.name() + ", for " + missing(marks, sequence));
            }
        }
    }

    /** Fails the run in the name of a peer that can never come, unless it was a failure that made it return. */
    private void failDeserter(int peer, int me, long sequence) {
        int deserter = group.worldRank(peer);
        run.failFirst(new RankException(
                deserter,
                run.whereabouts(deserter),
                CollectiveException.failed("it returned without "
                        + post(me, sequence).call.operation().label()
                        + " #" + sequence + " of " + group.name() + ", in which rank " + group.worldRank(me)
                        + " waits")));
    }

    private String missing(AtomicLongArray marks, long sequence) {
        List<String> names = new ArrayList<>();
        int more = 0;
        for (int member = 0; member < group.size(); member++) {
            if (marks.getAcquire(member * STRIDE) >= sequence) {
                continue;
            }
            if (names.size() < NAMED_RANKS) {
                names.add(run.describe(group.worldRank(member)));
            } else {
                more++;
            }
        }
        return String.join(", ", names) + (more > 0 ? " and " + more + " more" : "");
    }
}
