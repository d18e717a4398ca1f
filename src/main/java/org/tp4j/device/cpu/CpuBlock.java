package org.tp4j.device.cpu;

import java.util.Optional;
import org.tp4j.device.Block;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.HostMemory;

/** Host memory that a stream's cache handed out, or that the caller lent and keeps. */
final class CpuBlock extends Block {
    private final Optional<HostMemory> memory;
    private final long bytes;
    private HostMatrix view;

    private CpuBlock(Optional<HostMemory> memory, long bytes, HostMatrix view) {
        this.memory = memory;
        this.bytes = bytes;
        this.view = view;
    }

    static CpuBlock owned(HostMemory memory) {
        return new CpuBlock(Optional.of(memory), memory.bytes(), HostMatrix.on(memory, DType.F32, 0, 0));
    }

    static CpuBlock borrowed(HostMatrix matrix) {
        return new CpuBlock(Optional.empty(), matrix.byteSize(), matrix);
    }

    @Override
    public long bytes() {
        return bytes;
    }

    /** Whether the memory is the stream's own, not lent by the caller. */
    boolean isOwned() {
        return memory.isPresent();
    }

    /** A packed matrix over this block. The last one is kept, because a loop asks for the same shape every time. */
    HostMatrix view(DType dtype, long rows, long columns) {
        if (view.dtype() != dtype || view.rows() != rows || view.columns() != columns) {
            view = HostMatrix.on(memory.orElseThrow(), dtype, rows, columns);
        }
        return view;
    }

    /** Frees an owned block. */
    void free() {
        memory.ifPresent(HostMemory::close);
    }

    /** Fills the block with NaN, which is all bits set in every dtype. */
    void poison() {
        HostMemory own = memory.orElseThrow();
        Address.fill(own.address(), 0xff, own.bytes());
    }
}
