package org.tp4j.cli;

import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Where the process begins. Every failure ends here, in one sentence on standard error and an exit code. */
public final class Main {
    private Main() {}

    /** Runs the command line and exits. */
    public static void main(String[] arguments) {
        int exitCode;
        try {
            exitCode = run(arguments);
        } catch (OutOfMemoryError e) { // no room even to explain it
            System.err.println("tp4j: " + Failure.HEAP);
            exitCode = ExitCode.MACHINE;
        }
        ProcessEnd.with(exitCode);
    }

    static int run(String... arguments) {
        StandardOutput output = new StandardOutput();
        PrintWriter out = new PrintWriter(new OutputStreamWriter(output, Charset.defaultCharset()), true);
        PrintWriter err = new PrintWriter(System.err, true, Charset.defaultCharset());
        int exitCode;
        try {
            exitCode = execute(out, err, arguments);
        } catch (Throwable e) { // picocli passes on what is no exception
            exitCode = explain(e, err);
        }
        out.flush();
        Optional<String> unwritten = output.failure();
        if (unwritten.isEmpty()) {
            return exitCode;
        }
        err.println("tp4j: standard output cannot be written (" + unwritten.get()
                + "): send it to a place that can be written and has enough space");
        return exitCode == ExitCode.OK ? ExitCode.MACHINE : exitCode;
    }

    private static int execute(PrintWriter out, PrintWriter err, String... arguments) {
        CommandLine line = new CommandLine(new Tp4jCommand());
        line.setOut(out);
        line.setErr(err);
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setParameterExceptionHandler((failure, given) -> refuse(failure));
        line.setExecutionExceptionHandler((failure, command, parsed) -> explain(failure, err));
        return line.execute(arguments);
    }

    private static int refuse(ParameterException failure) {
        CommandLine command = failure.getCommandLine();
        String help = "; see " + command.getCommandSpec().qualifiedName() + " --help";
        String hint = failure instanceof UnmatchedArgumentException unmatched
                ? unmatched.getSuggestions().stream()
                        .findFirst()
                        .map(suggestion -> "; did you mean " + suggestion + "?")
                        .orElse(help)
                : help;
        return end(command, firstLine(failure.getMessage()) + hint, ExitCode.BAD_INPUT);
    }

    private static int explain(Throwable thrown, PrintWriter err) {
        Failure failure = Failure.of(thrown);
        if (failure.sentence().isPresent()) {
            err.println("tp4j: " + failure.sentence().get());
        } else {
            err.println("tp4j: this is a mistake in tp4j, please report it with what follows");
            thrown.printStackTrace(err);
        }
        return failure.exitCode();
    }

    private static int end(CommandLine command, String sentence, int exitCode) {
        command.getErr().println("tp4j: " + sentence);
        return exitCode;
    }

    private static String firstLine(String message) {
        return message.lines().findFirst().orElse("the command line is wrong");
    }
}
