package org.tp4j.cli;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.MatrixFileException;
import org.tp4j.tensor.WholeFile;
import org.tp4j.verify.HtmlReport;
import org.tp4j.verify.Law;
import org.tp4j.verify.LawResult;
import org.tp4j.verify.Verification;
import org.tp4j.verify.VerificationReport;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Proves the laws on generated layers. */
@Command(
        name = "verify",
        description = "Prove on generated layers that split equals unsplit, and print what was checked.")
final class VerifyCommand implements Callable<Integer> {
    @Mixin
    private DeviceOptions device;

    @Option(
            names = "--ranks",
            paramLabel = "N,...",
            split = ",",
            converter = RanksConverter.class,
            description = "Over how many ranks to split (default: 1,2,3,4,8).")
    private List<Integer> ranks = Verification.DEFAULT_WORLD_SIZES;

    @Option(
            names = "--seed",
            paramLabel = "S",
            description = "What the layers are generated from (default: the clock).")
    private Optional<Long> seed = Optional.empty();

    @Option(names = "--report", paramLabel = "F.html", description = "Also write the results as a page.")
    private Optional<Path> report = Optional.empty();

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws MatrixFileException {
        List<DType> dtypes = device.dtype().map(List::of).orElse(List.of(DType.values()));
        Verification verification = new Verification(device.kind(), ranks, dtypes, seed.orElseGet(System::nanoTime));
        VerificationReport found = run(verification);
        if (report.isPresent()) {
            byte[] page = HtmlReport.of(found).getBytes(StandardCharsets.UTF_8);
            WholeFile.write(report.get(), page);
        }
        PrintWriter out = spec.commandLine().getOut();
        if (device.json()) {
            Json.print(out, json(found));
        } else {
            print(out, found);
        }
        return found.passed() ? ExitCode.OK : ExitCode.CHECK_FAILED;
    }

    private static VerificationReport run(Verification verification) {
        try (Progress progress = Progress.onStandardError()) {
            int[] done = {0};
            return verification.run(result -> {
                done[0]++;
                progress.step(done[0] + " of " + verification.size() + ": "
                        + result.law().title() + ", " + result.dtype() + ", " + result.worldSize() + " ranks");
            });
        }
    }

    private void print(PrintWriter out, VerificationReport found) {
        List<Integer> sizes = found.verification().worldSizes();
        StringBuilder head = new StringBuilder(String.format("%-28s", "law \\ ranks"));
        sizes.forEach(size -> head.append(String.format("%9d", size)));
        out.println(head);
        for (Law law : Law.values()) {
            StringBuilder line = new StringBuilder(String.format("%-28s", law.title()));
            sizes.forEach(size -> line.append(String.format("%9s", cell(found.of(law, size)))));
            out.println(line);
        }
        for (LawResult failure : found.failures()) {
            out.printf(
                    "FAILED: %s, %d ranks, %s %s: %s%n",
                    failure.law().title(), failure.worldSize(), failure.dtype(), failure.shape(), failure.detail());
        }
        found.environment().entrySet().stream()
                .sorted(Map.Entry.comparingByKey())
                .forEach(entry -> out.printf("%s: %s%n", entry.getKey(), entry.getValue()));
        int all = found.results().size();
        out.printf(
                Locale.ROOT,
                "%d of %d checks hold; seed %d, %.1f s%n",
                all - found.failures().size(),
                all,
                found.verification().seed(),
                found.took().toMillis() * 1e-3);
        report.ifPresent(path -> out.printf("the page is %s%n", path));
        out.flush();
    }

    /** How many of a law's checks hold at one world size. */
    private static String cell(List<LawResult> results) {
        if (results.isEmpty()) {
            return "-";
        }
        long passed = results.stream().filter(LawResult::passed).count();
        return passed == results.size() ? "ok " + passed : passed + "/" + results.size() + " !";
    }

    private static Map<String, Object> json(VerificationReport found) {
        List<Map<String, Object>> results = new ArrayList<>();
        for (LawResult result : found.results()) {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("law", result.law().label());
            entry.put("world_size", result.worldSize());
            entry.put("dtype", result.dtype().label());
            entry.put("shape", result.shape());
            entry.put("passed", result.passed());
            entry.put("detail", result.detail());
            results.add(entry);
        }
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("command", "verify");
        object.put("environment", found.environment());
        object.put("seed", found.verification().seed());
        object.put("seconds", found.took().toNanos() * 1e-9);
        object.put("checks", found.results().size());
        object.put("passed", found.passed());
        object.put("results", results);
        return object;
    }
}
