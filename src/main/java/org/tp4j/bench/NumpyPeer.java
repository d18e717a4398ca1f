package org.tp4j.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import org.tp4j.tensor.DType;

/** NumPy in a child process, with as many BLAS threads as there are ranks on the other side. */
final class NumpyPeer implements AutoCloseable {
    private static final String SCRIPT = "numpy_peer.py";

    private final Process process;
    private final PrintWriter commands;
    private final BufferedReader answers;

    /**
     * Starts the child.
     *
     * @param interpreter the Python command, e.g. {@code python3}
     * @throws IOException if there is no such command
     */
    NumpyPeer(String interpreter, int threads) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(interpreter, "-c", script());
        builder.environment().put("OPENBLAS_NUM_THREADS", Integer.toString(threads));
        builder.redirectError(ProcessBuilder.Redirect.INHERIT);
        this.process = builder.start();
        this.commands =
                new PrintWriter(new OutputStreamWriter(process.getOutputStream(), StandardCharsets.US_ASCII), true);
        this.answers = process.inputReader(StandardCharsets.US_ASCII);
    }

    /** Makes operands of this shape; answers NumPy's version. */
    String prepare(GemmShape shape, DType dtype) throws IOException {
        commands.println("prepare " + dtype + " " + shape.tokens() + " " + shape.in() + " " + shape.out());
        return answer().substring("ready ".length());
    }

    /** Seconds of one product, over {@code repeats} products. */
    double seconds(int repeats) throws IOException {
        commands.println("run " + repeats);
        return Double.parseDouble(answer()) * 1e-9;
    }

    private String answer() throws IOException {
        String line = answers.readLine();
        if (line == null) {
            throw new IOException("the NumPy process ended: NumPy must be installed for its Python");
        }
        return line;
    }

    private static String script() throws IOException {
        try (InputStream resource = NumpyPeer.class.getResourceAsStream(SCRIPT)) {
            if (resource == null) {
                throw new IOException("the resource " + SCRIPT + " is missing from this build of tp4j");
            }
            return new String(resource.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Override
    public void close() {
        commands.close();
        process.destroy();
    }
}
