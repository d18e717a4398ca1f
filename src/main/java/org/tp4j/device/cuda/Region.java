package org.tp4j.device.cuda;

import org.tp4j.tensor.DType;

/**
 * Elements in a device's memory, without an owner.
 *
 * @param device whose memory it is
 * @param pointer the first element
 * @param rows how many rows
 * @param columns how many columns
 * @param stride elements from the start of one row to the start of the next
 */
record Region(CudaDevice device, DevicePointer pointer, DType dtype, long rows, long columns, long stride) {
    /** {@code count} elements one after the other. */
    static Region line(CudaDevice device, DevicePointer pointer, DType dtype, long count) {
        return new Region(device, pointer, dtype, 1, count, count);
    }

    boolean isEmpty() {
        return rows == 0 || columns == 0;
    }

    boolean isPacked() {
        return stride == columns || rows <= 1;
    }

    long count() {
        return rows * columns;
    }

    long byteSize() {
        return count() * dtype.bytes();
    }

    long rowBytes() {
        return columns * dtype.bytes();
    }

    long strideBytes() {
        return stride * dtype.bytes();
    }

    /** This region as one row, which its elements must be. */
    Region flat() {
        return line(device, pointer, dtype, count());
    }

    /** Elements {@code [from, to)} of a packed region. */
    Region range(long from, long to) {
        return line(device, pointer.plus(from * dtype.bytes()), dtype, to - from);
    }

    /** The part with its upper left corner at (row, column). */
    Region part(long row, long column, long partRows, long partColumns) {
        DevicePointer corner = pointer.plus((row * stride + column) * dtype.bytes());
        return new Region(device, corner, dtype, partRows, partColumns, stride);
    }

    @Override
    public String toString() {
        return dtype + " (" + rows + ", " + columns + ")";
    }
}
