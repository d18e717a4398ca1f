package org.tp4j.tensor;

import java.io.UncheckedIOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Where a matrix comes from, as the command line names it: {@code FILE.npy}, {@code FILE.safetensors:TENSOR} or
 * {@code FILE.index.json:TENSOR}.
 *
 * @param path the file
 * @param tensor the tensor in it; empty for {@code .npy}
 */
public record MatrixFile(Path path, Optional<String> tensor) {
    private static final String NPY = ".npy";
    private static final List<String> CHECKPOINTS = List.of(".safetensors", ".index.json");
    private static final int SHOWN_NAMES = 3;

    /**
     * The place that {@code text} names; no file is opened.
     *
     * @throws MatrixFileException if it is of none of the three forms
     */
    public static MatrixFile parse(String text) throws MatrixFileException {
        try {
            for (String ending : CHECKPOINTS) {
                int colon = text.indexOf(ending + ":") + ending.length();
                if (colon >= ending.length()) {
                    return new MatrixFile(Path.of(text.substring(0, colon)), Optional.of(text.substring(colon + 1)));
                }
            }
            if (text.endsWith(NPY) || CHECKPOINTS.stream().anyMatch(text::endsWith)) {
                return new MatrixFile(Path.of(text), Optional.empty());
            }
        } catch (InvalidPathException e) {
            throw new MatrixFileException(MatrixFileException.quote(text) + " is not a path: check it", e);
        }
        throw new MatrixFileException(MatrixFileException.quote(text)
                + " is not a matrix file: it must be FILE.npy, FILE.safetensors:TENSOR or FILE.index.json:TENSOR");
    }

    /**
     * Parses and reads: the simple way to a matrix in memory.
     *
     * @throws MatrixFileException as {@link #parse} and {@link #read}
     */
    public static Tensor open(String text) throws MatrixFileException {
        return parse(text).read();
    }

    /**
     * The matrix, all of it in memory.
     *
     * @throws MatrixFileException if it cannot be read; if no tensor of a checkpoint is named, the message says which
     *     there are
     * @throws OutOfHostMemoryException if there is no memory for it
     */
    public Tensor read() throws MatrixFileException {
        return toMemory(source());
    }

    /**
     * The matrix, left in the file where it lies there row by row as floating point: for weights, of which each rank reads
     * its shard.
     *
     * @throws MatrixFileException as {@link #read}
     */
    public TensorSource source() throws MatrixFileException {
        if (tensor.isPresent()) {
            return SafetensorsFile.open(path, tensor.get());
        }
        if (path.toString().endsWith(NPY)) {
            return NpyFile.open(path);
        }
        List<String> names = SafetensorsFile.names(path);
        String first = names.stream()
                .limit(SHOWN_NAMES)
                .map(MatrixFileException::quote)
                .collect(Collectors.joining(", "));
        throw new MatrixFileException(
                path,
                "has " + names.size() + " tensors" + (names.isEmpty() ? "" : ", the first " + first) + ": name one as "
                        + path + ":TENSOR");
    }

    /** What a source holds, in memory; a failure to read it comes as the reader's own exception. */
    static Tensor toMemory(TensorSource source) throws MatrixFileException {
        try {
            return source.toMemory();
        } catch (UncheckedIOException e) {
            throw MatrixFileException.reading(Path.of(""), e.getCause());
        }
    }

    /** The text that {@link #parse} reads. */
    @Override
    public String toString() {
        return path + tensor.map(name -> ":" + name).orElse("");
    }
}
