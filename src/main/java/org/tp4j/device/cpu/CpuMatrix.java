package org.tp4j.device.cpu;

import org.tp4j.device.Block;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Scope;
import org.tp4j.tensor.HostMatrix;

/** A matrix in host memory. */
final class CpuMatrix extends DeviceMatrix {
    private final HostMatrix host;

    CpuMatrix(Scope scope, Block block, HostMatrix host) {
        super(scope, block, host.dtype(), host.rows(), host.columns());
        this.host = host;
    }

    private CpuMatrix(CpuMatrix whole, HostMatrix part) {
        super(whole, part.rows(), part.columns());
        this.host = part;
    }

    /** The host memory behind a matrix that a CPU stream was given. */
    static HostMatrix host(DeviceMatrix matrix) {
        if (matrix instanceof CpuMatrix own) {
            return own.host;
        }
        throw new IllegalArgumentException(matrix + " lies in another device's memory ("
                + matrix.getClass().getSimpleName() + ") and was used on a CPU stream");
    }

    /** The host memory behind a matrix that a CPU stream is to write. */
    static HostMatrix writable(DeviceMatrix matrix) {
        HostMatrix host = host(matrix);
        if (host.isReadOnly()) {
            throw new IllegalArgumentException(matrix + " lies in a file and cannot be a destination");
        }
        return host;
    }

    @Override
    public long rowStride() {
        return host.rowStride();
    }

    @Override
    public DeviceMatrix rows(long from, long to) {
        return new CpuMatrix(this, host.rows(from, to));
    }

    @Override
    public DeviceMatrix columns(long from, long to) {
        return new CpuMatrix(this, host.columns(from, to));
    }
}
