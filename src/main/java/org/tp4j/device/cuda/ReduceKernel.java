package org.tp4j.device.cuda;

import java.util.List;
import java.util.Optional;
import jcuda.driver.CUstream;
import org.tp4j.tensor.DType;

/** The launch rule of {@code cuda/kernels/reduce.cu}. Belongs to one stream. */
final class ReduceKernel {
    /** The most parts, and the most destinations, that one launch takes. */
    static final int MOST_POINTERS = 8;

    private static final int ACCESS_BYTES = 16;

    private final Kernels kernels;
    private final Parameter parameter = new Parameter(2 * 8 * MOST_POINTERS + 6 * 8 + 4 * 4);

    ReduceKernel(Kernels kernels) {
        this.kernels = kernels;
    }

    /**
     * What is added to a sum.
     *
     * @param bias (1, columns)
     * @param residual (rows, columns)
     */
    record Addends(Optional<Region> bias, Optional<Region> residual) {
        static final Addends NONE = new Addends(Optional.empty(), Optional.empty());
    }

    /**
     * Enqueues the sum of the elements {@code [from, to)} of at most {@value #MOST_POINTERS} parts into at most as many
     * destinations.
     *
     * @param parts where element 0 of each lies, or would lie
     * @param destinations likewise; of {@code dtype}
     * @param columns of all matrices
     */
    void launch(
            CUstream stream,
            DType dtype,
            List<DevicePointer> parts,
            List<DevicePointer> destinations,
            long from,
            long to,
            long columns,
            Addends addends) {
        parameter.begin();
        pointers(parts);
        pointers(destinations);
        pointer(addends.bias());
        pointer(addends.residual());
        parameter
                .int64(from)
                .int64(to)
                .int64(columns)
                .int64(addends.residual().map(Region::stride).orElse(0L))
                .int32(parts.size())
                .int32(destinations.size())
                .flag(isWide(addends.bias(), dtype))
                .flag(isWide(addends.residual(), dtype));
        int elements = ACCESS_BYTES / dtype.accumulator().bytes();
        long groups = (to + elements - 1) / elements - from / elements;
        kernels.launch("reduce", "reduce_" + dtype.label(), stream, groups, 1, parameter.end());
    }

    private void pointers(List<DevicePointer> pointers) {
        for (int i = 0; i < MOST_POINTERS; i++) {
            if (i < pointers.size()) {
                parameter.pointer(pointers.get(i));
            } else {
                parameter.nullPointer();
            }
        }
    }

    private void pointer(Optional<Region> region) {
        if (region.isPresent()) {
            parameter.pointer(region.get().pointer());
        } else {
            parameter.nullPointer();
        }
    }

    private static boolean isWide(Optional<Region> addend, DType destination) {
        return addend.isPresent() && addend.get().dtype() != destination;
    }
}
