package org.tp4j.device.cuda;

import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Tells the emulated driver in which order the threads of the program come, which no driver sees: who acquires a key
 * knows from then on what was known to those who released it before. Without an emulated driver nothing happens.
 */
public final class HostOrder {
    private static final Map<Key, Long> NUMBERS = new ConcurrentHashMap<>();
    private static final ReferenceQueue<Object> GONE = new ReferenceQueue<>();
    private static final AtomicLong LAST_NUMBER = new AtomicLong();
    private static final ThreadLocal<Boolean> BEGUN = ThreadLocal.withInitial(() -> false);

    /** Whether the emulator has been loaded: before, no thread knows of any work. */
    private static volatile boolean linked;

    private HostOrder() {}

    /**
     * Lays open what the calling thread knows.
     *
     * @param object compared by identity, and not kept alive
     * @param part of the object
     */
    public static void release(Object object, int part) {
        begin();
        forgetGone();
        if (linked()) {
            release((long) NUMBERS.computeIfAbsent(new Key(object, GONE), key -> LAST_NUMBER.incrementAndGet()), part);
        }
    }

    /** The calling thread knows from now on what was laid open under the key. */
    public static void acquire(Object object, int part) {
        begin();
        learn(object, part);
    }

    /** A thread comes after what was released under the thread itself. */
    private static void begin() {
        if (!BEGUN.get()) {
            BEGUN.set(true);
            learn(Thread.currentThread(), 0);
        }
    }

    private static void learn(Object object, int part) {
        Long number = NUMBERS.get(new Key(object, null));
        if (number != null) {
            acquire((long) number, part);
        }
    }

    private static boolean linked() {
        if (!linked) {
            try {
                forget(0);
                linked = true;
            } catch (UnsatisfiedLinkError e) {
                return false;
            }
        }
        return true;
    }

    private static void forgetGone() {
        for (var key = GONE.poll(); key != null; key = GONE.poll()) {
            forget(NUMBERS.remove(key));
        }
    }

    private static native void release(long object, int part);

    private static native void acquire(long object, int part);

    private static native void forget(long object);

    /** An object by its identity. */
    private static final class Key extends WeakReference<Object> {
        private final int hash;

        Key(Object object, ReferenceQueue<Object> gone) {
            super(object, gone);
            this.hash = System.identityHashCode(object);
        }

        @Override
        public int hashCode() {
            return hash;
        }

        /** One whose object is gone equals itself alone. */
        @Override
        public boolean equals(Object other) {
            return this == other || (other instanceof Key key && get() != null && get() == key.get());
        }
    }
}
