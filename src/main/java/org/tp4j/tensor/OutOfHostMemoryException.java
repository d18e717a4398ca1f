package org.tp4j.tensor;

/** The operating system refused host memory. */
public final class OutOfHostMemoryException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    OutOfHostMemoryException(long bytes, long live) {
        super("the operating system refused " + bytes + " bytes of memory (this process holds " + live
                + " bytes in matrices): free memory or use smaller matrices");
    }
}
