package org.tp4j.device.cuda.mutation;

import java.io.PrintStream;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.tp4j.device.cuda.mutation.Mutations.Verdict;

/** What became of the mutants of each site. */
final class Table {
    private static final String ROW = "%-58s %8s %6s %8s %6s %8s %6s %9s%n";

    private final Map<String, Map<Verdict, Integer>> rows = new TreeMap<>();

    void add(Occurrence mutant, Verdict verdict) {
        rows.computeIfAbsent(mutant.site() + " " + mutant.call(), site -> new EnumMap<>(Verdict.class))
                .merge(verdict, 1, Integer::sum);
    }

    /** The sites none of whose mutants was found. */
    List<String> neverNeeded() {
        return rows.entrySet().stream()
                .filter(row -> count(row.getValue(), Verdict.WRONG_BITS, Verdict.REPORT, Verdict.ERROR) == 0)
                .map(Map.Entry::getKey)
                .toList();
    }

    void print(PrintStream out) {
        out.printf(ROW, "site and call", "dropped", "idle", "mutants", "bits", "reports", "errors", "survived");
        rows.forEach((site, found) -> line(out, site, found));
        Map<Verdict, Integer> all = new EnumMap<>(Verdict.class);
        rows.values().forEach(row -> row.forEach((verdict, count) -> all.merge(verdict, count, Integer::sum)));
        line(out, "all", all);
    }

    private static void line(PrintStream out, String site, Map<Verdict, Integer> found) {
        out.printf(
                ROW,
                site,
                count(found, Verdict.values()),
                count(found, Verdict.IDLE),
                count(found, Verdict.WRONG_BITS, Verdict.REPORT, Verdict.ERROR, Verdict.SURVIVED),
                count(found, Verdict.WRONG_BITS),
                count(found, Verdict.REPORT),
                count(found, Verdict.ERROR),
                count(found, Verdict.SURVIVED));
    }

    private static int count(Map<Verdict, Integer> found, Verdict... verdicts) {
        return Arrays.stream(verdicts)
                .mapToInt(verdict -> found.getOrDefault(verdict, 0))
                .sum();
    }
}
