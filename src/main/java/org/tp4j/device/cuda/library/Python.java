package org.tp4j.device.cuda.library;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.tp4j.device.ChildProcess;

/** Where a Python is installed. */
final class Python {
    private static final String SCRIPT = "#!";
    private static final long LIMIT_SECONDS = 2;

    private Python() {}

    /**
     * The folders above the {@code bin} in which a {@code python3} and the file that it links to lie, the first of which
     * may be a virtual environment. A {@code python3} that is a script, as pyenv and asdf make them, only starts another
     * one: that is run and asked.
     *
     * @throws IOException if the file cannot be read, or does not answer
     */
    static Set<Path> prefixes(Path program) throws IOException {
        Set<Path> prefixes = new LinkedHashSet<>();
        if (isScript(program)) {
            prefixes.add(ask(program));
        } else {
            prefixes.add(prefix(program));
            prefixes.add(prefix(program.toRealPath()));
        }
        return prefixes;
    }

    private static Path prefix(Path python) {
        Path file = python.toAbsolutePath();
        return file.getRoot().resolve(file.subpath(0, Math.max(1, file.getNameCount() - 2)));
    }

    private static boolean isScript(Path python) throws IOException {
        try (InputStream in = Files.newInputStream(python)) {
            return new String(in.readNBytes(SCRIPT.length()), StandardCharsets.US_ASCII).equals(SCRIPT);
        }
    }

    private static Path ask(Path python) throws IOException {
        Process process = ChildProcess.builder(List.of(python.toString(), "-S", "-c", "import sys; print(sys.prefix)"))
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try {
            process.getOutputStream().close();
            if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
                throw new IOException(python + " does not say where it is installed");
            }
            return Path.of(new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while asking " + python + " where it is installed", e);
        } finally {
            process.destroyForcibly();
        }
    }
}
