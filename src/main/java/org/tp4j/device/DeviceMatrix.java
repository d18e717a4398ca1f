package org.tp4j.device;

import java.util.Objects;
import org.tp4j.tensor.DType;

/**
 * A row-major matrix in a device's memory, (rows, columns). It belongs to a {@link Scope}: it is released with it and
 * may be used on the scope's thread alone. Other ranks read it only inside a collective.
 */
public abstract class DeviceMatrix {
    private final Lease lease;
    private final DType dtype;
    private final long rows;
    private final long columns;

    /** A matrix of its own, held by {@code scope}. */
    protected DeviceMatrix(Scope scope, Block block, DType dtype, long rows, long columns) {
        this.lease = new Lease(Objects.requireNonNull(scope, "scope"), Objects.requireNonNull(block, "block"));
        this.dtype = Objects.requireNonNull(dtype, "dtype");
        this.rows = rows;
        this.columns = columns;
    }

    /** A view, which lives as long as {@code whole}. */
    protected DeviceMatrix(DeviceMatrix whole, long rows, long columns) {
        this.lease = whole.lease;
        this.dtype = whole.dtype;
        this.rows = rows;
        this.columns = columns;
    }

    /** Rows {@code [from, to)}, sharing this matrix's memory and scope. */
    public abstract DeviceMatrix rows(long from, long to);

    /** Columns {@code [from, to)}, sharing this matrix's memory and scope. */
    public abstract DeviceMatrix columns(long from, long to);

    /** Number format of the elements. */
    public final DType dtype() {
        return dtype;
    }

    /** Number of rows. */
    public final long rows() {
        return rows;
    }

    /** Number of columns. */
    public final long columns() {
        return columns;
    }

    /** Elements from the start of one row to the start of the next, in memory. */
    public abstract long rowStride();

    /** Whether no memory lies between the rows. */
    public final boolean isPacked() {
        return rowStride() == columns || rows <= 1;
    }

    /** Size of the elements, in bytes. */
    public final long byteSize() {
        return rows * columns * dtype.bytes();
    }

    /** The scope that owns this matrix. */
    public final Scope scope() {
        return lease.holder();
    }

    /** The memory it lies in. */
    public final Block block() {
        return lease.block();
    }

    /**
     * This matrix, if the calling thread may use it now.
     *
     * @throws IllegalStateException if it was released, or belongs to another thread
     */
    public final DeviceMatrix checked() {
        lease.holder().check(this);
        return this;
    }

    final Lease lease() {
        return lease;
    }

    /** {@code (rows, columns)}, as messages print it. */
    public final String shape() {
        return "(" + rows + ", " + columns + ")";
    }

    @Override
    public final String toString() {
        return dtype + " " + shape();
    }
}
