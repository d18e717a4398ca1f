package org.tp4j.device;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.MatrixSource;

/**
 * The lifetime of device matrices: what is made in a scope is released, in stream order, when it closes. A scope
 * belongs to one thread. Scopes nest; closing one closes those inside it first.
 */
public final class Scope implements AutoCloseable {
    private final ScopeStack stack;
    private final String name;
    private final Optional<Scope> parent;
    private final Thread owner = Thread.currentThread();
    private final List<DeviceMatrix> matrices = new ArrayList<>();
    /** The owner's mark. */
    private boolean closed;
    /** Another thread's mark. */
    private volatile boolean abandoned;

    Scope(ScopeStack stack, String name, Optional<Scope> parent) {
        this.stack = stack;
        this.name = Objects.requireNonNull(name, "name");
        this.parent = parent;
    }

    /** The scopes of this scope's stream. */
    public ScopeStack stack() {
        return stack;
    }

    /** The stream that this scope's matrices are made and released on. */
    public Stream stream() {
        return stack.stream();
    }

    /** Who this scope belongs to and what for. */
    public String name() {
        return name;
    }

    /** A matrix whose elements are undefined. */
    public DeviceMatrix allocate(DType dtype, long rows, long columns) {
        if (isClosed() || Thread.currentThread() != owner) {
            throw refusal("an allocation of " + dtype + " (" + rows + ", " + columns + ")");
        }
        return hold(stream().allocate(this, dtype, rows, columns));
    }

    /**
     * A matrix with {@code source}'s elements: a copy, rounded once to {@code dtype}. It does not need {@code source}
     * any more when this returns.
     */
    public DeviceMatrix upload(MatrixSource source, DType dtype) {
        DeviceMatrix matrix = allocate(dtype, source.rows(), source.columns());
        stream().upload(source, matrix);
        return matrix;
    }

    /**
     * A matrix with {@code source}'s elements that may share its memory where the device can address that: the caller
     * keeps {@code source} open and unchanged while this scope is open.
     */
    public DeviceMatrix borrow(HostMatrix source) {
        if (isClosed() || Thread.currentThread() != owner) {
            throw refusal("a loan of " + source);
        }
        return hold(stream().borrow(this, source));
    }

    /**
     * A matrix with {@code source}'s elements, rounded once to {@code dtype}, that is used as the weight of products and for
     * nothing else. It may share the source's memory, or be read from its file by each product: the caller keeps
     * {@code source} open and unchanged while this scope is open.
     */
    public DeviceMatrix borrowWeight(MatrixSource source, DType dtype) {
        if (isClosed() || Thread.currentThread() != owner) {
            throw refusal("a loan of " + source);
        }
        return hold(stream().borrowWeight(this, source, dtype));
    }

    /**
     * Moves a matrix of this scope to the scope around it, which then releases it.
     *
     * @throws IllegalStateException if there is no scope around this one, or the matrix is not of this scope
     */
    public void keep(DeviceMatrix matrix) {
        Scope outer = parent.orElseThrow(() ->
                new IllegalStateException("the scope '" + name + "' has no scope around it to keep " + matrix + " in"));
        take(matrix.checked());
        matrix.lease().moveTo(outer);
        outer.hold(matrix);
    }

    /**
     * Releases one matrix of this scope before the scope closes; the matrix and its views refuse every later use.
     *
     * @throws IllegalStateException if the matrix is not of this scope
     */
    public void release(DeviceMatrix matrix) {
        take(matrix.checked());
        end(matrix);
    }

    /** Whether this scope's matrices were released. */
    public boolean isClosed() {
        return closed || abandoned;
    }

    /**
     * Releases every matrix of this scope in stream order, also after its thread was abandoned; a second call does nothing.
     *
     * @throws IllegalStateException on a thread that does not own the scope
     */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        if (Thread.currentThread() != owner) {
            throw refusal("the closing");
        }
        stack.pop(this);
        closed = true;
        for (int i = matrices.size() - 1; i >= 0; i--) {
            end(matrices.get(i));
        }
        matrices.clear();
    }

    void abandon() {
        abandoned = true;
        parent.ifPresent(Scope::abandon);
    }

    Optional<Scope> parent() {
        return parent;
    }

    boolean isInside(Scope other) {
        return this == other || (parent.isPresent() && parent.get().isInside(other));
    }

    void check(DeviceMatrix used) {
        if (isClosed() || used.lease().hasEnded() || Thread.currentThread() != owner) {
            throw refusal("the matrix " + used);
        }
    }

    private DeviceMatrix hold(DeviceMatrix matrix) {
        matrices.add(matrix);
        return matrix;
    }

    private void take(DeviceMatrix matrix) {
        for (int i = matrices.size() - 1; i >= 0; i--) {
            if (matrices.get(i).lease() == matrix.lease()) {
                matrices.remove(i);
                return;
            }
        }
        throw new IllegalStateException("the matrix " + matrix + " belongs to the scope '"
                + matrix.scope().name() + "', not to '" + name + "'");
    }

    private void end(DeviceMatrix matrix) {
        matrix.lease().end();
        stream().release(matrix);
    }

    private IllegalStateException refusal(String used) {
        String user = Thread.currentThread().getName();
        if (Thread.currentThread() != owner) {
            return new IllegalStateException(used + " of the scope '" + name + "' belongs to thread " + owner.getName()
                    + " but was used on thread " + user);
        }
        String end = abandoned ? "abandoned" : closed ? "closed" : "released";
        String what = isClosed() ? "its scope '" + name + "' was " : "it was ";
        return new IllegalStateException(used + " was used on thread " + user + " after " + what + end);
    }
}
