package org.tp4j.device;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/**
 * The lifetime of device matrices: what is made in a scope is released, in stream order, when it closes. A scope
 * belongs to one thread. Scopes of one stream nest; closing one closes those inside it first.
 */
public final class Scope implements AutoCloseable {
    private final Stream stream;
    private final String name;
    private final Thread owner;
    private final List<DeviceMatrix> matrices = new ArrayList<>();
    private final List<Scope> children = new ArrayList<>();
    private volatile State state = State.OPEN;

    private enum State {
        OPEN,
        CLOSED,
        ABANDONED
    }

    /**
     * A scope of the calling thread.
     *
     * @param name who it belongs to and what for, e.g. {@code run of rank 2}; messages print it
     */
    public Scope(Stream stream, String name) {
        this.stream = Objects.requireNonNull(stream, "stream");
        this.name = Objects.requireNonNull(name, "name");
        this.owner = Thread.currentThread();
    }

    /** A scope inside this one. */
    public Scope nested(String childName) {
        checkUsable(childName);
        Scope child = new Scope(stream, childName);
        children.removeIf(Scope::isClosed);
        children.add(child);
        return child;
    }

    /** The stream that this scope's matrices are made and released on. */
    public Stream stream() {
        return stream;
    }

    /** Who this scope belongs to and what for. */
    public String name() {
        return name;
    }

    /** A matrix whose elements are undefined. */
    public DeviceMatrix allocate(DType dtype, long rows, long columns) {
        checkUsable("an allocation of " + dtype + " (" + rows + ", " + columns + ")");
        return own(stream.allocate(this, dtype, rows, columns));
    }

    /**
     * A matrix with {@code source}'s elements: a copy, rounded once to {@code dtype}. It does not need {@code source}
     * any more when this returns.
     */
    public DeviceMatrix upload(HostMatrix source, DType dtype) {
        DeviceMatrix matrix = allocate(dtype, source.rows(), source.columns());
        stream.upload(source, matrix);
        return matrix;
    }

    /**
     * A matrix with {@code source}'s elements that may share its memory where the device can address that: the caller
     * keeps {@code source} open and unchanged while this scope is open.
     */
    public DeviceMatrix borrow(HostMatrix source) {
        checkUsable("a loan of " + source);
        return own(stream.borrow(this, source));
    }

    /** Whether this scope's matrices were released. */
    public boolean isClosed() {
        return state != State.OPEN;
    }

    /**
     * Releases every matrix of this scope in stream order; a second call does nothing.
     *
     * @throws IllegalStateException on a thread that does not own the scope
     */
    @Override
    public void close() {
        if (state != State.OPEN) {
            return;
        }
        if (Thread.currentThread() != owner) {
            throw new IllegalStateException("the scope '" + name + "' belongs to thread " + owner.getName()
                    + " and cannot be closed on thread "
                    + Thread.currentThread().getName());
        }
        for (int i = children.size() - 1; i >= 0; i--) {
            children.get(i).close();
        }
        state = State.CLOSED;
        for (int i = matrices.size() - 1; i >= 0; i--) {
            stream.release(matrices.get(i));
        }
        matrices.clear();
        children.clear();
    }

    /**
     * Makes every later use throw without releasing any memory, on any thread: for a thread that did not come back, whose
     * last native call may still run.
     */
    public void abandon() {
        state = State.ABANDONED;
        for (Scope child : List.copyOf(children)) {
            child.abandon();
        }
    }

    void check(Object used) {
        if (state != State.OPEN || Thread.currentThread() != owner) {
            refuse(used);
        }
    }

    private void checkUsable(Object used) {
        check(used);
    }

    private DeviceMatrix own(DeviceMatrix matrix) {
        matrices.add(matrix);
        return matrix;
    }

    private void refuse(Object used) {
        String user = Thread.currentThread().getName();
        if (state == State.OPEN) {
            throw new IllegalStateException(used + " of the scope '" + name + "' belongs to thread " + owner.getName()
                    + " but was used on thread " + user);
        }
        throw new IllegalStateException(used + " was used on thread " + user + " after its scope '" + name + "' was "
                + (state == State.CLOSED ? "closed" : "abandoned"));
    }
}
