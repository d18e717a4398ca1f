package org.tp4j.cli;

import java.nio.file.Path;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.MatrixFile;
import org.tp4j.tensor.MatrixFileException;
import org.tp4j.tensor.Tensor;

/**
 * A matrix that the user named.
 *
 * @param name the option, as the user knows it: {@code x}, {@code W1}
 * @param source where it came from
 * @param tensor what was there
 */
record Input(String name, MatrixFile source, Tensor tensor) implements AutoCloseable {
    /** Opens what an option names. */
    static Input open(String name, String text) throws MatrixFileException {
        MatrixFile source = MatrixFile.parse(text);
        return new Input(name, source, source.read());
    }

    HostMatrix matrix() {
        return tensor.matrix();
    }

    DType dtype() {
        return matrix().dtype();
    }

    Path path() {
        return source.path();
    }

    /** The matrix, after a check that it is a weight of two dimensions. */
    Input twoDimensional() {
        if (tensor.shape().size() != 2) {
            throw new BadInputException(this + " must have two dimensions");
        }
        return this;
    }

    /** For messages: what, where, and of which shape. */
    @Override
    public String toString() {
        return name + " (" + source + ") is " + tensor.shapeText();
    }

    @Override
    public void close() {
        tensor.close();
    }
}
