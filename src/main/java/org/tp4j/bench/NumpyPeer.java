package org.tp4j.bench;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.tp4j.tensor.DType;

/** NumPy in a child process, with as many BLAS threads as there are ranks on the other side. */
final class NumpyPeer implements AutoCloseable {
    private static final String SCRIPT = "numpy_peer.py";
    private static final String READY = "ready ";

    private final Path log;
    private final PeerProcess process;

    /**
     * Starts the child.
     *
     * @param interpreter the Python command, e.g. {@code python3}
     * @throws PeerException if there is no such command
     */
    NumpyPeer(String interpreter, int threads) throws PeerException {
        try {
            log = Files.createTempFile("tp4j-numpy", ".log");
            process = PeerProcess.start(
                    "NumPy",
                    List.of(interpreter, "-c", script()),
                    Map.of("OPENBLAS_NUM_THREADS", Integer.toString(threads)),
                    log);
        } catch (IOException e) {
            throw new PeerException(
                    "there is no program '" + interpreter + "' (" + e.getMessage()
                            + "): name the Python that has NumPy",
                    e);
        }
    }

    /** Makes operands of this shape; answers NumPy's version. */
    String prepare(GemmShape shape, DType dtype) throws PeerException {
        String answer = process.ask("prepare " + dtype + " " + shape.tokens() + " " + shape.in() + " " + shape.out());
        return answer.substring(READY.length());
    }

    /** Seconds of one product, over {@code repeats} products. */
    double seconds(int repeats) throws PeerException {
        return Double.parseDouble(process.ask("run " + repeats)) * 1e-9;
    }

    private static String script() throws IOException {
        try (InputStream resource = Objects.requireNonNull(NumpyPeer.class.getResourceAsStream(SCRIPT), SCRIPT)) {
            return new String(resource.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Override
    public void close() throws PeerException {
        process.close();
        try {
            Files.deleteIfExists(log);
        } catch (IOException e) {
            throw new PeerException("the file " + log + " cannot be deleted", e);
        }
    }
}
