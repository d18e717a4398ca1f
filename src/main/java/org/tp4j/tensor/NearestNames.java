package org.tp4j.tensor;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;

/** The names that a mistyped one may have meant, by edit distance (Levenshtein, 1966). */
final class NearestNames {
    private static final int SHOWN = 3;

    private NearestNames() {}

    /** The three names nearest to {@code wanted}, nearest first, quoted and joined. */
    static String to(String wanted, Collection<String> names) {
        record Candidate(String name, int distance) {}
        List<Candidate> nearest = new ArrayList<>();
        Comparator<Candidate> order =
                Comparator.comparingInt(Candidate::distance).thenComparing(Candidate::name);
        for (String name : names) {
            int limit = nearest.size() < SHOWN
                    ? Integer.MAX_VALUE
                    : nearest.get(SHOWN - 1).distance();
            if (Math.abs(name.length() - wanted.length()) > limit) {
                continue;
            }
            nearest.add(new Candidate(name, distance(wanted, name)));
            nearest.sort(order);
            if (nearest.size() > SHOWN) {
                nearest.remove(SHOWN);
            }
        }
        return nearest.stream()
                .map(candidate -> MatrixFileException.quote(candidate.name()))
                .collect(Collectors.joining(", "));
    }

    /** The fewest insertions, deletions and replacements of a character that turn one word into the other. */
    static int distance(String a, String b) {
        int[] previous = new int[b.length() + 1];
        int[] current = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            previous[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            current[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int replaced = previous[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                current[j] = Math.min(replaced, 1 + Math.min(previous[j], current[j - 1]));
            }
            int[] swap = previous;
            previous = current;
            current = swap;
        }
        return previous[b.length()];
    }
}
