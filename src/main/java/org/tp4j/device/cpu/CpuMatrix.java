package org.tp4j.device.cpu;

import org.tp4j.device.Block;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Scope;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.MatrixSource;

/** A matrix in host memory, or a weight that lies in a file and is read as a product needs it. */
final class CpuMatrix extends DeviceMatrix {
    private final MatrixSource elements;

    CpuMatrix(Scope scope, Block block, MatrixSource elements) {
        super(scope, block, elements.dtype(), elements.rows(), elements.columns());
        this.elements = elements;
    }

    private CpuMatrix(CpuMatrix whole, MatrixSource part) {
        super(whole, part.rows(), part.columns());
        this.elements = part;
    }

    /** The host memory behind a matrix that a CPU stream was given. */
    static HostMatrix host(DeviceMatrix matrix) {
        if (weight(matrix) instanceof HostMatrix host) {
            return host;
        }
        throw new IllegalArgumentException(matrix + " lies in a file: it can only be the weight of a product");
    }

    /** What is behind a matrix that a CPU stream was given as a weight. */
    static MatrixSource weight(DeviceMatrix matrix) {
        if (matrix instanceof CpuMatrix own) {
            return own.elements;
        }
        throw new IllegalArgumentException(matrix + " lies in another device's memory ("
                + matrix.getClass().getSimpleName() + ") and was used on a CPU stream");
    }

    @Override
    public long rowStride() {
        return elements instanceof HostMatrix host ? host.rowStride() : elements.columns();
    }

    @Override
    public DeviceMatrix rows(long from, long to) {
        return new CpuMatrix(this, elements.rows(from, to));
    }

    @Override
    public DeviceMatrix columns(long from, long to) {
        return new CpuMatrix(this, elements.columns(from, to));
    }
}
