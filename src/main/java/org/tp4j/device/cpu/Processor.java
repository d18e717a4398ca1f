package org.tp4j.device.cpu;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.stream.Stream;

/** What the host's processor calls itself. */
final class Processor {
    private Processor() {}

    /** The model's name where the system tells it, else the architecture. */
    static String model() {
        String architecture = System.getProperty("os.arch");
        try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            return lines.filter(line -> line.startsWith("model name"))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElse(architecture);
        } catch (IOException e) { // not Linux
            return Objects.requireNonNullElse(System.getenv("PROCESSOR_IDENTIFIER"), architecture);
        }
    }
}
