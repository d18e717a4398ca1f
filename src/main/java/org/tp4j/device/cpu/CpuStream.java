package org.tp4j.device.cpu;

import java.lang.ref.Reference;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.tp4j.device.Addends;
import org.tp4j.device.Arguments;
import org.tp4j.device.BlockCache;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Event;
import org.tp4j.device.Nonlinearity;
import org.tp4j.device.Scope;
import org.tp4j.device.Stream;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.MatrixSource;
import org.tp4j.tensor.WeightLayout;

/** Runs each operation at once, on the thread that enqueues it, so that there is never anything to wait for. */
final class CpuStream implements Stream {
    /** How many elements of a file are read and then converted: they stay in the second-level cache. */
    private static final long CONVERTED_ELEMENTS = 1 << 16;

    private final CpuDevice device;
    private final BlockCache<CpuBlock> cache;
    private final boolean poisoned;
    private final Lanes floats = new FloatLanes();
    private final Lanes doubles = new DoubleLanes();
    private final Elementwise elementwise = new Elementwise(floats, doubles);
    private final Product product;
    /** Where sums of right subtrees are taken. */
    private final Staging subtrees = new Staging();

    private boolean closed;

    CpuStream(CpuDevice device, OpenBlas blas, BlockCache<CpuBlock> cache, boolean poisoned) {
        this.device = device;
        this.cache = cache;
        this.poisoned = poisoned;
        this.product = new Product(blas, elementwise);
    }

    @Override
    public Device device() {
        return device;
    }

    @Override
    public DeviceMatrix allocate(Scope scope, DType dtype, long rows, long columns) {
        if (closed) {
            throw new IllegalStateException(
                    "a " + dtype + " matrix (" + rows + ", " + columns + ") was asked of a stream that was closed");
        }
        CpuBlock block = cache.take(this, HostMatrix.byteSize(dtype, rows, columns));
        if (poisoned) {
            block.poison();
        }
        HostMatrix view = block.view(dtype, rows, columns);
        cache.count(block, view.byteSize());
        return new CpuMatrix(scope, block, view);
    }

    @Override
    public DeviceMatrix borrow(Scope scope, HostMatrix source) {
        return new CpuMatrix(scope, CpuBlock.borrowed(source), source);
    }

    @Override
    public DeviceMatrix borrowWeight(Scope scope, MatrixSource source, DType dtype) {
        if (source.dtype() == dtype && source instanceof HostMatrix host) {
            return borrow(scope, host);
        }
        if (source.dtype() == dtype && Product.readsFiles(dtype)) {
            return new CpuMatrix(scope, new FileBlock(), source);
        }
        DeviceMatrix copy = allocate(scope, dtype, source.rows(), source.columns());
        try {
            upload(source, copy);
            return copy;
        } catch (RuntimeException e) {
            release(copy);
            throw e;
        }
    }

    @Override
    public void release(DeviceMatrix matrix) {
        CpuMatrix.weight(matrix);
        if (!(matrix.block() instanceof CpuBlock block)) {
            return; // it stayed in its file
        }
        if (!block.isOwned()) {
            block.endLoan();
            return;
        }
        cache.giveBack(block);
        if (closed) {
            cache.close(this);
        }
    }

    @Override
    public void upload(MatrixSource source, DeviceMatrix destination) {
        Arguments.forUpload(source, destination);
        HostMatrix target = CpuMatrix.host(destination);
        if (source instanceof HostMatrix host) {
            HostMatrix.Lease lease = host.lease();
            try {
                elementwise.convert(host, target);
            } finally {
                lease.close();
            }
        } else if (source.dtype() == target.dtype()) {
            source.copyTo(target);
        } else {
            convert(source, target);
        }
    }

    @Override
    public void download(DeviceMatrix source, HostMatrix destination, Duration limit) {
        Objects.requireNonNull(limit, "limit");
        Arguments.forDownload(source, destination);
        HostMatrix.Lease lease = destination.lease();
        try {
            Elementwise.copy(CpuMatrix.host(source), destination);
        } finally {
            lease.close();
        }
    }

    @Override
    public void zero(DeviceMatrix destination) {
        Elementwise.zero(CpuMatrix.host(destination));
    }

    @Override
    public void copy(DeviceMatrix source, DeviceMatrix destination) {
        Arguments.forCopy(source, destination);
        Elementwise.copy(CpuMatrix.host(source), CpuMatrix.host(destination));
    }

    @Override
    public void gemm(DeviceMatrix x, DeviceMatrix w, WeightLayout layout, DeviceMatrix y) {
        Arguments.forGemm(x, w, layout, y);
        product.run(CpuMatrix.host(x), CpuMatrix.weight(w), layout, CpuMatrix.host(y));
    }

    @Override
    public void reduce(List<DeviceMatrix> parts, long from, long to, Addends addends, List<DeviceMatrix> destinations) {
        Arguments.forReduce(parts, from, to, addends, destinations);
        Lanes lanes = parts.get(0).dtype() == DType.F64 ? doubles : floats;
        try {
            new Reduction(lanes, subtrees, parts, addends, destinations).run(from, to);
        } finally { // buffers do not keep the memory that they lie on
            Reference.reachabilityFence(parts);
            Reference.reachabilityFence(addends);
            Reference.reachabilityFence(destinations);
        }
    }

    @Override
    public void apply(Nonlinearity f, DeviceMatrix source, DeviceMatrix destination) {
        Arguments.forApply(f, source, destination);
        elementwise.apply(f, CpuMatrix.host(source), CpuMatrix.host(destination));
    }

    @Override
    public void applyGated(Nonlinearity f, DeviceMatrix gate, DeviceMatrix up, DeviceMatrix destination) {
        Arguments.forApplyGated(gate, up, destination);
        elementwise.applyGated(f, CpuMatrix.host(gate), CpuMatrix.host(up), CpuMatrix.host(destination));
    }

    @Override
    public void record(Event event) {
        CpuEvent.of(event).record();
    }

    @Override
    public void await(Event event) {
        CpuEvent.of(event).await();
    }

    @Override
    public void synchronize(Duration limit) {
        Objects.requireNonNull(limit, "limit");
    }

    /** {@code target = source}, which is in a file and of another dtype, a piece at a time. */
    private void convert(MatrixSource source, HostMatrix target) {
        long width = Math.min(source.columns(), CONVERTED_ELEMENTS);
        long height = width == 0 ? 0 : Math.min(source.rows(), CONVERTED_ELEMENTS / width);
        try (HostMatrix piece = HostMatrix.allocate(source.dtype(), height, width)) {
            for (long row = 0; row < source.rows() && width > 0; row += height) {
                long bottom = Math.min(row + height, source.rows());
                for (long column = 0; column < source.columns(); column += width) {
                    long right = Math.min(column + width, source.columns());
                    HostMatrix some = piece.rows(0, bottom - row).columns(0, right - column);
                    source.rows(row, bottom).columns(column, right).copyTo(some);
                    elementwise.convert(some, target.rows(row, bottom).columns(column, right));
                }
            }
        }
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            product.close();
            subtrees.close();
            cache.close(this);
        }
    }
}
