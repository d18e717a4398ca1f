package org.tp4j.comm;

import java.util.ArrayList;
import java.util.List;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Scope;
import org.tp4j.placement.FeatureSharded;
import org.tp4j.placement.Member;
import org.tp4j.placement.Placement;
import org.tp4j.placement.Replicated;
import org.tp4j.placement.ShardPlan;
import org.tp4j.placement.TokenSharded;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.MatrixSource;

/** One of a world's equal workers, during one run or load. Used on its own thread. */
public final class Rank {
    private final RankThread thread;
    private final Run run;
    private final Communicator comm;
    private final boolean loading;
    private final String scopeName;

    Rank(RankThread thread, Run run, Communicator comm, boolean loading) {
        this.thread = thread;
        this.run = run;
        this.comm = comm;
        this.loading = loading;
        this.scopeName = "scope in the " + (loading ? "load" : "run") + " of rank " + comm.rank();
    }

    /** This rank's number in its group, from 0; its group is the world, unless it was made by {@link #in}. */
    public int index() {
        return comm.rank();
    }

    /** This rank's number in the world, from 0. */
    public int worldRank() {
        return thread.rank();
    }

    /** How many ranks its group has. */
    public int groupSize() {
        return comm.size();
    }

    /** The communicator of all ranks of the comm. */
    public Communicator comm() {
        return comm;
    }

    /** The device that this rank is bound to. */
    public Device device() {
        return thread.device();
    }

    /**
     * Opens a scope inside the innermost one: what is made from now on is released when it closes. Of what a scope makes,
     * {@link #keep} saves a value for the scope around it.
     */
    public Scope scope() {
        return thread.scopes().open(scopeName);
    }

    /** The scope that new matrices belong to. */
    public Scope innermost() {
        return thread.scopes().current();
    }

    /** This rank as a member of a smaller group: layers made for it are split over that group alone. */
    public Rank in(Communicator smaller) {
        return new Rank(thread, run, smaller, loading);
    }

    /** Moves a value out of the innermost scope into the one around it, and returns it. */
    public <P extends Placement> P keep(P value) {
        Scope innermost = innermost();
        value.matrices().forEach(innermost::keep);
        return value;
    }

    /** Releases a value before its scope closes; it refuses every later use. */
    public void release(Placement value) {
        value.matrices().forEach(matrix -> matrix.scope().release(matrix));
    }

    /** {@code x} on every rank, in its own dtype; see {@link #upload(MatrixSource, DType)}. */
    public Replicated replicate(MatrixSource x) {
        return replicate(x, x.dtype());
    }

    /** {@code x} on every rank, rounded once to {@code dtype}. */
    public Replicated replicate(MatrixSource x, DType dtype) {
        return Replicated.unchecked(comm.member(), upload(x, dtype));
    }

    /** This rank's slice of the features of {@code x}, rounded once to {@code dtype}. */
    public FeatureSharded shardFeatures(MatrixSource x, DType dtype) {
        ShardPlan plan = comm.plan(x.columns());
        List<DeviceMatrix> blocks = new ArrayList<>(plan.blocksPerRank());
        int first = plan.firstBlock(index());
        for (int block = first; block < first + plan.blocksPerRank(); block++) {
            long start = plan.blockStart(block);
            MatrixSource slice = x.columns(start, start + plan.blockSize(block));
            blocks.add(
                    plan.isCanonical()
                            ? uploadPadded(slice, dtype, slice.rows(), plan.blockWidth(block))
                            : upload(slice, dtype));
        }
        return FeatureSharded.unchecked(comm.member(), plan, blocks);
    }

    /** This rank's slice of the tokens of {@code x}, rounded once to {@code dtype}. */
    public TokenSharded shardTokens(MatrixSource x, DType dtype) {
        ShardPlan plan = ShardPlan.even(comm.group(), x.rows());
        return TokenSharded.unchecked(
                comm.member(), plan, upload(x.rows(plan.start(index()), plan.end(index())), dtype));
    }

    /**
     * {@code source} on this rank's device, rounded once to {@code dtype}. In {@link World#run}, where the caller waits,
     * the device may use the host's memory in place: {@code source} stays open and unchanged until the run ends. In {@link
     * World#load}, and from a file, it is always copied.
     */
    public DeviceMatrix upload(MatrixSource source, DType dtype) {
        Scope innermost = innermost();
        boolean lent = !loading && source.dtype() == dtype;
        return lent && source instanceof HostMatrix host ? innermost.borrow(host) : innermost.upload(source, dtype);
    }

    /**
     * {@code source} as the weight of products on this rank's device, rounded once to {@code dtype}; it serves for nothing
     * else. As {@link #upload}, but in {@link World#run} the products may also read a file in place: then {@code source}
     * stays open and the file unchanged until the run ends.
     */
    public DeviceMatrix uploadWeight(MatrixSource source, DType dtype) {
        Scope innermost = innermost();
        return loading ? innermost.upload(source, dtype) : innermost.borrowWeight(source, dtype);
    }

    /** A copy of all of {@code x} in host memory, complete when this returns; the caller closes it. */
    public HostMatrix download(Replicated x) {
        return download(x.matrix());
    }

    /** A copy of a matrix of this rank in host memory, complete when this returns; the caller closes it. */
    public HostMatrix download(DeviceMatrix matrix) {
        DeviceMatrix source = matrix.checked();
        HostMatrix copy = HostMatrix.allocate(source.dtype(), source.rows(), source.columns());
        try {
            thread.stream().download(source, copy, run.limit());
            return copy;
        } catch (RuntimeException e) {
            copy.close();
            throw e;
        }
    }

    /** This rank's place in the comm. */
    public Member member() {
        return comm.member();
    }

    /**
     * A packed copy of {@code source} in the upper left corner of a zero matrix (rows, columns), rounded once to {@code
     * dtype}.
     */
    public DeviceMatrix uploadPadded(MatrixSource source, DType dtype, long rows, long columns) {
        Scope innermost = innermost();
        DeviceMatrix padded = innermost.allocate(dtype, rows, columns);
        innermost.stream().zero(padded);
        innermost.stream().upload(source, padded.rows(0, source.rows()).columns(0, source.columns()));
        return padded;
    }

    @Override
    public String toString() {
        return comm.member().toString();
    }
}
