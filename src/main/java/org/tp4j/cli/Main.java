package org.tp4j.cli;

import java.io.PrintWriter;
import java.nio.charset.Charset;
import org.tp4j.bench.PeerException;
import org.tp4j.comm.RankException;
import org.tp4j.device.DeviceException;
import org.tp4j.device.NoDeviceException;
import org.tp4j.tensor.MatrixFileException;
import org.tp4j.tensor.OutOfHostMemoryException;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Where the process begins. Every failure ends here, in one sentence on standard error and an exit code. */
public final class Main {
    private Main() {}

    /** Runs the command line and exits. */
    public static void main(String[] arguments) {
        System.exit(run(arguments));
    }

    static int run(String... arguments) {
        CommandLine line = new CommandLine(new Tp4jCommand());
        line.setOut(new PrintWriter(System.out, true, Charset.defaultCharset()));
        line.setErr(new PrintWriter(System.err, true, Charset.defaultCharset()));
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setParameterExceptionHandler((failure, given) -> refuse(failure));
        line.setExecutionExceptionHandler((failure, command, parsed) -> explain(failure, command));
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

    private static int explain(Throwable failure, CommandLine command) {
        Throwable cause = failure instanceof RankException && failure.getCause() != null ? failure.getCause() : failure;
        if (cause instanceof BadInputException
                || cause instanceof MatrixFileException
                || cause instanceof PeerException
                || cause instanceof IllegalArgumentException) {
            return end(command, cause.getMessage(), ExitCode.BAD_INPUT);
        }
        if (failure instanceof RankException
                || failure instanceof NoDeviceException
                || failure instanceof DeviceException
                || failure instanceof OutOfHostMemoryException) {
            return end(command, failure.getMessage(), ExitCode.DEVICE);
        }
        if (failure instanceof OutOfMemoryError) {
            return end(command, "the Java heap is too small: give java a larger -Xmx", ExitCode.DEVICE);
        }
        command.getErr().println("tp4j: this is a mistake in tp4j, please report it with what follows");
        failure.printStackTrace(command.getErr());
        return ExitCode.INTERNAL;
    }

    private static int end(CommandLine command, String sentence, int exitCode) {
        command.getErr().println("tp4j: " + sentence);
        return exitCode;
    }

    private static String firstLine(String message) {
        return message.lines().findFirst().orElse("the command line is wrong");
    }
}
