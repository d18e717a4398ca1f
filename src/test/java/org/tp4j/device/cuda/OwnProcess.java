package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Runs a program on the emulated driver of this process's in a process of its own. */
final class OwnProcess {
    private OwnProcess() {}

    /**
     * Runs a class with a {@code main} and gives back what it printed.
     *
     * @param environment what its environment has besides this process's
     * @throws AssertionError if it did not end with success, or said something on standard error
     */
    static String run(Map<String, String> environment, Class<?> program, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-Dtp4j.cuda.driver=" + System.getProperty("tp4j.cuda.driver"),
                "-Dtp4j.cublas=" + System.getProperty("tp4j.cublas"),
                "-cp",
                System.getProperty("java.class.path"),
                program.getName()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(environment);
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), output);
        return output;
    }
}
