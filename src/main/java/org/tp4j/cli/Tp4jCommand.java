package org.tp4j.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import java.util.concurrent.Callable;
import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The command without a subcommand: prints what there is. */
@Command(
        name = "tp4j",
        description =
                "Tensor parallelism for the JVM: linear layers split over ranks, and the proof that the split is exact.",
        versionProvider = Tp4jCommand.Version.class,
        mixinStandardHelpOptions = true,
        scope = ScopeType.INHERIT,
        sortOptions = false,
        usageHelpAutoWidth = true,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:done, and every check held",
            "1:a law or a check failed",
            "2:bad usage or bad input; nothing was written",
            "3:the machine could not do it: device, memory, threads, native libraries, disk",
            "70:a mistake in tp4j"
        },
        subcommands = {
            ColumnCommand.class,
            RowCommand.class,
            MlpCommand.class,
            VerifyCommand.class,
            BenchCommand.class,
            DoctorCommand.class,
            GenerateCompletion.class
        })
final class Tp4jCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        spec.commandLine().usage(spec.commandLine().getOut());
        return ExitCode.OK;
    }

    /** The version that the build wrote into the jar. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() throws IOException {
            return new String[] {"tp4j " + text()};
        }

        static String text() throws IOException {
            try (InputStream stream = Tp4jCommand.class.getResourceAsStream("version.properties")) {
                Properties properties = new Properties();
                properties.load(stream);
                return properties.getProperty("version");
            }
        }
    }
}
