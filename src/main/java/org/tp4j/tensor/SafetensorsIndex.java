package org.tp4j.tensor;

import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** A {@code model.safetensors.index.json}: which file beside it holds which tensor of a checkpoint. */
final class SafetensorsIndex {
    private static final long LONGEST = 100_000_000;
    private static final int MOST_NAMES = 1 << 20;

    private final Path file;
    private final Map<String, String> files;

    private SafetensorsIndex(Path file, Map<String, String> files) {
        this.file = file;
        this.files = files;
    }

    /** @throws MatrixFileException if it is not an index */
    static SafetensorsIndex read(InputFile file) throws IOException {
        if (file.size() > LONGEST) {
            throw new MatrixFileException(
                    file.path(), "has " + file.size() + " bytes: an index must have at most " + LONGEST);
        }
        try (StrictJson json = new StrictJson(file.path(), "text", file.stream(0, file.size()))) {
            Optional<Map<String, String>> files = Optional.empty();
            json.beginObject("the index");
            while (json.nextName()) {
                if (!json.name().equals("weight_map")) {
                    json.skip();
                } else if (files.isPresent()) {
                    throw json.refuse("has 'weight_map' twice");
                } else {
                    files = Optional.of(weightMap(json));
                }
            }
            json.end();
            return new SafetensorsIndex(
                    file.path(),
                    files.orElseThrow(() -> new MatrixFileException(
                            file.path(), "has no 'weight_map': an index must say which file holds which tensor")));
        }
    }

    /** The file of each tensor, as the index writes it. */
    Map<String, String> files() {
        return files;
    }

    /** The path of the file that the index calls {@code name}; it lies in the index's folder or below. */
    Path resolve(String name) throws MatrixFileException {
        Path folder = file.toAbsolutePath().normalize().getParent();
        Optional<Path> inside = inside(folder, name);
        if (inside.isEmpty()) {
            throw new MatrixFileException(
                    file,
                    "names the file " + MatrixFileException.quote(name) + ": it must be one in the index's own folder");
        }
        return inside.get();
    }

    private static Optional<Path> inside(Path folder, String name) {
        try {
            Path path = folder.resolve(name).normalize();
            boolean relative = !Path.of(name).isAbsolute();
            return relative && path.startsWith(folder) && !path.equals(folder) ? Optional.of(path) : Optional.empty();
        } catch (InvalidPathException e) {
            return Optional.empty();
        }
    }

    private static Map<String, String> weightMap(StrictJson json) throws IOException {
        Map<String, String> files = new LinkedHashMap<>();
        Map<String, String> names = new LinkedHashMap<>(); // one string for each file, not for each tensor
        json.beginObject("'weight_map'");
        while (json.nextName()) {
            String tensor = json.name();
            String name = json.string("the file of " + MatrixFileException.quote(tensor));
            if (files.put(tensor, names.computeIfAbsent(name, same -> same)) != null) {
                throw json.refuse("has " + MatrixFileException.quote(tensor) + " twice");
            }
            if (files.size() > MOST_NAMES) {
                throw json.refuse("has more than " + MOST_NAMES + " names");
            }
        }
        return files;
    }
}
