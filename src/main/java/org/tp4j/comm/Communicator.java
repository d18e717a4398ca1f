package org.tp4j.comm;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.tp4j.device.Addends;
import org.tp4j.device.AllReduceAlgorithm;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.ReadGuard;
import org.tp4j.device.Scope;
import org.tp4j.device.Stream;
import org.tp4j.placement.FeatureSharded;
import org.tp4j.placement.Group;
import org.tp4j.placement.Member;
import org.tp4j.placement.Partial;
import org.tp4j.placement.Placement;
import org.tp4j.placement.Replicated;
import org.tp4j.placement.ShardPlan;
import org.tp4j.placement.TokenSharded;
import org.tp4j.tensor.DType;

/**
 * One rank's side of the collectives of a group: the mappings between placements. Every rank of the group must call the
 * same collectives in the same order, with the same shapes; one that does not fails the run, with both sides named. Used
 * on the rank's thread, during one run. Results belong to the innermost scope.
 */
public final class Communicator {
    private static final long ELEMENTS_PER_LINE = 64;

    private final RankThread thread;
    private final Meeting meeting;
    private final Member member;
    private final Policy policy;
    private final Scope home;
    private final Staging staging;
    private final Optional<Ledger.Page> page;
    private final int me;
    private final DeviceMatrix[] sources;
    private final DeviceMatrix[] results;
    /** What the ranks last agreed on: one object for all of them, in every core's cache. */
    private Call agreed = Call.of(Operation.BARRIER);

    private long sequence;

    /** @param home the scope of the whole run */
    Communicator(RankThread thread, Meeting meeting, Member member, Policy policy, Scope home) {
        this.thread = thread;
        this.meeting = meeting;
        this.member = member;
        this.policy = policy;
        this.me = member.index();
        this.home = home;
        this.staging = new Staging(meeting, me, home);
        this.sources = new DeviceMatrix[size()];
        this.results = new DeviceMatrix[size()];
        this.page = me == 0 ? Optional.of(new Ledger.Page()) : Optional.empty();
        page.ifPresent(meeting.run()::add);
        meeting.join(me, thread::event);
    }

    /** The ranks that meet here. */
    public Group group() {
        return member.group();
    }

    /** This rank's place among them. */
    public Member member() {
        return member;
    }

    /** This rank's number among them, from 0. */
    public int rank() {
        return me;
    }

    /** How many they are. */
    public int size() {
        return member.group().size();
    }

    /** How layers of this world cut a dimension over this group: evenly, or canonically in TP-invariant mode. */
    public ShardPlan plan(long dimension) {
        return policy.plan(group(), dimension);
    }

    /** {@code y = sum of the partials + their bias}, on every rank, rounded once. */
    public Replicated allReduce(Partial partial) {
        return allReduce(partial, Optional.empty());
    }

    /**
     * {@code y = sum of the partials + their bias + residual}, on every rank, rounded once.
     *
     * @param residual (tokens, features), on every rank
     */
    public Replicated allReduce(Partial partial, Replicated residual) {
        if (!residual.member().group().covers(group())) {
            throw misplaced(residual, partial);
        }
        return allReduce(partial, Optional.of(checked(residual, partial)));
    }

    private Replicated allReduce(Partial partial, Optional<DeviceMatrix> residual) {
        DeviceMatrix part = checked(partial, partial.matrix());
        Addends addends = addends(partial, residual);
        long count = Math.multiplyExact(part.rows(), part.columns());
        AllReduceAlgorithm algorithm = policy.allReduce(thread.device(), part.byteSize(), size());
        DeviceMatrix result = allocate(partial.dtype(), partial.tokens(), partial.features());
        Call call = call(Operation.ALL_REDUCE, Optional.of(algorithm), partial, partial.plan(), Added.of(addends));
        switch (algorithm) {
            case EAGER, ONE_SHOT ->
                perform(
                        call,
                        call.isEager() ? staging.copyOf(part, sequence + 1, stream()) : List.of(part),
                        Optional.empty(),
                        true,
                        () -> stream().reduce(peerSources(), 0, count, addends, List.of(result)));
            case TWO_SHOT -> {
                ShardPlan lines = lines(count);
                perform(
                        call,
                        List.of(part),
                        Optional.of(result),
                        lines.size(me) > 0,
                        () -> stream()
                                .reduce(
                                        peerSources(),
                                        Math.min(count, lines.start(me) * ELEMENTS_PER_LINE),
                                        Math.min(count, lines.end(me) * ELEMENTS_PER_LINE),
                                        addends,
                                        peerResults()));
            }
        }
        long receivers = algorithm == AllReduceAlgorithm.TWO_SHOT ? 2 : size();
        record(call, part.dtype(), receivers * (size() - 1) * part.byteSize());
        return Replicated.unchecked(member, result);
    }

    /** {@code y = sum of the partials + their bias}, rounded once, each rank getting its slice of the tokens. */
    public TokenSharded reduceScatter(Partial partial) {
        return reduceScatter(partial, Optional.empty());
    }

    /**
     * {@code y = sum of the partials + their bias + residual}, rounded once, each rank getting its slice of the tokens.
     *
     * @param residual (tokens, features), its tokens cut as those of the result
     */
    public TokenSharded reduceScatter(Partial partial, TokenSharded residual) {
        if (!residual.member().equals(member)) {
            throw misplaced(residual, partial);
        }
        return reduceScatter(partial, Optional.of(checked(residual, partial)));
    }

    private TokenSharded reduceScatter(Partial partial, Optional<DeviceMatrix> residual) {
        DeviceMatrix part = checked(partial, partial.matrix());
        Addends addends = addends(partial, residual);
        ShardPlan tokens = tokenPlan(partial.tokens());
        DeviceMatrix result = allocate(partial.dtype(), tokens.size(me), partial.features());
        Call call = call(Operation.REDUCE_SCATTER, Optional.empty(), partial, partial.plan(), Added.of(addends));
        perform(call, List.of(part), Optional.empty(), tokens.size(me) > 0, () -> {
            peerSources();
            for (int peer = 0; peer < size(); peer++) {
                sources[peer] = sources[peer].rows(tokens.start(me), tokens.end(me));
            }
            long count = Math.multiplyExact(result.rows(), result.columns());
            stream().reduce(Arrays.asList(sources), 0, count, addends, List.of(result));
        });
        record(call, part.dtype(), (size() - 1) * part.byteSize());
        return TokenSharded.unchecked(member, tokens, result);
    }

    /** The slices of all ranks side by side, on every rank. */
    public Replicated allGather(FeatureSharded slice) {
        for (DeviceMatrix block : slice.blocks()) {
            checked(slice, block);
        }
        ShardPlan plan = slice.plan();
        DeviceMatrix result = allocate(slice.dtype(), slice.tokens(), plan.dimension());
        Call call = call(Operation.ALL_GATHER, Optional.empty(), slice, plan, Added.NOTHING);
        perform(call, slice.blocks(), Optional.empty(), true, () -> {
            for (int peer = 0; peer < size(); peer++) {
                List<DeviceMatrix> blocks = peerPost(peer).sources;
                int first = plan.firstBlock(peer);
                for (int i = 0; i < blocks.size(); i++) {
                    long start = plan.blockStart(first + i);
                    long width = plan.blockSize(first + i);
                    stream().copy(blocks.get(i).columns(0, width), result.columns(start, start + width));
                }
            }
        });
        record(call, slice.dtype(), (size() - 1) * result.byteSize());
        return Replicated.unchecked(member, result);
    }

    /** The slices of all ranks one below the other, on every rank. */
    public Replicated allGather(TokenSharded slice) {
        DeviceMatrix mine = checked(slice, slice.matrix());
        ShardPlan plan = slice.plan();
        DeviceMatrix result = allocate(slice.dtype(), plan.dimension(), slice.features());
        Call call = call(Operation.ALL_GATHER, Optional.empty(), slice, plan, Added.NOTHING);
        perform(call, List.of(mine), Optional.empty(), true, () -> {
            for (int peer = 0; peer < size(); peer++) {
                stream().copy(peerPost(peer).sources.get(0), result.rows(plan.start(peer), plan.end(peer)));
            }
        });
        record(call, slice.dtype(), (size() - 1) * result.byteSize());
        return Replicated.unchecked(member, result);
    }

    /**
     * The root's matrix, on every rank.
     *
     * @param matrix the root's is copied; those of the others only tell its shape and dtype, which all must agree on
     * @param root a rank of this group
     */
    public Replicated broadcast(DeviceMatrix matrix, int root) {
        if (root < 0 || root >= size()) {
            throw new IllegalArgumentException("root is " + root + " in a group of " + size() + " ranks");
        }
        DType dtype = matrix.checked().dtype();
        DeviceMatrix result = allocate(dtype, matrix.rows(), matrix.columns());
        Call call = new Call(
                Operation.BROADCAST,
                Optional.empty(),
                dtype,
                matrix.rows(),
                matrix.columns(),
                Optional.empty(),
                root,
                Added.NOTHING);
        perform(
                call,
                me == root ? List.of(matrix) : List.of(),
                Optional.empty(),
                true,
                () -> stream().copy(peerPost(root).sources.get(0), result));
        record(call, dtype, (size() - 1) * result.byteSize());
        return Replicated.unchecked(member, result);
    }

    /** Returns when every rank of the group has come here. */
    public void barrier() {
        perform(Call.of(Operation.BARRIER), List.of(), Optional.empty(), false, () -> {});
    }

    /** A communicator of the ranks that give the same color, in their order in this group. */
    public Communicator split(int color) {
        return split(color, 0);
    }

    /**
     * A communicator of the ranks that give the same color, as {@code MPI_Comm_split} makes it: in the order of their
     * keys, and of their ranks here where keys are equal.
     */
    public Communicator split(int color, int key) {
        checkUsable();
        Post mine = nextPost();
        mine.color = color;
        mine.key = key;
        List<Integer> members = new ArrayList<>();
        perform(Call.of(Operation.SPLIT), List.of(), Optional.empty(), false, () -> {
            for (int peer = 0; peer < size(); peer++) {
                if (peerPost(peer).color == color) {
                    members.add(peer);
                }
            }
            members.sort((left, right) -> Integer.compare(peerPost(left).key, peerPost(right).key));
        });
        List<Integer> worldRanks = members.stream().map(group()::worldRank).toList();
        Meeting smaller =
                meeting.split(sequence, color, Group.of("split " + color + " of " + group().name(), worldRanks));
        Member place = new Member(smaller.group(), members.indexOf(me));
        return new Communicator(thread, smaller, place, policy, home);
    }

    private Stream stream() {
        return thread.stream();
    }

    private DeviceMatrix allocate(DType dtype, long rows, long columns) {
        return thread.scopes().current().allocate(dtype, rows, columns);
    }

    private Post nextPost() {
        return meeting.post(me, sequence + 1);
    }

    private Post peerPost(int peer) {
        return meeting.post(peer, sequence);
    }

    private ShardPlan tokenPlan(long tokens) {
        return ShardPlan.even(group(), tokens);
    }

    /**
     * One collective: lays this rank's matrices open, waits until all ranks have done so, queues behind what made theirs,
     * and does this rank's share. A failure fails the run at once, so that nobody can go on with half a result.
     *
     * @param given what peers read; may be nothing
     * @param result what peers write, as many elements as they read; if they do, this queues behind their writes too
     * @param reaches whether the share reaches elements of peers, where they have any
     */
    private void perform(
            Call call, List<DeviceMatrix> given, Optional<DeviceMatrix> result, boolean reaches, Runnable share) {
        checkUsable();
        try {
            meet(call, given, result, reaches);
            boolean reached = reaches && awaitOpenMatrices();
            share.run();
            if (reached) {
                stream().record(peerPost(me).done);
            }
            meeting.finish(me, sequence);
            if (result.isPresent()) {
                awaitPeersWrites();
            }
        } catch (RuntimeException | Error e) {
            meeting.run().fail(new RankException(thread.rank(), thread.whereabouts(), e));
            throw e;
        }
    }

    private void meet(Call call, List<DeviceMatrix> given, Optional<DeviceMatrix> result, boolean reaches) {
        Post mine = nextPost();
        mine.call = call.equals(agreed) ? agreed : call; // equal objects are compared field by field, the same are not
        mine.sources = given;
        mine.result = result;
        mine.open = size() > 1 && haveElements(given);
        mine.reaches = reaches;
        if (mine.open) {
            stream().record(mine.ready);
        }
        sequence++;
        thread.enter(meeting, me);
        if (mine.open && !call.isEager()) { // what is staged is guarded for good
            ReadGuard peers = meeting.peersOf(me, sequence);
            given.forEach(matrix -> matrix.block().guardBy(peers));
            result.ifPresent(matrix -> matrix.block().guardBy(peers));
        }
        meeting.arrive(me, sequence);
        agreed = meeting.awaitArrivals(me, sequence);
    }

    private static boolean haveElements(List<DeviceMatrix> matrices) {
        for (DeviceMatrix matrix : matrices) {
            if (matrix.byteSize() > 0) {
                return true;
            }
        }
        return false;
    }

    /** Queues behind what made the peers' elements, and says whether there are any. */
    private boolean awaitOpenMatrices() {
        boolean open = false;
        for (int peer = 0; peer < size(); peer++) {
            if (peer != me && peerPost(peer).open) {
                stream().await(peerPost(peer).ready);
                open = true;
            }
        }
        return open;
    }

    private void awaitPeersWrites() {
        meeting.awaitFinished(me, sequence);
        for (int peer = 0; peer < size(); peer++) {
            if (peer != me && peerPost(peer).reaches) {
                stream().await(peerPost(peer).done);
            }
        }
    }

    private List<DeviceMatrix> peerSources() {
        for (int peer = 0; peer < size(); peer++) {
            sources[peer] = peerPost(peer).sources.get(0);
        }
        return Arrays.asList(sources);
    }

    private List<DeviceMatrix> peerResults() {
        for (int peer = 0; peer < size(); peer++) {
            results[peer] = peerPost(peer).result.orElseThrow();
        }
        return Arrays.asList(results);
    }

    /** How {@code count} elements are cut for a two-shot sum: in lines, so that every slice's accesses are aligned. */
    private ShardPlan lines(long count) {
        return ShardPlan.even(group(), -Math.floorDiv(-count, ELEMENTS_PER_LINE));
    }

    private Call call(
            Operation operation, Optional<AllReduceAlgorithm> algorithm, Placement value, ShardPlan plan, Added added) {
        return new Call(
                operation, algorithm, value.dtype(), value.tokens(), value.features(), Optional.of(plan), 0, added);
    }

    private void record(Call call, DType moved, long bytes) {
        if (page.isPresent()) {
            page.get()
                    .add(new Collective(
                            call.operation(),
                            call.algorithm(),
                            group().name(),
                            size(),
                            moved,
                            call.tokens(),
                            call.features(),
                            call.added(),
                            bytes));
        }
    }

    private DeviceMatrix checked(Placement value, DeviceMatrix matrix) {
        if (!value.member().equals(member)) {
            throw new IllegalArgumentException("an activation of " + value.member()
                    + " cannot be given to a collective of " + member + ": both must be of one group");
        }
        return matrix.checked();
    }

    /** What a reduction of {@code partial} adds. */
    private static Addends addends(Partial partial, Optional<DeviceMatrix> residual) {
        Optional<DeviceMatrix> bias = partial.bias();
        return bias.isEmpty() && residual.isEmpty()
                ? Addends.NONE
                : new Addends(bias.map(DeviceMatrix::checked), residual);
    }

    private static DeviceMatrix checked(Placement residual, Partial sum) {
        if (residual.tokens() != sum.tokens() || residual.features() != sum.features()) {
            throw misplaced(residual, sum);
        }
        return residual.matrices().get(0).checked();
    }

    private static IllegalArgumentException misplaced(Placement residual, Partial sum) {
        return new IllegalArgumentException("the residual is (" + residual.tokens() + ", " + residual.features()
                + ") on " + residual.member().group() + ", but the sum is (" + sum.tokens() + ", " + sum.features()
                + ") on " + sum.member().group() + ": they must be equal");
    }

    private void checkUsable() {
        if (!thread.isCurrent()) {
            throw new IllegalStateException("the communicator of " + member + " was used on thread "
                    + Thread.currentThread().getName() + ": only tp4j-rank-" + thread.rank() + " may");
        }
        if (meeting.run().isOver()) {
            throw new IllegalStateException(
                    "the communicator of " + member + " was used after its run: take a new one from Rank.comm()");
        }
    }
}
