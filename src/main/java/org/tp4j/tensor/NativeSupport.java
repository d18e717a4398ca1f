package org.tp4j.tensor;

import java.lang.ref.Cleaner;
import java.util.concurrent.atomic.AtomicReference;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.presets.javacpp;

/**
 * What native memory needs: JavaCPP's library, and a thread that frees what nothing reaches. Both are made when they are
 * first needed, not when a class is initialised: a class that failed once says nothing but NoClassDefFoundError.
 */
final class NativeSupport {
    private static final AtomicReference<NativeSupport> MADE = new AtomicReference<>();

    private final Cleaner cleaner;
    private final long machineBytes;

    private NativeSupport() {
        try {
            Loader.load(javacpp.class);
            machineBytes = Pointer.totalPhysicalBytes();
        } catch (LinkageError e) {
            throw new NativeLibraryException("JavaCPP", e);
        }
        cleaner = Cleaner.create();
    }

    /**
     * The support of this process.
     *
     * @throws NativeLibraryException if JavaCPP's library does not load
     */
    static NativeSupport get() {
        NativeSupport made = MADE.get();
        if (made == null) {
            MADE.compareAndSet(null, new NativeSupport());
            made = MADE.get();
        }
        return made;
    }

    Cleaner cleaner() {
        return cleaner;
    }

    /** The memory of the machine. */
    long machineBytes() {
        return machineBytes;
    }
}
