package org.tp4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.tp4j.device.Backends;
import org.tp4j.device.DeviceException;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.Finding;
import org.tp4j.device.Probe;
import org.tp4j.tensor.HostMemory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Says what this machine has and lacks. */
@Command(
        name = "doctor",
        description = "Print which devices and libraries were found, and the reason and mend for whatever is missing.")
final class DoctorCommand implements Callable<Integer> {
    private static final String ROW = "%-5s %-11s %-3s %s%n";

    @Mixin
    private DeviceOptions options;

    @Option(
            names = "--require",
            paramLabel = "cpu|cuda",
            converter = DeviceOptions.KindConverter.class,
            description = "Exit with 3 unless a device of this kind works (default: of any kind).")
    private Optional<DeviceKind> required = Optional.empty();

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        List<Examination> examinations = Backends.probes().stream()
                .filter(this::isAskedFor)
                .map(Examination::of)
                .toList();
        PrintWriter out = spec.commandLine().getOut();
        if (options.json()) {
            Json.print(out, json(examinations));
        } else {
            print(out, examinations);
        }
        return examinations.stream().anyMatch(Examination::works) ? verdict(examinations) : ExitCode.MACHINE;
    }

    private boolean isAskedFor(Probe probe) {
        return options.kind() == DeviceKind.AUTO
                || options.kind() == probe.kind()
                || required.equals(Optional.of(probe.kind()));
    }

    /** Success, but for what is required and does not work. */
    private int verdict(List<Examination> examinations) {
        for (Examination examination : examinations) {
            Optional<String> complaint = examination.complaint();
            if (complaint.isPresent() && required.equals(Optional.of(examination.kind()))) {
                throw new DeviceException(complaint.get());
            }
        }
        return ExitCode.OK;
    }

    private static Map<String, String> environment() throws IOException {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("tp4j", Tp4jCommand.Version.text());
        facts.put("java", System.getProperty("java.version") + ", " + System.getProperty("java.vendor"));
        facts.put(
                "system",
                System.getProperty("os.name") + " " + System.getProperty("os.version") + ", "
                        + System.getProperty("os.arch") + ", "
                        + Runtime.getRuntime().availableProcessors() + " processors");
        facts.put(
                "memory",
                String.format(
                        Locale.ROOT,
                        "heap up to %d MiB; matrices lie outside of it, %d bytes now",
                        Runtime.getRuntime().maxMemory() >> 20,
                        HostMemory.liveBytes()));
        return facts;
    }

    private static void print(PrintWriter out, List<Examination> examinations) throws IOException {
        environment().forEach((name, value) -> out.printf("%-8s %s%n", name, value));
        for (Examination examination : examinations) {
            out.println();
            String kind = examination.kind().label();
            examination.findings().forEach(finding -> print(out, kind, finding));
            for (Examination.OfDevice each : examination.devices()) {
                String name = "device " + each.device().index();
                print(out, kind, Finding.found(name, each.device().name()));
                each.findings().forEach(finding -> print(out, kind, finding));
                print(out, kind, each.trial());
            }
        }
        out.flush();
    }

    private static void print(PrintWriter out, String kind, Finding finding) {
        out.printf(ROW, kind, finding.thing(), finding.found() ? "ok" : "NO", finding.detail());
        if (!finding.mend().isEmpty()) {
            out.printf(ROW, "", "", "", "mend: " + finding.mend());
        }
    }

    private static Map<String, Object> json(List<Examination> examinations) throws IOException {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("command", "doctor");
        object.put("environment", environment());
        object.put("backends", examinations.stream().map(Examination::json).toList());
        return object;
    }
}
