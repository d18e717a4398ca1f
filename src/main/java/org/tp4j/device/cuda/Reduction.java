package org.tp4j.device.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.tp4j.device.Addends;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.tensor.DType;

/**
 * One sum over a range of elements, in as many launches as its parts need. What lies on a device that
 * kernels here do not reach is copied to scratch memory first, or from it afterwards; the bits are the same.
 */
final class Reduction {
    private static final int MOST = ReduceKernel.MOST_POINTERS;

    /** Elements to which scratch memory keeps the alignment that the range has in the matrices. */
    private static final int ALIGNED_ELEMENTS = 16;

    private final CudaStream stream;
    private final DType dtype;
    private final long from;
    private final long to;
    private final long columns;
    private final List<CudaBlock> scratch = new ArrayList<>();

    /** Over arguments that were checked, and a range that is not empty; the context is current. */
    Reduction(CudaStream stream, CudaMatrix first, long from, long to) {
        this.stream = stream;
        this.dtype = first.dtype();
        this.from = from;
        this.to = to;
        this.columns = first.columns();
    }

    /** Enqueues the sum. */
    void run(List<DeviceMatrix> parts, Addends addends, List<DeviceMatrix> destinations) {
        try {
            List<DevicePointer> sources = new ArrayList<>();
            for (DeviceMatrix part : parts) {
                sources.add(readable(CudaMatrix.of(part).region()));
            }
            ReduceKernel.Addends added = new ReduceKernel.Addends(local(addends.bias()), local(addends.residual()));
            write(shorten(sources), added, destinations);
        } finally {
            scratch.forEach(stream::giveBack);
        }
    }

    /** Sums until no more parts are left than one launch takes: neighbours, as many as are a subtree. */
    private List<DevicePointer> shorten(List<DevicePointer> parts) {
        List<DevicePointer> left = parts;
        while (left.size() > MOST) {
            left = withNeighborsSummed(left);
        }
        return left;
    }

    private List<DevicePointer> withNeighborsSummed(List<DevicePointer> parts) {
        List<DevicePointer> shorter = new ArrayList<>();
        for (int i = 0; i < parts.size(); i += MOST) {
            List<DevicePointer> some = parts.subList(i, Math.min(i + MOST, parts.size()));
            shorter.add(some.size() == 1 ? some.get(0) : sum(some));
        }
        return shorter;
    }

    private DevicePointer sum(List<DevicePointer> parts) {
        DevicePointer sum = scratch(dtype.accumulator());
        launch(dtype.accumulator(), parts, List.of(sum), ReduceKernel.Addends.NONE);
        return sum;
    }

    /**
     * Sums into as many destinations as one launch writes; the rest gets copies. A second launch would read what the first
     * one wrote, where a destination is also a part or the residual.
     */
    private void write(List<DevicePointer> parts, ReduceKernel.Addends addends, List<DeviceMatrix> destinations) {
        List<DevicePointer> direct = new ArrayList<>();
        List<Region> byCopy = new ArrayList<>();
        boolean all = destinations.size() <= MOST;
        for (DeviceMatrix destination : destinations) {
            Region region = CudaMatrix.of(destination).region();
            if (isInReach(region) && (all || direct.size() < MOST - 1)) {
                direct.add(region.pointer());
            } else {
                byCopy.add(region);
            }
        }
        Optional<DevicePointer> copied = byCopy.isEmpty() ? Optional.empty() : Optional.of(scratch(dtype));
        copied.ifPresent(direct::add);
        launch(dtype, parts, direct, addends);
        for (Region destination : byCopy) {
            stream.copy(range(copied.orElseThrow(), dtype), destination.range(from, to));
        }
    }

    private void launch(
            DType written, List<DevicePointer> parts, List<DevicePointer> destinations, ReduceKernel.Addends addends) {
        stream.reduceKernel().launch(stream.handle(), written, parts, destinations, from, to, columns, addends);
    }

    private DevicePointer readable(Region part) {
        if (isInReach(part)) {
            return part.pointer();
        }
        DevicePointer here = scratch(part.dtype());
        stream.copy(part.range(from, to), range(here, part.dtype()));
        return here;
    }

    private Optional<Region> local(Optional<DeviceMatrix> addend) {
        return addend.map(matrix -> CudaMatrix.of(matrix).region())
                .map(region -> isInReach(region) ? region : copied(region));
    }

    private Region copied(Region region) {
        CudaBlock block = stream.take(region.byteSize());
        scratch.add(block);
        Region copy = new Region(
                stream.device(), block.pointer(), region.dtype(), region.rows(), region.columns(), region.columns());
        stream.copy(region, copy);
        return copy;
    }

    private boolean isInReach(Region region) {
        return stream.device().peers().inPlace(stream.device(), region.device());
    }

    /** Where element 0 would lie, if more than the range lay in scratch memory. */
    private DevicePointer scratch(DType of) {
        CudaBlock block = stream.take((to - from + ALIGNED_ELEMENTS) * of.bytes());
        scratch.add(block);
        return block.pointer().plus((from % ALIGNED_ELEMENTS - from) * of.bytes());
    }

    private Region range(DevicePointer elementZero, DType of) {
        return Region.line(stream.device(), elementZero, of, to).range(from, to);
    }
}
