package org.tp4j.device.cuda;

import java.util.Objects;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Scope;
import org.tp4j.tensor.DType;

/** A matrix in a CUDA device's memory. */
final class CudaMatrix extends DeviceMatrix {
    private final CudaDevice device;
    private final DevicePointer pointer;
    private final long rowStride;

    /** A packed matrix at the start of a block. */
    CudaMatrix(Scope scope, CudaDevice device, CudaBlock block, DType dtype, long rows, long columns) {
        super(scope, block, dtype, rows, columns);
        this.device = device;
        this.pointer = block.pointer();
        this.rowStride = columns;
    }

    private CudaMatrix(CudaMatrix whole, long offset, long rows, long columns) {
        super(whole, rows, columns);
        this.device = whole.device;
        this.pointer = whole.pointer.plus(offset * whole.dtype().bytes());
        this.rowStride = whole.rowStride;
    }

    /** The matrix behind what a CUDA stream was given. */
    static CudaMatrix of(DeviceMatrix matrix) {
        if (matrix instanceof CudaMatrix own) {
            return own;
        }
        throw new IllegalArgumentException(matrix + " does not lie in a CUDA device's memory ("
                + matrix.getClass().getSimpleName() + ") and was used on a CUDA stream");
    }

    CudaDevice device() {
        return device;
    }

    /** Where its elements lie. */
    Region region() {
        return new Region(device, pointer, dtype(), rows(), columns(), rowStride);
    }

    @Override
    public long rowStride() {
        return rowStride;
    }

    @Override
    public DeviceMatrix rows(long from, long to) {
        Objects.checkFromToIndex(from, to, rows());
        return new CudaMatrix(this, from * rowStride, to - from, columns());
    }

    @Override
    public DeviceMatrix columns(long from, long to) {
        Objects.checkFromToIndex(from, to, columns());
        return new CudaMatrix(this, from, rows(), to - from);
    }
}
