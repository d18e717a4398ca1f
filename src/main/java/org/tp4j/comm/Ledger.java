package org.tp4j.comm;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The record of every collective that a run performed, each group's in its own order. Immutable. */
public final class Ledger {
    private static final Ledger EMPTY = new Ledger(List.of());

    private final List<Entry> entries;

    /**
     * Equal collectives in a row.
     *
     * @param collective what was performed
     * @param times how often, one directly after the other
     */
    public record Entry(Collective collective, long times) {}

    private Ledger(List<Entry> entries) {
        this.entries = List.copyOf(entries);
    }

    static Ledger empty() {
        return EMPTY;
    }

    static Ledger of(List<Page> pages) {
        List<Entry> all = new ArrayList<>();
        for (Page page : pages) {
            all.addAll(page.entries());
        }
        return new Ledger(all);
    }

    /** What was performed, in order; group after group if there are several. */
    public List<Entry> entries() {
        return entries;
    }

    /** How often each operation was performed, by its label; operations that were not are absent. */
    public Map<String, Long> counts() {
        Map<String, Long> counts = new TreeMap<>();
        for (Entry entry : entries) {
            counts.merge(entry.collective().operation().label(), entry.times(), Long::sum);
        }
        return Collections.unmodifiableMap(counts);
    }

    /** How often one operation was performed. */
    public long count(Operation operation) {
        return counts().getOrDefault(operation.label(), 0L);
    }

    /** Payload received by all ranks together, in bytes. */
    public long bytesMoved() {
        long bytes = 0;
        for (Entry entry : entries) {
            bytes += entry.collective().bytesMoved() * entry.times();
        }
        return bytes;
    }

    @Override
    public String toString() {
        return counts() + ", " + bytesMoved() + " bytes moved";
    }

    /** What one group writes, by its first member. */
    static final class Page {
        private final List<Collective> collectives = new ArrayList<>();
        private final List<Long> finishedTimes = new ArrayList<>();
        private long times;

        void add(Collective collective) {
            if (!collectives.isEmpty()
                    && collectives.get(collectives.size() - 1).equals(collective)) {
                times++;
                return;
            }
            if (!collectives.isEmpty()) {
                finishedTimes.add(times);
            }
            collectives.add(collective);
            times = 1;
        }

        private List<Entry> entries() {
            List<Entry> entries = new ArrayList<>(collectives.size());
            for (int i = 0; i < collectives.size(); i++) {
                entries.add(new Entry(collectives.get(i), i < finishedTimes.size() ? finishedTimes.get(i) : times));
            }
            return entries;
        }
    }
}
