package org.tp4j.tensor;

import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;

/**
 * Checkpoints in the {@code .safetensors} format: one file, or several with a {@code model.safetensors.index.json}, told
 * apart by the name's end. The format is that of github.com/huggingface/safetensors.
 */
public final class SafetensorsFile {
    private static final Map<String, DType> DTYPES =
            Map.of("F64", DType.F64, "F32", DType.F32, "F16", DType.F16, "BF16", DType.BF16);

    private SafetensorsFile() {}

    /**
     * One tensor, in memory; bits unchanged.
     *
     * @throws MatrixFileException if there is no such file or tensor, if the file lies about itself, or if the tensor is
     *     not F64, F32, F16 or BF16
     * @throws OutOfHostMemoryException if there is no memory for it
     */
    public static Tensor read(Path file, String tensor) throws MatrixFileException {
        return MatrixFile.toMemory(open(file, tensor));
    }

    /**
     * One tensor, which stays in the file until it is copied out; bits unchanged.
     *
     * @throws MatrixFileException as {@link #read}
     */
    public static TensorSource open(Path file, String tensor) throws MatrixFileException {
        if (!isIndex(file)) {
            return openSingle(file, tensor);
        }
        SafetensorsIndex index = index(file);
        if (!index.files().containsKey(tensor)) {
            throw noSuchTensor(file, tensor, index.files().keySet());
        }
        return openSingle(index.resolve(index.files().get(tensor)), tensor);
    }

    /**
     * The names of the tensors, in the order of the header or the index.
     *
     * @throws MatrixFileException if there is no such file, or it lies about itself
     */
    public static List<String> names(Path file) throws MatrixFileException {
        if (isIndex(file)) {
            return List.copyOf(index(file).files().keySet());
        }
        try (InputFile input = InputFile.open(file)) {
            return List.copyOf(SafetensorsHeader.read(input).tensors().keySet());
        } catch (IOException e) {
            throw MatrixFileException.reading(file, e);
        }
    }

    private static boolean isIndex(Path file) {
        return file.toString().endsWith(".index.json");
    }

    private static SafetensorsIndex index(Path file) throws MatrixFileException {
        try (InputFile input = InputFile.open(file)) {
            return SafetensorsIndex.read(input);
        } catch (IOException e) {
            throw MatrixFileException.reading(file, e);
        }
    }

    private static TensorSource openSingle(Path file, String tensor) throws MatrixFileException {
        return InputFile.read(file, input -> {
            SafetensorsHeader header = SafetensorsHeader.read(input);
            SafetensorsHeader.Entry entry = header.tensors().get(tensor);
            if (entry == null) {
                throw noSuchTensor(file, tensor, header.tensors().keySet());
            }
            DType dtype = DTYPES.get(entry.dtype());
            if (dtype == null) {
                throw new MatrixFileException(
                        file,
                        "holds " + MatrixFileException.quote(tensor) + " as " + MatrixFileException.quote(entry.dtype())
                                + ": it must be F64, F32, F16 or BF16");
            }
            long offset = header.dataOffset() + entry.begin();
            return new TensorSource(
                    entry.shape(), StoredMatrix.floats(input, offset, dtype, ByteOrder.LITTLE_ENDIAN, entry.shape()));
        });
    }

    private static MatrixFileException noSuchTensor(Path file, String tensor, Collection<String> names) {
        String has = "has no tensor " + MatrixFileException.quote(tensor) + " among its " + names.size();
        return new MatrixFileException(
                file, names.isEmpty() ? has : has + ": the nearest names are " + NearestNames.to(tensor, names));
    }
}
