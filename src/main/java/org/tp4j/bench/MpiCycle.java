package org.tp4j.bench;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.tp4j.device.ChildProcess;

/** The peer: MPI's own {@code MPI_Allreduce} over shared memory, in a C program that is compiled where it runs. */
final class MpiCycle implements AllReduceCycle {
    private static final String INSTALL =
            "install Open MPI with its compiler, on Debian `apt-get install libopenmpi-dev openmpi-bin`";

    private final Path folder;
    private final PeerProcess process;
    private final String version;

    private MpiCycle(Path folder, PeerProcess process) throws PeerException {
        this.folder = folder;
        this.process = process;
        this.version = process.read();
    }

    /**
     * Compiles and starts the peer.
     *
     * @param compiler the command that compiles C with MPI, {@code mpicc} as a rule
     * @param launcher the command that starts ranks, {@code mpirun} as a rule
     * @throws PeerException if one of them is missing or fails
     */
    static MpiCycle start(int ranks, String compiler, String launcher) throws PeerException {
        try {
            Path folder = Files.createTempDirectory("tp4j-mpi");
            try {
                Path program = compile(compiler, folder);
                return answering(
                        folder, PeerProcess.start(launcher, command(launcher, ranks, program), Map.of(), log(folder)));
            } catch (IOException e) {
                delete(folder);
                throw e;
            }
        } catch (PeerException e) {
            throw e;
        } catch (IOException e) {
            throw new PeerException("MPI is missing (" + e.getMessage() + "): " + INSTALL, e);
        }
    }

    private static MpiCycle answering(Path folder, PeerProcess process) throws PeerException {
        try {
            return new MpiCycle(folder, process);
        } catch (PeerException e) {
            process.close();
            throw e;
        }
    }

    /** The library and its version, as it calls itself. */
    String version() {
        return version;
    }

    @Override
    public double measure(long elements, long cycles) throws PeerException {
        return Double.parseDouble(process.ask(elements + " " + cycles));
    }

    @Override
    public void close() {
        process.close();
        delete(folder);
    }

    private static Path compile(String compiler, Path folder) throws IOException {
        Path source = folder.resolve("allreduce.c");
        try (InputStream text =
                Objects.requireNonNull(MpiCycle.class.getResourceAsStream("allreduce.c"), "allreduce.c")) {
            Files.copy(text, source);
        }
        Path program = folder.resolve("allreduce");
        Process process = ChildProcess.builder(List.of(compiler, "-O3", "-o", program.toString(), source.toString()))
                .redirectErrorStream(true)
                .redirectOutput(log(folder).toFile())
                .start();
        try {
            if (process.waitFor() != 0) {
                throw new PeerException(
                        compiler + " failed: " + Files.readString(log(folder)).strip());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new PeerException(compiler + " was interrupted", e);
        }
        return program;
    }

    /** Runs as root too, as in a container; ranks beyond the cores are asked for by name. */
    private static List<String> command(String launcher, int ranks, Path program) {
        List<String> command =
                new ArrayList<>(List.of(launcher, "--allow-run-as-root", "-np", Integer.toString(ranks)));
        if (ranks > Runtime.getRuntime().availableProcessors()) {
            command.add("--oversubscribe");
        }
        command.add(program.toString());
        return command;
    }

    private static Path log(Path folder) {
        return folder.resolve("log");
    }

    private static void delete(Path folder) {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the folder " + folder + " cannot be deleted", e);
        }
    }
}
