package org.tp4j.device;

import java.util.Objects;
import java.util.Optional;

/** The open scopes of one stream, innermost last: new matrices belong to the innermost. Used by one thread. */
public final class ScopeStack {
    private final Stream stream;
    private Optional<Scope> current = Optional.empty();
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

    /** Takes {@code scope}, and those inside it, off the stack without closing it: it then lives until it is closed. */
    public void detach(Scope scope) {
        current = scope.parent();
    }

    /**
     * Makes every later use of the open scopes throw without releasing any memory, from any thread: for a thread that did
     * not come back, whose last native call may still run.
     */
    public void abandon() {
        abandoned = true;
        current.ifPresent(Scope::abandon);
    }

    /** Closes every scope inside {@code scope}, innermost first, and makes its parent the innermost. */
    void closeDownTo(Scope scope) {
        while (current.isPresent() && current.get().isInside(scope)) {
            Scope inner = current.get();
            if (inner == scope) {
                current = scope.parent();
                return;
            }
            inner.close();
        }
    }
}
