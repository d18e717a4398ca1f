package org.tp4j.cli;

import java.nio.file.Path;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.MatrixFile;
import org.tp4j.tensor.MatrixFileException;
import org.tp4j.tensor.MatrixSource;
import org.tp4j.tensor.TensorSource;

/**
 * A matrix that the user named.
 *
 * @param name the option, as the user knows it: {@code x}, {@code W1}
 * @param file where it came from
 * @param tensor what was there
 */
record Input(String name, MatrixFile file, TensorSource tensor) implements AutoCloseable {
    /** Opens a weight, of two dimensions: each rank reads its shard of it. */
    static Input weight(String name, String text) throws MatrixFileException {
        MatrixFile file = MatrixFile.parse(text);
        Input weight = new Input(name, file, file.source());
        if (weight.tensor.shape().size() != 2) {
            weight.close();
            throw new BadInputException(weight + " must have two dimensions");
        }
        return weight;
    }

    /** Reads what every rank needs all or some of, into memory that they share. */
    static Input shared(String name, String text) throws MatrixFileException {
        MatrixFile file = MatrixFile.parse(text);
        var tensor = file.read();
        return new Input(name, file, new TensorSource(tensor.shape(), tensor.matrix()));
    }

    MatrixSource matrix() {
        return tensor.matrix();
    }

    /** The matrix of a {@link #shared} input. */
    HostMatrix sharedMatrix() {
        return (HostMatrix) tensor.matrix();
    }

    DType dtype() {
        return matrix().dtype();
    }

    Path path() {
        return file.path();
    }

    /** For messages: what, where, and of which shape. */
    @Override
    public String toString() {
        return name + " (" + file + ") is " + tensor.shapeText();
    }

    @Override
    public void close() {
        tensor.close();
    }
}
