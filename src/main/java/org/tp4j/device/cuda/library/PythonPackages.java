package org.tp4j.device.cuda.library;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * CUDA's libraries as pip installs them beside PyTorch and others, in {@code nvidia/cublas/lib} (CUDA 12) and {@code
 * nvidia/cu13/lib} (CUDA 13) of a Python's folders for packages, and as conda installs them.
 */
final class PythonPackages implements Place {
    private static final List<String> INSIDE = List.of("nvidia/cublas/lib", "nvidia/cu13/lib");

    private final Installation installation;

    /** Where a Python is installed; asked only when a search comes so far. */
    private interface Installation {
        Collection<Path> prefixes() throws IOException;
    }

    private PythonPackages(Installation installation) {
        this.installation = installation;
    }

    /** Those of active virtual environments, of the {@code python3} on the PATH, of the user and of the system. */
    static List<PythonPackages> all(Surroundings surroundings) {
        List<PythonPackages> all = new ArrayList<>();
        Stream.of("VIRTUAL_ENV", "CONDA_PREFIX")
                .flatMap(variable -> surroundings.folders(variable, ":").stream())
                .forEach(prefix -> all.add(new PythonPackages(() -> List.of(prefix))));
        all.add(new PythonPackages(() -> onThePath(surroundings)));
        Stream.of(surroundings.home().resolve(".local"), surroundings.folder("usr/local"), surroundings.folder("usr"))
                .forEach(prefix -> all.add(new PythonPackages(() -> List.of(prefix))));
        return all;
    }

    @Override
    public List<Path> candidates(String name) throws IOException {
        List<Path> candidates = new ArrayList<>();
        for (Path prefix : installation.prefixes()) {
            for (Path packages : packageFolders(prefix)) {
                INSIDE.forEach(inside -> candidates.add(packages.resolve(inside).resolve(name)));
            }
            candidates.add(prefix.resolve("lib").resolve(name)); // conda's
        }
        return candidates;
    }

    private static Set<Path> onThePath(Surroundings surroundings) throws IOException {
        Optional<Path> python = surroundings.folders("PATH", ":").stream()
                .map(folder -> folder.resolve("python3"))
                .filter(Files::isExecutable)
                .findFirst();
        return python.isPresent() ? Python.prefixes(python.get()) : Set.of();
    }

    private static List<Path> packageFolders(Path prefix) throws IOException {
        List<Path> folders = new ArrayList<>();
        for (String library : List.of("lib", "lib64")) {
            for (Path python : Place.matching(prefix.resolve(library), "python3*")) {
                folders.add(python.resolve("site-packages"));
                folders.add(python.resolve("dist-packages")); // Debian's
            }
        }
        return folders;
    }
}
