package org.tp4j.device;

import java.util.List;
import java.util.Objects;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.MatrixSource;
import org.tp4j.tensor.WeightLayout;

/** The checks of a {@link Stream}'s arguments, the same on every backend; each throws IllegalArgumentException. */
public final class Arguments {
    private Arguments() {}

    /** For {@link Stream#upload}. */
    public static void forUpload(MatrixSource source, DeviceMatrix destination) {
        require(
                source.rows() == destination.rows() && source.columns() == destination.columns(),
                source,
                destination,
                "shapes must be equal");
    }

    /** For {@link Stream#download}. */
    public static void forDownload(DeviceMatrix source, HostMatrix destination) {
        require(
                source.rows() == destination.rows() && source.columns() == destination.columns(),
                source,
                destination,
                "shapes must be equal");
        require(source.dtype() == destination.dtype(), source, destination, "dtypes must be equal");
    }

    /** For {@link Stream#copy}. */
    public static void forCopy(DeviceMatrix source, DeviceMatrix destination) {
        requireSameShape(source, destination);
        require(source.dtype() == destination.dtype(), source, destination, "dtypes must be equal");
    }

    /** For {@link Stream#gemm}. */
    public static void forGemm(DeviceMatrix x, DeviceMatrix w, WeightLayout layout, DeviceMatrix y) {
        boolean outIn = layout == WeightLayout.OUT_IN;
        long in = outIn ? w.columns() : w.rows();
        long out = outIn ? w.rows() : w.columns();
        if (x.columns() != in) {
            throw new IllegalArgumentException("w is " + w.shape() + ", " + layout.label() + ", but x is " + x.shape()
                    + ": x must have " + in + " columns");
        }
        if (y.rows() != x.rows() || y.columns() != out) {
            throw new IllegalArgumentException("x is " + x.shape() + " and w is " + w.shape() + ", " + layout.label()
                    + ", but y is " + y.shape() + ": y must be (" + x.rows() + ", " + out + ")");
        }
        if (x.dtype() != w.dtype() || y.dtype() != x.dtype().accumulator()) {
            throw new IllegalArgumentException("x is " + x.dtype() + ", w is " + w.dtype() + " and y is " + y.dtype()
                    + ": x and w must have one dtype, and y its accumulator's, "
                    + x.dtype().accumulator());
        }
    }

    /** For {@link Stream#reduce}. */
    public static void forReduce(
            List<DeviceMatrix> parts, long from, long to, Addends addends, List<DeviceMatrix> destinations) {
        if (parts.isEmpty() || destinations.isEmpty()) {
            throw new IllegalArgumentException("a reduction of " + parts.size() + " parts into " + destinations.size()
                    + " destinations: there must be at least one of each");
        }
        DeviceMatrix first = destinations.get(0);
        Objects.checkFromToIndex(from, to, first.rows() * first.columns());
        for (int i = 0; i < destinations.size(); i++) {
            DeviceMatrix destination = destinations.get(i);
            requireSameShape(destination, first);
            require(destination.dtype() == first.dtype(), destination, first, "destinations must have one dtype");
            requirePacked(destination);
        }
        for (int i = 0; i < parts.size(); i++) {
            DeviceMatrix part = parts.get(i);
            requireSameShape(part, first);
            require(
                    part.dtype() == first.dtype().accumulator(),
                    part,
                    first,
                    "parts must have the destination's accumulator dtype");
            requirePacked(part);
        }
        if (!addends.isNone()) {
            addends.bias().ifPresent(bias -> checkBias(bias, first));
            addends.residual().ifPresent(residual -> requireSource(residual, first));
        }
    }

    /** For {@link Stream#apply}. */
    public static void forApply(Nonlinearity f, DeviceMatrix source, DeviceMatrix destination) {
        if (f == Nonlinearity.NONE) {
            requireSameShape(source, destination);
        } else {
            requireSource(source, destination);
        }
    }

    /** For {@link Stream#applyGated}. */
    public static void forApplyGated(DeviceMatrix gate, DeviceMatrix up, DeviceMatrix destination) {
        requireSource(gate, destination);
        requireSource(up, destination);
    }

    private static void checkBias(DeviceMatrix bias, DeviceMatrix destination) {
        require(
                bias.rows() == 1 && bias.columns() == destination.columns(),
                bias,
                destination,
                "the bias must be one row of as many columns");
        requireSourceDType(bias, destination);
    }

    private static void requireSource(DeviceMatrix source, DeviceMatrix destination) {
        requireSameShape(source, destination);
        requireSourceDType(source, destination);
    }

    private static void requireSourceDType(DeviceMatrix source, DeviceMatrix destination) {
        DType dtype = destination.dtype();
        require(
                source.dtype() == dtype || source.dtype() == dtype.accumulator(),
                source,
                destination,
                "the source must have the destination's dtype or its accumulator's");
    }

    private static void requireSameShape(DeviceMatrix source, DeviceMatrix destination) {
        require(
                source.rows() == destination.rows() && source.columns() == destination.columns(),
                source,
                destination,
                "shapes must be equal");
    }

    private static void requirePacked(DeviceMatrix matrix) {
        if (!matrix.isPacked()) {
            throw new IllegalArgumentException(matrix + " has rows " + matrix.rowStride()
                    + " elements apart: in a reduction its rows must follow each other without a gap");
        }
    }

    private static void require(boolean holds, Object source, Object destination, String rule) {
        if (!holds) {
            throw new IllegalArgumentException("from " + source + " to " + destination + ": " + rule);
        }
    }
}
