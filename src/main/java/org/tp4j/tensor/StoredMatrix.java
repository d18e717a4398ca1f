package org.tp4j.tensor;

import java.io.IOException;
import java.nio.ByteOrder;
import java.util.List;

/** The elements of a file as a matrix: left in the file where they lie row by row as floating point, else converted. */
final class StoredMatrix {
    private StoredMatrix() {}

    /** Floating-point elements in C order, from {@code offset} on, that stay in the file; it is closed with the matrix. */
    static FileMatrix floats(InputFile file, long offset, DType dtype, ByteOrder order, List<Long> shape)
            throws MatrixFileException {
        checkRow(file, dtype, shape);
        return new FileMatrix(file, offset, dtype, order, Tensor.rows(shape), Tensor.columns(shape));
    }

    /** The elements of an {@code .npy} file that are integers, or in Fortran order, in memory. */
    static HostMatrix converted(InputFile file, NpyHeader header) throws IOException {
        NpyType type = header.type();
        List<Long> shape = header.shape();
        checkRow(file, type.isFloat() ? type.dtype() : DType.F64, shape);
        HostMemory memory = HostMemory.allocate(Tensor.elements(shape) * type.bytes());
        try {
            ByteOrder order = fill(file, header, memory);
            if (type.isFloat()) {
                return HostMatrix.on(memory, type.dtype(), Tensor.rows(shape), Tensor.columns(shape));
            }
            ElementBytes integers = new ElementBytes(memory, Tensor.elements(shape), type.bytes(), order);
            HostMatrix numbers = new IntegerConversion(file.path(), type, integers, shape).toMatrix();
            memory.close();
            return numbers;
        } catch (IOException | RuntimeException | Error e) {
            memory.close();
            throw e;
        }
    }

    /** Reads the elements in C order, and says in which byte order. */
    private static ByteOrder fill(InputFile file, NpyHeader header, HostMemory memory) throws IOException {
        if (header.isRowMajor()) {
            for (long done = 0; done < memory.bytes(); done += HostMemory.MAX_WINDOW) {
                long length = Math.min(HostMemory.MAX_WINDOW, memory.bytes() - done);
                file.read(header.dataOffset() + done, memory.window(done, length));
            }
            return header.type().order();
        }
        new ColumnMajor(file, header, memory).readRowMajor();
        return ByteOrder.nativeOrder();
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
