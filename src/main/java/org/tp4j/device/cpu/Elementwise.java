package org.tp4j.device.cpu;

import java.lang.ref.Reference;
import org.tp4j.device.Nonlinearity;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/** Copies, conversions and functions of one element at a time. All matrices of a call have one shape. */
final class Elementwise {
    /**
     * From how many bytes in a row the C library copies: its large copies do not read what they overwrite, which makes an
     * all-reduce of 16 MiB, with its filling and reading, a tenth faster. Below, the call costs more than it saves.
     */
    private static final long NATIVE_COPY_BYTES = 8192;

    private static final int FIRST = 0;
    private static final int SECOND = 1;

    private final Lanes floats;
    private final Lanes doubles;

    Elementwise(Lanes floats, Lanes doubles) {
        this.floats = floats;
        this.doubles = doubles;
    }

    /** {@code destination = +0}. */
    static void zero(HostMatrix destination) {
        forEachRun(
                Integer.MAX_VALUE,
                destination,
                destination,
                destination,
                (row, column, length) -> Address.fill(
                        destination.address(row, column),
                        0,
                        (long) length * destination.dtype().bytes()));
    }

    /** {@code destination = source}, of equal dtype: the same bits. */
    static void copy(HostMatrix source, HostMatrix destination) {
        forEachRun(
                Integer.MAX_VALUE,
                source,
                source,
                destination,
                (row, column, length) -> copyRun(source, row, column, destination, row, column, length));
    }

    /** Copies {@code length} elements, which have no gap in either matrix, from one place on to another. */
    static void copyRun(
            HostMatrix source, long row, long column, HostMatrix destination, long toRow, long toColumn, int length) {
        long bytes = (long) length * source.dtype().bytes();
        if (bytes >= NATIVE_COPY_BYTES) {
            copyNatively(source.address(row, column), destination.address(toRow, toColumn), bytes, source, destination);
            return;
        }
        int from = source.indexInSegment(row, column);
        int to = destination.indexInSegment(toRow, toColumn);
        switch (source.dtype()) {
            case F64 -> destination.doubles(toRow).put(to, source.doubles(row), from, length);
            case F32 -> destination.floats(toRow).put(to, source.floats(row), from, length);
            case F16, BF16 -> destination.halves(toRow).put(to, source.halves(row), from, length);
        }
    }

    private static void copyNatively(long from, long to, long bytes, HostMatrix source, HostMatrix destination) {
        try {
            Address.copy(from, to, bytes);
        } finally { // an address does not keep the memory that it lies in
            Reference.reachabilityFence(source);
            Reference.reachabilityFence(destination);
        }
    }

    /** {@code destination = source}, rounded once. */
    void convert(HostMatrix source, HostMatrix destination) {
        apply(Nonlinearity.NONE, source, destination);
    }

    /** {@code destination = source^T}, of equal dtype; the source is packed, its rows no longer than a slot. */
    void transpose(HostMatrix source, HostMatrix destination) {
        Lanes lanes = isNarrow(source) ? floats : doubles;
        int columns = (int) source.columns();
        int rowsAtOnce = Lanes.CAPACITY / columns;
        for (long row = 0; row < source.rows(); row += rowsAtOnce) {
            int rows = (int) Math.min(rowsAtOnce, source.rows() - row);
            lanes.load(FIRST, source, row, 0, rows * columns);
            for (int column = 0; column < columns; column++) {
                lanes.gather(SECOND, FIRST, column, columns, rows);
                lanes.store(SECOND, destination, column, row, rows);
            }
        }
    }

    /** {@code destination = f(source)}, rounded once. */
    void apply(Nonlinearity f, HostMatrix source, HostMatrix destination) {
        if (f == Nonlinearity.NONE && source.dtype() == destination.dtype()) {
            copy(source, destination);
            return;
        }
        Lanes lanes = isExactInF32(f) && isNarrow(source) && isNarrow(destination) ? floats : doubles;
        forEachRun(Lanes.LENGTH, source, source, destination, (row, column, length) -> {
            lanes.load(FIRST, source, row, column, length);
            lanes.apply(f, destination.dtype(), FIRST, length);
            lanes.store(FIRST, destination, row, column, length);
        });
    }

    /** {@code destination = f(gate) * up}, rounded once: the product is taken in f64. */
    void applyGated(Nonlinearity f, HostMatrix gate, HostMatrix up, HostMatrix destination) {
        forEachRun(Lanes.LENGTH, gate, up, destination, (row, column, length) -> {
            doubles.load(FIRST, gate, row, column, length);
            doubles.apply(f, destination.dtype(), FIRST, length);
            doubles.load(SECOND, up, row, column, length);
            doubles.multiply(FIRST, SECOND, length);
            doubles.store(FIRST, destination, row, column, length);
        });
    }

    private static boolean isExactInF32(Nonlinearity f) {
        return f == Nonlinearity.NONE || f == Nonlinearity.RELU;
    }

    private static boolean isNarrow(HostMatrix matrix) {
        return matrix.dtype() != DType.F64;
    }

    /** Elements that lie without a gap in every matrix of a call. */
    @FunctionalInterface
    private interface Run {
        void on(long row, long column, int length);
    }

    private static void forEachRun(int longest, HostMatrix a, HostMatrix b, HostMatrix c, Run run) {
        long columns = a.columns();
        long count = a.rows() * columns;
        try {
            for (long at = 0; at < count; ) {
                long row = at / columns;
                long column = at % columns;
                int length = (int) Math.min(longest, count - at);
                length = Runs.length(a, row, column, length);
                length = Runs.length(b, row, column, length);
                length = Runs.length(c, row, column, length);
                run.on(row, column, length);
                at += length;
            }
        } finally { // buffers and addresses do not keep the memory that they lead to
            Reference.reachabilityFence(a);
            Reference.reachabilityFence(b);
            Reference.reachabilityFence(c);
        }
    }
}
