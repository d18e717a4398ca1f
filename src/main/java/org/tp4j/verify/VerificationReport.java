package org.tp4j.verify;

import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * What a verification found.
 *
 * @param verification what was verified
 * @param results every result, world size by world size
 * @param environment what it ran on, sorted by name
 * @param took how long it took
 */
public record VerificationReport(
        Verification verification, List<LawResult> results, Map<String, String> environment, Duration took) {
    public VerificationReport {
        Objects.requireNonNull(verification, "verification");
        Objects.requireNonNull(took, "took");
        results = List.copyOf(results);
        environment = Collections.unmodifiableSortedMap(new TreeMap<>(environment));
    }

    /** Whether every law held everywhere. */
    public boolean passed() {
        return failures().isEmpty();
    }

    /** Where a law did not hold. */
    public List<LawResult> failures() {
        return results.stream().filter(result -> !result.passed()).toList();
    }

    /** The results of one law at one world size, all dtypes and shapes. */
    public List<LawResult> of(Law law, int worldSize) {
        return results.stream()
                .filter(result -> result.law() == law && result.worldSize() == worldSize)
                .toList();
    }
}
