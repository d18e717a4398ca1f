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

/** A library of Python in a child process that multiplies what it is told. */
final class PythonPeer implements AutoCloseable {
    private static final String READY = "ready ";

    private final Path log;
    private final PeerProcess process;

    private PythonPeer(String interpreter, String library, String script, Map<String, String> environment)
            throws PeerException {
        try {
            log = Files.createTempFile("tp4j-peer", ".log");
            process = PeerProcess.start(library, List.of(interpreter, "-c", text(script)), environment, log);
        } catch (IOException e) {
            throw new PeerException(
                    "there is no program '" + interpreter + "' (" + e.getMessage() + "): name the Python that has "
                            + library,
                    e);
        }
    }

    /**
     * Starts NumPy.
     *
     * @param interpreter the Python command, e.g. {@code python3}
     * @param threads how many threads its BLAS gets
     * @throws PeerException if there is no such command
     */
    static PythonPeer numpy(String interpreter, int threads) throws PeerException {
        return new PythonPeer(
                interpreter, "NumPy", "numpy_peer.py", Map.of("OPENBLAS_NUM_THREADS", Integer.toString(threads)));
    }

    /**
     * Starts PyTorch, which uses the first CUDA device.
     *
     * @param interpreter the Python command, e.g. {@code python3}
     * @throws PeerException if there is no such command
     */
    static PythonPeer torch(String interpreter) throws PeerException {
        return new PythonPeer(interpreter, "PyTorch", "torch_peer.py", Map.of());
    }

    /** Makes operands of this shape; answers the library's version. */
    String prepare(GemmShape shape, DType dtype) throws PeerException {
        String answer = process.ask("prepare " + dtype + " " + shape.tokens() + " " + shape.in() + " " + shape.out());
        return answer.substring(READY.length());
    }

    /** Seconds of one product, over {@code repeats} products. */
    double seconds(int repeats) throws PeerException {
        return Double.parseDouble(process.ask("run " + repeats)) * 1e-9;
    }

    private static String text(String script) throws IOException {
        try (InputStream resource = Objects.requireNonNull(PythonPeer.class.getResourceAsStream(script), script)) {
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
