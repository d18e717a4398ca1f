package org.tp4j.device;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/** The open scopes of one stream, innermost last: new matrices belong to the innermost. Used by one thread. */
public final class ScopeStack implements AutoCloseable {
    private final Stream stream;
    private Optional<Scope> current = Optional.empty();
    private final List<Scope> detached = new ArrayList<>();
    private volatile boolean abandoned;

    /** An empty stack. */
    public ScopeStack(Stream stream) {
        this.stream = Objects.requireNonNull(stream, "stream");
    }

    /** The stream whose matrices these scopes hold. */
    public Stream stream() {
        return stream;
    }

    /**
     * A new innermost scope of the calling thread.
     *
     * @param name who it belongs to and what for, e.g. {@code run of rank 2}; messages print it
     */
    public Scope open(String name) {
        if (abandoned) {
            throw new IllegalStateException("thread " + Thread.currentThread().getName() + " was abandoned");
        }
        Scope scope = new Scope(this, name, current);
        current = Optional.of(scope);
        return scope;
    }

    /**
     * The innermost open scope.
     *
     * @throws IllegalStateException if none is open
     */
    public Scope current() {
        if (current.isEmpty()) {
            throw new IllegalStateException("no scope is open on thread "
                    + Thread.currentThread().getName() + ": device matrices are made inside World.run or World.load");
        }
        return current.get();
    }

    /** Takes {@code scope} off the stack without closing it: it then lives until it is closed, or this stack is. */
    public void detach(Scope scope) {
        closeInside(scope);
        detached.removeIf(Scope::isClosed);
        detached.add(scope);
        current = scope.parent();
    }

    /**
     * Makes every later use of the open scopes throw without releasing any memory, from any thread: for a thread that did
     * not come back, whose last native call may still run. That thread alone can close them.
     */
    public void abandon() {
        abandoned = true;
        current.ifPresent(Scope::abandon);
    }

    /** Lets scopes be opened again, on a thread that was abandoned and has come back; it has closed those it had. */
    public void rejoin() {
        abandoned = false;
    }

    /** Closes every scope, detached ones too; a second call does nothing. */
    @Override
    public void close() {
        while (current.isPresent()) {
            current.get().close();
        }
        detached.forEach(Scope::close);
        detached.clear();
    }

    /** Closes every scope inside {@code scope}, innermost first, and makes its parent the innermost. */
    void pop(Scope scope) {
        if (current.isPresent() && current.get().isInside(scope)) {
            closeInside(scope);
            current = scope.parent();
        }
    }

    private void closeInside(Scope scope) {
        while (current.isPresent() && current.get() != scope && current.get().isInside(scope)) {
            current.get().close();
        }
    }
}
