package org.tp4j.placement;

import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Nonlinearity;
import org.tp4j.device.Stream;
import org.tp4j.tensor.DType;

/** The operations that every placement does on its own matrices; results are made in the innermost scope. */
final class Elementwise {
    private Elementwise() {}

    static DeviceMatrix apply(Nonlinearity f, DeviceMatrix source) {
        return apply(f, source, source.dtype());
    }

    static DeviceMatrix apply(Nonlinearity f, DeviceMatrix source, DType dtype) {
        DeviceMatrix result = like(source.checked(), dtype);
        result.scope().stream().apply(f, source, result);
        return result;
    }

    static DeviceMatrix gate(Nonlinearity f, DeviceMatrix gate, DeviceMatrix up) {
        checkSameShape("gate", gate.checked(), up.checked());
        DeviceMatrix result = like(gate);
        result.scope().stream().applyGated(f, gate, up, result);
        return result;
    }

    static DeviceMatrix like(DeviceMatrix matrix) {
        return like(matrix, matrix.dtype());
    }

    private static DeviceMatrix like(DeviceMatrix matrix, DType dtype) {
        return matrix.scope().stack().current().allocate(dtype, matrix.rows(), matrix.columns());
    }

    /** A packed copy of {@code source} with zero columns up to {@code width}. */
    static DeviceMatrix padded(DeviceMatrix source, long width) {
        DeviceMatrix result = source.scope().stack().current().allocate(source.dtype(), source.rows(), width);
        Stream stream = result.scope().stream();
        stream.copy(source, result.columns(0, source.columns()));
        stream.zero(result.columns(source.columns(), width));
        return result;
    }

    static void checkSame(String operation, Object left, Object right) {
        if (!left.equals(right)) {
            throw new IllegalArgumentException("a " + operation + " of an activation split as " + left
                    + " and one split as " + right + ": both must be split alike");
        }
    }

    static void checkSameShape(String operation, DeviceMatrix left, DeviceMatrix right) {
        if (left.rows() != right.rows() || left.columns() != right.columns() || left.dtype() != right.dtype()) {
            throw new IllegalArgumentException(
                    "a " + operation + " of " + left + " and " + right + ": shapes and dtypes must be equal");
        }
    }
}
