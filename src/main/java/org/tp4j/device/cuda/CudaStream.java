package org.tp4j.device.cuda;

import static jcuda.driver.CUstream_flags.CU_STREAM_NON_BLOCKING;
import static jcuda.driver.JCudaDriver.cuMemsetD2D8Async;
import static jcuda.driver.JCudaDriver.cuMemsetD8Async;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamDestroy;
import static jcuda.driver.JCudaDriver.cuStreamQuery;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import jcuda.driver.CUstream;
import org.tp4j.device.Addends;
import org.tp4j.device.Arguments;
import org.tp4j.device.BlockCache;
import org.tp4j.device.DeviceException;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Event;
import org.tp4j.device.Nonlinearity;
import org.tp4j.device.Scope;
import org.tp4j.device.Stream;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.MatrixSource;
import org.tp4j.tensor.WeightLayout;

/**
 * Enqueues on a CUDA stream of its own. Its products have a cuBLAS handle and a workspace of their own; its memory comes
 * from a cache that hands a block out again in the order of the stream.
 */
final class CudaStream implements Stream {
    private static final System.Logger LOG = System.getLogger(CudaStream.class.getName());

    /** How long a closing stream waits for what was enqueued. */
    private static final Duration CLOSING_LIMIT = Duration.ofSeconds(60);

    private final CudaDevice device;
    private final CudaContext context;
    private final BlockCache<CudaBlock> cache;
    private final CUstream stream;
    private final Products products;
    private final HostTransfers transfers;
    private final ElementwiseKernels elementwise;
    private final ReduceKernel reduceKernel;
    private Optional<Relay> relay = Optional.empty();
    private State state = State.OPEN;

    /** What was given last, for messages: what fails on a device is noticed later. */
    private Supplier<String> last = () -> "nothing";

    private enum State {
        OPEN,
        CLOSED,
        /** Closed before all had run: the device may still be at work on the memory. */
        ABANDONED
    }

    CudaStream(CudaDevice device, BlockCache<CudaBlock> cache) {
        this.device = device;
        this.context = device.context();
        this.cache = cache;
        context.enter();
        this.stream = context.made(
                new CUstream(), made -> cuStreamCreate(made, CU_STREAM_NON_BLOCKING), () -> "creating a stream");
        this.products = new Products(this);
        this.transfers = new HostTransfers(context, stream);
        this.elementwise = new ElementwiseKernels(device.kernels());
        this.reduceKernel = new ReduceKernel(device.kernels());
    }

    @Override
    public CudaDevice device() {
        return device;
    }

    CUstream handle() {
        return stream;
    }

    ReduceKernel reduceKernel() {
        return reduceKernel;
    }

    @Override
    public DeviceMatrix allocate(Scope scope, DType dtype, long rows, long columns) {
        if (state != State.OPEN) {
            throw new IllegalStateException(
                    "a " + dtype + " matrix (" + rows + ", " + columns + ") was asked of a stream that was closed");
        }
        context.enter();
        long bytes = HostMatrix.byteSize(dtype, rows, columns);
        CudaBlock block = take(bytes);
        cache.count(block, bytes);
        return new CudaMatrix(scope, device, block, dtype, rows, columns);
    }

    @Override
    public DeviceMatrix borrow(Scope scope, HostMatrix source) {
        return borrowWeight(scope, source, source.dtype());
    }

    @Override
    public DeviceMatrix borrowWeight(Scope scope, MatrixSource source, DType dtype) {
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
        CudaMatrix.of(matrix);
        cache.giveBack((CudaBlock) matrix.block());
        if (state == State.CLOSED) {
            cache.close(this);
        } else if (state == State.ABANDONED) {
            cache.abandon();
        }
    }

    @Override
    public void upload(MatrixSource source, DeviceMatrix destination) {
        Arguments.forUpload(source, destination);
        Region target = CudaMatrix.of(destination).region();
        last = () -> "the upload of " + destination;
        context.enter();
        if (source.dtype() == target.dtype()) {
            transfers.upload(source, (tile, elements) -> Copies.fromHost(stream, elements.pointer(), tile.of(target)));
        } else {
            transfers.upload(source, (tile, elements) -> convert(source.dtype(), elements, tile, target));
        }
    }

    @Override
    public void download(DeviceMatrix source, HostMatrix destination, Duration limit) {
        Objects.requireNonNull(limit, "limit");
        Arguments.forDownload(source, destination);
        last = () -> "the download of " + source;
        context.enter();
        transfers.download(CudaMatrix.of(source).region(), destination, limit);
    }

    @Override
    public void zero(DeviceMatrix destination) {
        last = () -> "zeroing " + destination;
        context.enter();
        zero(CudaMatrix.of(destination).region());
    }

    @Override
    public void copy(DeviceMatrix source, DeviceMatrix destination) {
        Arguments.forCopy(source, destination);
        last = () -> "a copy of " + source;
        context.enter();
        copy(CudaMatrix.of(source).region(), CudaMatrix.of(destination).region());
    }

    @Override
    public void gemm(DeviceMatrix x, DeviceMatrix w, WeightLayout layout, DeviceMatrix y) {
        Arguments.forGemm(x, w, layout, y);
        last = () -> "the product of x " + x + " and w " + w + ", " + layout.label();
        context.enter();
        Region result = CudaMatrix.of(y).region();
        if (result.isEmpty()) {
            return;
        }
        if (x.columns() == 0) {
            zero(result);
            return;
        }
        products.multiply(CudaMatrix.of(x).region(), CudaMatrix.of(w).region(), layout, result);
    }

    @Override
    public void reduce(List<DeviceMatrix> parts, long from, long to, Addends addends, List<DeviceMatrix> destinations) {
        Arguments.forReduce(parts, from, to, addends, destinations);
        DeviceMatrix first = parts.get(0); // callers use the list again
        int count = parts.size();
        last = () -> "the sum of elements " + from + " to " + to + " of " + count + " parts " + first;
        context.enter();
        if (from < to) {
            new Reduction(this, CudaMatrix.of(destinations.get(0)), from, to).run(parts, addends, destinations);
        }
    }

    @Override
    public void apply(Nonlinearity f, DeviceMatrix source, DeviceMatrix destination) {
        Arguments.forApply(f, source, destination);
        last = () -> f.label() + " of " + source;
        context.enter();
        elementwise.apply(
                stream,
                f,
                CudaMatrix.of(source).region(),
                CudaMatrix.of(destination).region());
    }

    @Override
    public void applyGated(Nonlinearity f, DeviceMatrix gate, DeviceMatrix up, DeviceMatrix destination) {
        Arguments.forApplyGated(gate, up, destination);
        last = () -> f.label() + " of " + gate + ", times " + up;
        context.enter();
        elementwise.applyGated(
                stream,
                f,
                CudaMatrix.of(gate).region(),
                CudaMatrix.of(up).region(),
                CudaMatrix.of(destination).region());
    }

    @Override
    public void record(Event event) {
        CudaEvent own = CudaEvent.of(event);
        context.enter();
        own.record(stream, last);
    }

    @Override
    public void await(Event event) {
        CudaEvent awaited = CudaEvent.of(event);
        if (state != State.OPEN) {
            awaited.awaitOnHost(CLOSING_LIMIT, () -> "the readers of a closed stream's memory");
            return;
        }
        context.enter();
        awaited.await(context, stream, last);
    }

    @Override
    public void synchronize(Duration limit) {
        Objects.requireNonNull(limit, "limit");
        if (state == State.OPEN) {
            new HostWait(context, limit, () -> "all that a stream was given, " + last.get() + " being the last")
                    .until(() -> cuStreamQuery(stream));
        }
    }

    @Override
    public void close() {
        if (state != State.OPEN) {
            return;
        }
        try {
            products.releaseWorkspace();
            cache.close(this);
            synchronize(CLOSING_LIMIT); // if there was no memory to free, nobody has waited yet
        } catch (DeviceException e) {
            // The device is dead or does not end: what the stream held stays as it is.
            LOG.log(System.Logger.Level.DEBUG, "a stream could not be closed", e);
            state = State.ABANDONED;
            cache.abandon();
            return;
        }
        state = State.CLOSED;
        relay.ifPresent(Relay::close);
        transfers.close();
        products.close();
        if (context.enterToRelease()) {
            cuStreamDestroy(stream);
        }
    }

    /** A block for a while, to be given back on this stream; the context is current. */
    CudaBlock take(long bytes) {
        return cache.take(this, bytes);
    }

    /** Frees what is kept to be taken again; the context is current, and is afterwards. */
    void freeUnused() {
        cache.freeUnused(this);
        context.enter();
    }

    void giveBack(CudaBlock block) {
        cache.giveBack(block);
    }

    /** Enqueues a copy of equal bits within or between devices; the context is current, and is afterwards. */
    void copy(Region source, Region target) {
        if (source.isEmpty()) {
            return;
        }
        if (source.device() == device && target.device() == device) {
            Copies.onDevice(stream, source, target);
        } else if (source.device() == target.device() || device.peers().copies(source.device(), target.device())) {
            Copies.betweenDevices(context, stream, source, target);
        } else {
            if (relay.isEmpty()) {
                relay = Optional.of(new Relay(device, stream));
            }
            relay.get().copy(source, target);
        }
    }

    private void zero(Region target) {
        if (target.isEmpty()) {
            return;
        }
        int result = target.isPacked()
                ? cuMemsetD8Async(target.pointer(), (byte) 0, target.byteSize(), stream)
                : cuMemsetD2D8Async(
                        target.pointer(), target.strideBytes(), (byte) 0, target.rowBytes(), target.rows(), stream);
        context.check(result, () -> "zeroing " + target);
    }

    private void convert(DType from, PinnedMemory elements, Tile tile, Region target) {
        CudaBlock block = take(tile.bytes(from));
        try {
            Region raw = new Region(device, block.pointer(), from, tile.rows(), tile.columns(), tile.columns());
            Copies.fromHost(stream, elements.pointer(), raw);
            elementwise.convert(stream, raw, tile.of(target));
        } finally {
            giveBack(block);
        }
    }
}
