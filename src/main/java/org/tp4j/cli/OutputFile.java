package org.tp4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.tp4j.tensor.MatrixFileException;
import org.tp4j.tensor.NpyFile;
import org.tp4j.tensor.Tensor;

/**
 * Where a result goes; what is wrong with the place is said before anything is computed.
 *
 * @param path the file
 */
record OutputFile(Path path) {
    /** Checks that a result can be written here without harm to an input. */
    void check(List<Input> inputs) {
        if (!path.toString().endsWith(".npy")) {
            throw new BadInputException("--out is " + path + ": its name must end in .npy");
        }
        if (Files.isDirectory(path)) {
            throw new BadInputException("--out is " + path + ", which is a folder: name a file in it");
        }
        Path folder = path.toAbsolutePath().getParent();
        if (folder == null || !Files.isDirectory(folder)) {
            throw new BadInputException(
                    "--out is " + path + ", but there is no folder " + folder + ": create it first");
        }
        if (!Files.isWritable(folder) || (Files.exists(path) && !Files.isWritable(path))) {
            throw new BadInputException(
                    "--out is " + path + ", but writing there is not permitted: choose another place");
        }
        for (Input input : inputs) {
            if (isSame(input.path())) {
                throw new BadInputException(
                        "--out is " + path + ", which is also the file of " + input.name() + ": choose another name");
            }
        }
    }

    void write(Tensor result) throws MatrixFileException {
        NpyFile.write(path, result);
    }

    private boolean isSame(Path input) {
        try {
            return Files.exists(path) && Files.isSameFile(path, input);
        } catch (IOException e) {
            throw new BadInputException("--out is " + path + ", which cannot be looked at: " + e.getMessage(), e);
        }
    }
}
