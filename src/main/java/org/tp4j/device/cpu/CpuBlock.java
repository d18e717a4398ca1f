package org.tp4j.device.cpu;

import java.util.Optional;
import org.tp4j.device.Block;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.HostMemory;

/** Host memory that a stream's cache handed out, or that the caller lent and keeps. */
final class CpuBlock extends Block {
    private final Optional<HostMemory> memory;
    private final Optional<HostMatrix.Lease> loan;
    private final long bytes;
    private HostMatrix view;

    private CpuBlock(Optional<HostMemory> memory, Optional<HostMatrix.Lease> loan, long bytes, HostMatrix view) {
        this.memory = memory;
        this.loan = loan;
        this.bytes = bytes;
        this.view = view;
    }

    static CpuBlock owned(HostMemory memory) {
        HostMatrix nothing = HostMatrix.on(memory, DType.F32, 0, 0);
        return new CpuBlock(Optional.of(memory), Optional.empty(), memory.bytes(), nothing);
    }

    /** The caller may close the matrix: its memory stays until the block is {@linkplain #endLoan given back}. */
    static CpuBlock borrowed(HostMatrix matrix) {
        return new CpuBlock(Optional.empty(), Optional.of(matrix.lease()), matrix.byteSize(), matrix);
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

    /** Lets the caller's memory go. */
    void endLoan() {
        loan.ifPresent(HostMatrix.Lease::close);
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
