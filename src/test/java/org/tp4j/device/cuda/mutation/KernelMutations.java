package org.tp4j.device.cuda.mutation;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Leaves out every barrier, shuffle and vote of the kernels' sources, one at a time: a scenario that comes to it must then
 * end otherwise than it does. The emulator lists the sources' lines, so that a new one is found without anybody's help.
 */
final class KernelMutations {
    private static final String NONE = "none";

    private final Machine machine;
    private final List<Scenario> scenarios;

    KernelMutations(Machine machine, List<Scenario> scenarios) {
        this.machine = machine;
        this.scenarios = List.copyOf(scenarios);
    }

    /** What runs scenarios, and can leave out a site. */
    interface Machine {
        /** {@code FILE:LINE FUNCTION REACHED}, one a line. */
        String sites();

        /** From now on this site's calls do nothing; {@code none}: every call works again. */
        void omit(String site);

        /** What a scenario comes to: equal where nothing was wrong. */
        Object outcome(Scenario scenario);
    }

    /** The sites that nobody misses or comes to; empty if there is none. */
    List<String> failures() {
        Map<String, List<Scenario>> reaching = reaching();
        List<String> failures = new ArrayList<>();
        reaching.forEach((site, coming) -> {
            if (coming.isEmpty()) {
                failures.add("never reached: " + site);
            } else if (coming.stream().noneMatch(scenario -> notices(scenario, site))) {
                failures.add("survived without " + site);
            }
        });
        return failures;
    }

    /** For each site the scenarios that come to it. */
    private Map<String, List<Scenario>> reaching() {
        Map<String, List<Scenario>> reaching = new TreeMap<>();
        counts().keySet().forEach(site -> reaching.put(site, new ArrayList<>()));
        if (reaching.isEmpty()) {
            return reaching;
        }
        for (Scenario scenario : scenarios) {
            Map<String, Long> before = counts();
            machine.outcome(scenario);
            counts().forEach((site, count) -> {
                if (count > before.get(site)) {
                    reaching.get(site).add(scenario);
                }
            });
        }
        return reaching;
    }

    private boolean notices(Scenario scenario, String site) {
        Object sound = machine.outcome(scenario);
        machine.omit(site.substring(0, site.indexOf(' ')));
        try {
            return !machine.outcome(scenario).equals(sound);
        } finally {
            machine.omit(NONE);
        }
    }

    /** How often threads came to each site, by {@code FILE:LINE FUNCTION}. */
    private Map<String, Long> counts() {
        Map<String, Long> counts = new TreeMap<>();
        machine.sites().lines().forEach(line -> {
            int end = line.lastIndexOf(' ');
            counts.put(line.substring(0, end), Long.valueOf(line.substring(end + 1)));
        });
        return counts;
    }
}
