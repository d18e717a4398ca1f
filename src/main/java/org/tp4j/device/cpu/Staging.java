package org.tp4j.device.cpu;

import java.util.Optional;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.HostMemory;

/** One matrix's worth of scratch memory that grows to the largest asked for. Belongs to one stream. */
final class Staging implements AutoCloseable {
    private Optional<HostMemory> memory = Optional.empty();

    /** A packed matrix, elements undefined, until the next call. */
    HostMatrix matrix(DType dtype, int rows, int columns) {
        long bytes = Math.multiplyFull(rows, columns) * dtype.bytes();
        if (memory.isEmpty() || memory.get().bytes() < bytes) {
            close();
            memory = Optional.of(HostMemory.scratch(bytes));
        }
        return HostMatrix.on(memory.get(), dtype, rows, columns);
    }

    @Override
    public void close() {
        memory.ifPresent(HostMemory::close);
        memory = Optional.empty();
    }
}
