package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A main class to run in a process of its own, because a process looks for CUDA once and dies with its library. */
public final class JavaProcess {
    private final Class<?> main;
    private final List<String> before = new ArrayList<>();
    private final List<String> options = new ArrayList<>(List.of("--enable-native-access=ALL-UNNAMED"));
    private final List<Path> classPath = new ArrayList<>();
    private final List<String> arguments = new ArrayList<>();
    private final Map<String, String> environment = new HashMap<>();

    public JavaProcess(Class<?> main) {
        this.main = main;
    }

    /** On the emulator's driver, and unless a test says otherwise without any cuBLAS. */
    public JavaProcess onTheEmulatedDriver() {
        return property("tp4j.cuda.driver", System.getProperty("tp4j.cuda.driver"));
    }

    /** On the emulator's cuBLAS too. */
    public JavaProcess emulated() {
        return onTheEmulatedDriver().property("tp4j.cublas", System.getProperty("tp4j.cublas"));
    }

    public JavaProcess property(String name, Object value) {
        options.add("-D" + name + "=" + value);
        return this;
    }

    /** With so large a heap, as {@code -Xmx} takes it. */
    public JavaProcess heap(String size) {
        options.add("-Xmx" + size);
        return this;
    }

    public JavaProcess variable(String name, Object value) {
        environment.put(name, value.toString());
        return this;
    }

    public JavaProcess arguments(String... words) {
        arguments.addAll(List.of(words));
        return this;
    }

    /** Before all others. */
    public JavaProcess onTheClassPath(Path jarOrFolder) {
        classPath.add(jarOrFolder);
        return this;
    }

    /** A command that runs the rest of its arguments. */
    public JavaProcess under(String... command) {
        before.addAll(List.of(command));
        return this;
    }

    public Process start() throws IOException {
        List<String> command = new ArrayList<>(before);
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(options);
        command.addAll(List.of(
                "-cp",
                Stream.concat(classPath.stream().map(Path::toString), Stream.of(System.getProperty("java.class.path")))
                        .collect(Collectors.joining(File.pathSeparator)),
                main.getName()));
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(environment);
        return builder.start();
    }

    /** How a process ended, and what it printed. */
    public record Result(int exitCode, String output) {}

    /** How it ends, well or not. */
    public Result result() throws IOException, InterruptedException {
        Process process = start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Result(process.waitFor(), output);
    }

    /** What it prints; it must succeed. */
    public String output() throws IOException, InterruptedException {
        return output(start());
    }

    /** What a process prints, which must succeed. */
    public static String output(Process process) throws IOException, InterruptedException {
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), text);
        return text.strip();
    }
}
