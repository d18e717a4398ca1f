package org.tp4j.tensor;

import java.io.IOException;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;

/** NumPy's {@code .npy} files, versions 1.0, 2.0 and 3.0. */
public final class NpyFile {
    private static final int BUFFER_BYTES = 1 << 20;

    private NpyFile() {}

    /**
     * The array in {@code file}, in memory. Floating point of 2, 4 or 8 bytes keeps its dtype and bits. Integers and bools
     * become f32 if that holds every one of them exactly, else f64.
     *
     * @throws MatrixFileException if it is not such a file, or holds an integer that f64 does not hold
     * @throws OutOfHostMemoryException if there is no memory for it
     */
    public static Tensor read(Path file) throws MatrixFileException {
        return MatrixFile.toMemory(open(file));
    }

    /**
     * The array in {@code file}, as {@link #read} gives it, but floating point in C order stays in the file until it is
     * copied out.
     *
     * @throws MatrixFileException if it is not such a file, or holds an integer that f64 does not hold
     * @throws OutOfHostMemoryException if there is no memory for what must be converted
     */
    public static TensorSource open(Path file) throws MatrixFileException {
        return InputFile.read(file, input -> {
            NpyHeader header = NpyHeader.read(input);
            NpyType type = header.type();
            MatrixSource matrix = header.isRowMajor() && type.isFloat()
                    ? StoredMatrix.floats(input, header.dataOffset(), type.dtype(), type.order(), header.shape())
                    : StoredMatrix.converted(input, header);
            return new TensorSource(header.shape(), matrix);
        });
    }

    /**
     * Writes version 1.0, little-endian, in C order: f64, f32 and f16 with the same bits, bf16 as {@code f4}, which holds
     * it exactly. The file appears whole under its name or not at all, and replaces what was there.
     *
     * @throws MatrixFileException if it cannot be written; nothing is left behind then
     */
    public static void write(Path file, Tensor tensor) throws MatrixFileException {
        try {
            WholeFile.write(file, channel -> write(channel, tensor));
        } finally {
            Reference.reachabilityFence(tensor); // its buffers do not keep it
        }
    }

    private static void write(WritableByteChannel channel, Tensor tensor) throws IOException {
        HostMatrix matrix = tensor.matrix();
        NpyType type = NpyType.of(matrix.dtype());
        ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        buffer.put(NpyHeader.format(type, tensor.shape()));
        long rows = matrix.columns() == 0 ? 0 : matrix.rows();
        for (long row = 0; row < rows; row++) {
            for (long column = 0; column < matrix.columns(); ) {
                if (buffer.remaining() < type.bytes()) {
                    drain(buffer, channel);
                }
                int length = (int) Math.min(buffer.remaining() / type.bytes(), matrix.columns() - column);
                append(matrix, row, column, length, buffer);
                column += length;
            }
        }
        drain(buffer, channel);
    }

    private static void append(HostMatrix matrix, long row, long column, int length, ByteBuffer buffer) {
        int bytes = matrix.dtype().bytes();
        if (matrix.dtype() == DType.BF16) {
            float[] values = new float[length];
            matrix.read(row, column, values, 0, length);
            FloatBuffer floats = buffer.asFloatBuffer();
            floats.put(values);
            bytes = Float.BYTES;
        } else {
            ElementBytes.copy(
                    matrix.bytes(row, column, length), buffer.duplicate().order(buffer.order()), bytes);
        }
        buffer.position(buffer.position() + length * bytes);
    }

    private static void drain(ByteBuffer buffer, WritableByteChannel channel) throws IOException {
        buffer.flip();
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
        buffer.clear();
    }
}
