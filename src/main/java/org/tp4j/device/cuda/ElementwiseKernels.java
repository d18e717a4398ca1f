package org.tp4j.device.cuda;

import java.util.List;
import jcuda.driver.CUstream;
import org.tp4j.device.Nonlinearity;
import org.tp4j.tensor.DType;

/** The launch rules of {@code cuda/kernels/elementwise.cu} and {@code convert.cu}. Belongs to one stream. */
final class ElementwiseKernels {
    private static final int ACCESS_BYTES = 16;
    private static final int CONVERTED_AT_ONCE = 4;

    private final Kernels kernels;
    private final Parameter apply = new Parameter((3 + 4 + 1) * 8);
    private final Parameter gate = new Parameter((3 + 3 + 4 + 1) * 8);
    private final Parameter conversion = new Parameter(6 * 8);

    ElementwiseKernels(Kernels kernels) {
        this.kernels = kernels;
    }

    /** Enqueues {@code target = f(source)}; unless f is NONE, the source has the target's dtype or its accumulator's. */
    void apply(CUstream stream, Nonlinearity f, Region source, Region target) {
        if (target.isEmpty()) {
            return;
        }
        if (f == Nonlinearity.NONE && source.dtype() != target.dtype()) {
            convert(stream, source, target);
            return;
        }
        boolean flat = source.isPacked() && target.isPacked();
        Region to = flat ? target.flat() : target;
        apply.begin();
        source(apply, flat ? source.flat() : source, to.dtype());
        target(apply, to);
        apply.int64(code(f));
        launch("apply_", to, stream, apply);
    }

    /** Enqueues {@code target = f(gate) * up}; the sources have the target's dtype or its accumulator's. */
    void applyGated(CUstream stream, Nonlinearity f, Region gates, Region up, Region target) {
        if (target.isEmpty()) {
            return;
        }
        boolean flat = List.of(gates, up, target).stream().allMatch(Region::isPacked);
        Region to = flat ? target.flat() : target;
        gate.begin();
        source(gate, flat ? gates.flat() : gates, to.dtype());
        source(gate, flat ? up.flat() : up, to.dtype());
        target(gate, to);
        gate.int64(code(f));
        launch("gate_", to, stream, gate);
    }

    /** Enqueues {@code target = source}, of any two dtypes that differ, each element rounded once. */
    void convert(CUstream stream, Region source, Region target) {
        if (target.isEmpty()) {
            return;
        }
        boolean flat = source.isPacked() && target.isPacked();
        Region from = flat ? source.flat() : source;
        Region to = flat ? target.flat() : target;
        conversion
                .begin()
                .pointer(from.pointer())
                .pointer(to.pointer())
                .int64(from.stride())
                .int64(to.stride())
                .int64(to.rows())
                .int64(to.columns());
        String kernel = "convert_" + from.dtype().label() + "_" + to.dtype().label();
        long groups = (to.columns() + CONVERTED_AT_ONCE - 1) / CONVERTED_AT_ONCE;
        kernels.launch("convert", kernel, stream, groups, to.rows(), conversion.end());
    }

    private void launch(String family, Region target, CUstream stream, Parameter parameter) {
        int elements = ACCESS_BYTES / target.dtype().bytes();
        long groups = (target.columns() + elements - 1) / elements;
        String kernel = family + target.dtype().label();
        kernels.launch("elementwise", kernel, stream, groups, target.rows(), parameter.end());
    }

    private static void source(Parameter parameter, Region source, DType target) {
        parameter.pointer(source.pointer()).int64(source.stride()).int64(source.dtype() == target ? 0 : 1);
    }

    private static void target(Parameter parameter, Region target) {
        parameter
                .pointer(target.pointer())
                .int64(target.stride())
                .int64(target.rows())
                .int64(target.columns());
    }

    /** As the enumeration in the kernels' file. */
    private static int code(Nonlinearity f) {
        return switch (f) {
            case NONE -> 0;
            case RELU -> 1;
            case GELU -> 2;
            case GELU_TANH -> 3;
            case SILU -> 4;
        };
    }
}
