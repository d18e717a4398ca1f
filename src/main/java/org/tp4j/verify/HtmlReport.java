package org.tp4j.verify;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.tp4j.tensor.DType;

/** A verification as one HTML page that needs no other file, no script and no network. */
public final class HtmlReport {
    private static final String STYLE = """
            :root { color-scheme: light dark; --line: #8884; --good: #1a7f37; --bad: #c62828; }
            body { font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
            h1 { font-size: 1.6rem; margin-bottom: 0; }
            h2 { font-size: 1.2rem; margin-top: 2.2rem; }
            .verdict { font-size: 1.15rem; font-weight: 600; }
            .good { color: var(--good); }
            .bad { color: var(--bad); font-weight: 600; }
            .wide { overflow-x: auto; }
            table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
            th, td { border-bottom: 1px solid var(--line); padding: .35rem .7rem .35rem 0; text-align: left; }
            td, th { vertical-align: top; }
            th.number, td.number { text-align: right; white-space: nowrap; }
            small { opacity: .75; display: block; }
            details { margin: .6rem 0; }
            summary { cursor: pointer; }
            @media (prefers-color-scheme: dark) { :root { --good: #56d364; --bad: #ff7b72; } }
            """;

    private final VerificationReport report;
    private final StringBuilder page = new StringBuilder();

    private HtmlReport(VerificationReport report) {
        this.report = report;
    }

    /** The page, in UTF-8. */
    public static String of(VerificationReport report) {
        return new HtmlReport(report).write();
    }

    private String write() {
        page.append("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
                .append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
                .append("<title>tp4j verify: ")
                .append(report.passed() ? "passed" : "failed")
                .append("</title>\n<style>\n")
                .append(STYLE)
                .append("</style>\n</head>\n<body>\n<h1>tp4j verify</h1>\n");
        verdict();
        laws();
        failures();
        environment();
        explanation();
        results();
        return page.append("</body>\n</html>\n").toString();
    }

    private void verdict() {
        int failed = report.failures().size();
        int all = report.results().size();
        String seconds = String.format(Locale.ROOT, "%.1f s", report.took().toMillis() / 1000.0);
        String verdict = failed == 0 ? "All " + all + " checks passed" : failed + " of " + all + " checks failed";
        page.append("<p class=\"verdict ")
                .append(failed == 0 ? "good" : "bad")
                .append("\">")
                .append(verdict)
                .append(" in ")
                .append(seconds)
                .append(".</p>\n");
    }

    private void laws() {
        List<Integer> sizes = report.verification().worldSizes();
        page.append("<h2>Laws</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>law</th>");
        for (int size : sizes) {
            page.append("<th class=\"number\">")
                    .append(size)
                    .append(size == 1 ? " rank" : " ranks")
                    .append("</th>");
        }
        page.append("</tr></thead>\n<tbody>\n");
        for (Law law : Law.values()) {
            page.append("<tr><td>")
                    .append(escaped(law.title()))
                    .append("<small>")
                    .append(escaped(law.meaning()))
                    .append("</small></td>");
            for (int size : sizes) {
                cell(report.of(law, size));
            }
            page.append("</tr>\n");
        }
        page.append("</tbody></table></div>\n<p><small>Checks passed of checks made: one for every dtype (")
                .append(dtypes())
                .append(") and shape.</small></p>\n");
    }

    private void cell(List<LawResult> results) {
        long passed = results.stream().filter(LawResult::passed).count();
        if (results.isEmpty()) {
            page.append("<td class=\"number\">-</td>");
            return;
        }
        boolean all = passed == results.size();
        page.append("<td class=\"number ")
                .append(all ? "good\">&#10003; " : "bad\">&#10007; ")
                .append(passed)
                .append('/')
                .append(results.size())
                .append("</td>");
    }

    private void failures() {
        if (!report.passed()) {
            page.append("<h2>Failures</h2>\n");
            table(report.failures());
        }
    }

    private void environment() {
        Map<String, String> facts = new TreeMap<>(report.environment());
        facts.put("seed", Long.toString(report.verification().seed()));
        page.append("<h2>Environment</h2>\n<div class=\"wide\"><table><tbody>\n");
        facts.forEach((name, value) -> page.append("<tr><th>")
                .append(escaped(name))
                .append("</th><td>")
                .append(escaped(value))
                .append("</td></tr>\n"));
        page.append("</tbody></table></div>\n");
    }

    private void explanation() {
        page.append("""
                <h2>How to read this</h2>
                <p><b>Integers</b> are layers of integers so small that every sum is exact in any order: the split layer
                must have the same bits as the unsplit one. <b>Cancelling integers</b> have partial sums that need more
                bits than the dtype has, and so show a partial sum kept in too few. <b>Reals</b> are judged by a proved
                bound on each element's rounding error: an error of at most 1 of its bound is right. The unsplit layer is
                computed apart from all devices, in twice the precision of f64.</p>
                """);
    }

    private void results() {
        page.append("<h2>All results</h2>\n");
        for (Law law : Law.values()) {
            List<LawResult> results =
                    report.results().stream().filter(r -> r.law() == law).toList();
            page.append("<details><summary>")
                    .append(escaped(law.title()))
                    .append(" (")
                    .append(results.size())
                    .append(")</summary>\n");
            table(results);
            page.append("</details>\n");
        }
    }

    private void table(List<LawResult> results) {
        page.append("<div class=\"wide\"><table><thead><tr><th></th><th>law</th><th class=\"number\">ranks</th>")
                .append("<th>dtype</th><th>shape</th><th>found</th></tr></thead>\n<tbody>\n");
        for (LawResult result : results) {
            page.append(result.passed() ? "<tr><td class=\"good\">&#10003;" : "<tr><td class=\"bad\">&#10007;")
                    .append("</td><td>")
                    .append(escaped(result.law().title()))
                    .append("</td><td class=\"number\">")
                    .append(result.worldSize())
                    .append("</td><td>")
                    .append(result.dtype())
                    .append("</td><td>")
                    .append(escaped(result.shape()))
                    .append("</td><td>")
                    .append(escaped(result.detail()))
                    .append("</td></tr>\n");
        }
        page.append("</tbody></table></div>\n");
    }

    private String dtypes() {
        return report.verification().dtypes().stream().map(DType::label).collect(Collectors.joining(", "));
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
