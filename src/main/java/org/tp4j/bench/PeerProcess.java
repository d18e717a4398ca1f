package org.tp4j.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.tp4j.device.ChildProcess;

/**
 * A program beside this one that answers each line on its standard input with one line on its standard output. A line
 * that begins with {@code error} says what went wrong.
 */
final class PeerProcess implements AutoCloseable {
    private static final long SECONDS_TO_END = 5;

    private final String name;
    private final Path log;
    private final Process process;
    private final Writer questions;
    private final BufferedReader answers;

    private PeerProcess(String name, Path log, Process process) {
        this.name = name;
        this.log = log;
        this.process = process;
        this.questions = process.outputWriter(StandardCharsets.UTF_8);
        this.answers = process.inputReader(StandardCharsets.UTF_8);
    }

    /**
     * Starts a program.
     *
     * @param name what messages call it
     * @param command the program and its arguments
     * @param environment variables that it is given besides this program's
     * @param log a file for what it writes on its standard error
     * @throws IOException if there is no such program
     */
    static PeerProcess start(String name, List<String> command, Map<String, String> environment, Path log)
            throws IOException {
        ProcessBuilder builder = ChildProcess.builder(command).redirectError(log.toFile());
        builder.environment().putAll(environment);
        return new PeerProcess(name, log, builder.start());
    }

    /**
     * The next line that the program writes.
     *
     * @throws PeerException if it has ended or reports an error
     */
    String read() throws PeerException {
        String line = nextLine();
        if (line.startsWith("error")) {
            throw new PeerException(name + " failed: " + line);
        }
        return line;
    }

    private String nextLine() throws PeerException {
        try {
            String line = answers.readLine();
            return line == null ? "error: " + said() : line;
        } catch (IOException e) {
            throw new PeerException(name + " does not answer: " + said(), e);
        }
    }

    /**
     * What the program answers to a line.
     *
     * @throws PeerException if it has ended or reports an error
     */
    String ask(String question) throws PeerException {
        try {
            questions.write(question + "\n");
            questions.flush();
        } catch (IOException e) {
            return ended(e);
        }
        return read();
    }

    /** Says why the program does not listen: it has ended, and what it wrote before that tells more. */
    private String ended(IOException failure) throws PeerException {
        try {
            return read();
        } catch (PeerException e) {
            e.addSuppressed(failure);
            throw e;
        }
    }

    /** Closes the program's standard input, which ends it; what does not end is killed. */
    @Override
    public void close() {
        try {
            questions.close();
            if (process.waitFor(SECONDS_TO_END, TimeUnit.SECONDS)) {
                return;
            }
        } catch (IOException e) { // it ended before
            return;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        process.destroyForcibly();
    }

    /** What the program wrote on its standard error. */
    private String said() {
        try {
            String text = Files.readString(log).strip();
            return text.isEmpty() ? "it ended without a message" : text;
        } catch (IOException e) {
            return "its messages in " + log + " cannot be read";
        }
    }
}
