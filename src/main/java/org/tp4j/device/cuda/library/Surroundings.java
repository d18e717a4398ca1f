package org.tp4j.device.cuda.library;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * The part of a machine in which libraries are looked for.
 *
 * @param root {@code /}, but for tests
 * @param home the user's folder
 * @param environment the process's variables
 */
public record Surroundings(Path root, Path home, Map<String, String> environment) {
    public Surroundings {
        environment = Map.copyOf(environment);
    }

    /** Those of this process. */
    public static Surroundings ofThisProcess() {
        return new Surroundings(Path.of("/"), Path.of(System.getProperty("user.home")), System.getenv());
    }

    /** The folders that a variable names, in its order. */
    List<Path> folders(String variable, String separators) {
        return Pattern.compile("[" + separators + "]")
                .splitAsStream(environment.getOrDefault(variable, ""))
                .filter(folder -> !folder.isEmpty())
                .map(Path::of)
                .toList();
    }

    /** A folder of the machine's, by its path from the root. */
    Path folder(String path) {
        return root.resolve(path);
    }
}
