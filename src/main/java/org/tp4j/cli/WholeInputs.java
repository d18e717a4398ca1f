package org.tp4j.cli;

import java.util.ArrayList;
import java.util.List;
import org.tp4j.tensor.FileMatrix;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.MatrixSource;

/**
 * The matrices of some inputs, all in memory: the reference walks through a weight in small tiles, once for each block of
 * tokens, which would cost a file many short reads. The ranks' shards are released by then.
 */
final class WholeInputs implements AutoCloseable {
    private final List<HostMatrix> matrices = new ArrayList<>();
    private final List<HostMatrix> read = new ArrayList<>();

    WholeInputs(List<Input> inputs) {
        try {
            for (Input input : inputs) {
                matrices.add(inMemory(input.matrix()));
            }
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    /** In the order of the inputs. */
    List<HostMatrix> matrices() {
        return matrices;
    }

    /** Frees what was read for this. */
    @Override
    public void close() {
        read.forEach(HostMatrix::close);
    }

    private HostMatrix inMemory(MatrixSource source) {
        if (source instanceof HostMatrix host) {
            return host;
        }
        HostMatrix whole = ((FileMatrix) source).read();
        read.add(whole);
        return whole;
    }
}
