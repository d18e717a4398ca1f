package org.tp4j.tensor;

import java.io.IOException;
import java.nio.ByteOrder;
import java.util.List;

/** The elements of a file as a matrix: mapped where they already lie as a {@link HostMatrix} needs them, else copied. */
final class StoredMatrix {
    private StoredMatrix() {}

    /** Floating-point elements in C order, from {@code offset} on; bits unchanged. */
    static HostMatrix floats(InputFile file, long offset, DType dtype, ByteOrder order, List<Long> shape)
            throws IOException {
        checkRow(file, dtype, shape);
        long rows = Tensor.rows(shape);
        long columns = Tensor.columns(shape);
        if (order == ByteOrder.nativeOrder() && offset % dtype.bytes() == 0) {
            return HostMatrix.map(file.channel(), offset, dtype, rows, columns);
        }
        return copy(ElementBytes.map(file, offset, Tensor.elements(shape), dtype.bytes(), order), dtype, shape);
    }

    /** The elements of an {@code .npy} file that is not simply mapped: integers, or in Fortran order. */
    static HostMatrix converted(InputFile file, NpyHeader header) throws IOException {
        NpyType type = header.type();
        List<Long> shape = header.shape();
        checkRow(file, type.isFloat() ? type.dtype() : DType.F64, shape);
        long count = Tensor.elements(shape);
        ElementBytes stored = ElementBytes.map(file, header.dataOffset(), count, type.bytes(), type.order());
        if (!header.fortranOrder() || ColumnMajor.isRowMajorToo(shape)) {
            return numbers(file, type, stored, shape);
        }
        try (HostMemory memory = HostMemory.allocate(count * type.bytes())) {
            ElementBytes rowMajor = ElementBytes.on(memory, count, type.bytes(), type.order());
            ColumnMajor.toRowMajor(stored, shape, rowMajor);
            return numbers(file, type, rowMajor, shape);
        }
    }

    private static HostMatrix numbers(InputFile file, NpyType type, ElementBytes rowMajor, List<Long> shape)
            throws MatrixFileException {
        if (type.isFloat()) {
            return copy(rowMajor, type.dtype(), shape);
        }
        return new IntegerConversion(file.path(), type, rowMajor, shape).toMatrix();
    }

    /** An owned matrix of elements in C order, in native byte order. */
    private static HostMatrix copy(ElementBytes source, DType dtype, List<Long> shape) {
        HostMemory memory = HostMemory.allocate(source.count() * dtype.bytes());
        ElementBytes target = ElementBytes.on(memory, source.count(), dtype.bytes(), ByteOrder.nativeOrder());
        for (long first = 0; first < source.count(); first += ElementBytes.MAX_WINDOW) {
            int length = (int) Math.min(ElementBytes.MAX_WINDOW, source.count() - first);
            ElementBytes.copy(source.window(first, length), target.window(first, length), dtype.bytes());
        }
        return HostMatrix.on(memory, dtype, Tensor.rows(shape), Tensor.columns(shape));
    }

    private static void checkRow(InputFile file, DType dtype, List<Long> shape) throws MatrixFileException {
        long columns = Tensor.columns(shape);
        if (columns > HostMemory.MAX_WINDOW / dtype.bytes()) {
            throw new MatrixFileException(
                    file.path(),
                    "has rows of " + columns + " elements, more than the " + HostMemory.MAX_WINDOW / dtype.bytes()
                            + " that a " + dtype + " matrix can have: make them shorter");
        }
    }
}
