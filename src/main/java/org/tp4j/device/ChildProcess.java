package org.tp4j.device;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The one place where this process starts others. They do not see what a launcher of MPI programs tells this process: a
 * child that took itself for a member of the job would wait for the job, or end it.
 */
public final class ChildProcess {
    private static final Pattern LAUNCHER = Pattern.compile("(OMPI|PMI|PMIX)_.*");

    /** Options from the environment would start this process's agents and debuggers a second time. */
    private static final Set<String> JAVA_OPTIONS = Set.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS");

    /** What a child needs besides our own settings to find the same files. */
    private static final Set<String> PLACES = Set.of("user.home", "java.io.tmpdir", "java.library.path");

    private static final long POLL_MILLIS = 10;

    private ChildProcess() {}

    /**
     * What became of a process.
     *
     * @param end how it ended, for people: {@code "ended with status 1"}, say
     * @param lines what it printed on its standard output, but for a last line that it did not end
     * @param complaint the last line on its standard error, or else {@code end}
     */
    public record Ended(String end, List<String> lines, String complaint) {
        public Ended {
            lines = List.copyOf(lines);
        }
    }

    /** Builds a process of a command, with this process's environment but for what is about its job. */
    public static ProcessBuilder builder(List<String> command) {
        ProcessBuilder builder = new ProcessBuilder(command);
        leaveJob(builder.environment().keySet());
        return builder;
    }

    /** Removes the variables by which a launcher tells a process of its job. */
    static void leaveJob(Set<String> variables) {
        variables.removeIf(LAUNCHER.asMatchPredicate());
    }

    /**
     * Builds a process of this Java, with this process's classes and the settings {@code tp4j.*}.
     *
     * @param settings besides these, or instead of them
     * @param options of the virtual machine
     */
    public static ProcessBuilder java(
            Class<?> main, Map<String, String> settings, List<String> options, List<String> arguments) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(String.valueOf(System.getProperty("java.home")), "bin", "java")
                .toString());
        command.addAll(options);
        for (String name : System.getProperties().stringPropertyNames()) {
            if ((name.startsWith("tp4j.") || PLACES.contains(name)) && !settings.containsKey(name)) {
                command.add("-D" + name + "=" + System.getProperty(name));
            }
        }
        settings.forEach((name, value) -> command.add("-D" + name + "=" + value));
        command.addAll(List.of("-cp", classPath(), main.getName()));
        command.addAll(arguments);
        ProcessBuilder builder = builder(command);
        builder.environment().keySet().removeIf(JAVA_OPTIONS::contains);
        return builder;
    }

    /**
     * Runs a process to its end, or kills it. Its standard input stays open as long, so that it can tell that this process
     * is gone.
     *
     * @throws IOException if it does not start
     * @throws InterruptedException if the calling thread is interrupted; the process is killed
     */
    public static Ended run(ProcessBuilder builder, Duration limit) throws IOException, InterruptedException {
        Process process = builder.start();
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        ByteArrayOutputStream complained = new ByteArrayOutputStream();
        try {
            long start = System.nanoTime();
            boolean ended = false;
            while (!ended && System.nanoTime() - start < limit.toNanos()) {
                ended = process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS);
                drain(process.getInputStream(), printed);
                drain(process.getErrorStream(), complained);
            }
            String end = ended
                    ? "ended with status " + process.exitValue()
                    : "did not end within " + limit.toSeconds() + " s";
            String complaint = last(complained
                    .toString(StandardCharsets.UTF_8)
                    .lines()
                    .filter(Predicate.not(String::isBlank))
                    .toList());
            return new Ended(
                    end, whole(printed.toString(StandardCharsets.UTF_8)), complaint.isEmpty() ? end : complaint);
        } finally {
            process.destroyForcibly(); // and not waited for: what hangs in a driver does not go at once
        }
    }

    /** What has been written; never waits, because the end of a process that hangs in a driver may not come. */
    private static void drain(InputStream from, ByteArrayOutputStream to) throws IOException {
        for (int ready = from.available(); ready > 0; ready = from.available()) {
            to.writeBytes(from.readNBytes(ready));
        }
    }

    /** The lines but for one that has no end: whoever was printing it was killed. */
    private static List<String> whole(String printed) {
        return printed.substring(0, printed.lastIndexOf('\n') + 1).lines().toList();
    }

    private static String last(List<String> lines) {
        return lines.isEmpty() ? "" : lines.get(lines.size() - 1).strip();
    }

    /** By real names: one below {@code /proc/self}, as of a folder that a launcher keeps open, is another process's there. */
    private static String classPath() {
        return Pattern.compile(Pattern.quote(File.pathSeparator))
                .splitAsStream(System.getProperty("java.class.path"))
                .map(ChildProcess::realName)
                .collect(Collectors.joining(File.pathSeparator));
    }

    private static String realName(String entry) {
        try {
            return Path.of(entry).toRealPath().toString();
        } catch (IOException e) {
            return entry; // there is nothing: Java passes over it
        }
    }
}
