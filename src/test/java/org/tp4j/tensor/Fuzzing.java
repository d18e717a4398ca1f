package org.tp4j.tensor;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/** What must hold for a reader whatever bytes it is given. */
final class Fuzzing {
    private static final com.sun.management.ThreadMXBean THREADS =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final long FIXED_HEAP = 16L << 20; // the buffers of a conversion

    private Fuzzing() {}

    /** A way to read a file's matrix. */
    @FunctionalInterface
    interface Reader {
        Tensor read(Path file) throws MatrixFileException;
    }

    /**
     * Reads {@code bytes} as a file: either it is refused in one sentence, or its matrix can be read; and it costs no more
     * memory than a file of its size may.
     */
    static void check(Path file, byte[] bytes, Reader reader) throws IOException {
        Files.write(file, bytes);
        long most = FIXED_HEAP + 1000L * bytes.length;
        if (heapCost(file, bytes.length, reader) > most) { // the first time it may have loaded classes
            long cost = heapCost(file, bytes.length, reader);
            require(cost <= most, "allocated " + cost + " bytes of heap for a file of " + bytes.length);
        }
    }

    private static long heapCost(Path file, int size, Reader reader) {
        long live = HostMemory.liveBytes();
        long heap = THREADS.getCurrentThreadAllocatedBytes();
        try (Tensor tensor = reader.read(file)) {
            long owned = HostMemory.liveBytes() - live;
            require(owned <= 8L * size, "took " + owned + " bytes for a file of " + size);
            touch(tensor.matrix());
        } catch (MatrixFileException e) {
            require(e.getMessage().lines().count() == 1, "a refusal of several lines: " + e.getMessage());
        }
        require(HostMemory.liveBytes() <= live, "left memory behind");
        return THREADS.getCurrentThreadAllocatedBytes() - heap;
    }

    private static void touch(HostMatrix matrix) {
        for (long row = 0; row < Math.min(matrix.rows(), 64); row++) {
            for (long column = 0; column < Math.min(matrix.columns(), 64); column++) {
                double unused = matrix.get(row, column);
            }
        }
        if (matrix.rows() > 0 && matrix.columns() > 0) {
            double unused = matrix.get(matrix.rows() - 1, matrix.columns() - 1);
        }
    }

    private static void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new AssertionError(otherwise);
        }
    }
}
