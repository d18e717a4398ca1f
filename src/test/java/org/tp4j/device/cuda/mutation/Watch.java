package org.tp4j.device.cuda.mutation;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;

/** Sees every ordering call of one run, and drops at most one of them. Thread-safe. */
final class Watch implements Predicate<String> {
    private final OrderingSites sites;
    private final Optional<Occurrence> mutant;
    private final Map<List<Object>, Integer> made = new ConcurrentHashMap<>();
    private final Set<Occurrence> seen = ConcurrentHashMap.newKeySet();
    private volatile boolean struck;

    private Watch(OrderingSites sites, Optional<Occurrence> mutant) {
        this.sites = sites;
        this.mutant = mutant;
    }

    /** Drops nothing. */
    static Watch only(OrderingSites sites) {
        return new Watch(sites, Optional.empty());
    }

    static Watch dropping(OrderingSites sites, Occurrence mutant) {
        return new Watch(sites, Optional.of(mutant));
    }

    @Override
    public boolean test(String call) {
        List<StackWalker.StackFrame> chain = sites.chain();
        if (chain.isEmpty()) {
            return false; // the test's own
        }
        String thread = Thread.currentThread().getName();
        Occurrence first = Occurrence.of(call, thread, chain, 1);
        int number = made.merge(List.of(call, thread, first.lines()), 1, Integer::sum);
        Occurrence occurrence = new Occurrence(call, thread, first.lines(), first.site(), number);
        seen.add(occurrence);
        boolean drop = mutant.filter(occurrence::equals).isPresent();
        struck |= drop;
        return drop;
    }

    List<Occurrence> seen() {
        return new ArrayList<>(seen);
    }

    /** Whether the one call was made, and dropped. */
    boolean hasStruck() {
        return struck;
    }
}
