package org.tp4j.device.cuda.mutation;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class KernelMutationsTest {
    private static final Scenario SUM = scenario("sum");
    private static final Scenario SORT = scenario("sort");

    @Test
    void aSiteIsHeldByAnyScenarioThatMissesIt() {
        Fake machine = new Fake(Map.of("a.cu:1", List.of("sum", "sort"), "a.cu:2", List.of("sort")));
        machine.needed = Map.of("a.cu:1", "sort", "a.cu:2", "sort");
        assertEquals(List.of(), new KernelMutations(machine, List.of(SUM, SORT)).failures());
    }

    @Test
    void aSiteThatNobodyMissesSurvives() {
        Fake machine = new Fake(Map.of("a.cu:1", List.of("sum", "sort")));
        assertEquals(
                List.of("survived without a.cu:1 __syncwarp"),
                new KernelMutations(machine, List.of(SUM, SORT)).failures());
    }

    @Test
    void aSiteThatNobodyComesToIsNamed() {
        Fake machine = new Fake(Map.of("a.cu:1", List.of("sum")));
        machine.needed = Map.of("a.cu:1", "sum");
        assertEquals(
                List.of("never reached: a.cu:1 __syncwarp"), new KernelMutations(machine, List.of(SORT)).failures());
    }

    @Test
    void whereThereIsNoSiteNothingRuns() {
        Fake machine = new Fake(Map.of());
        assertEquals(List.of(), new KernelMutations(machine, List.of(SUM, SORT)).failures());
        assertEquals(0, machine.runs);
    }

    private static Scenario scenario(String name) {
        return new Scenario(name, 1, devices -> List.of());
    }

    /** Sites, and which scenarios come to each; a scenario ends otherwise without the sites that it needs. */
    private static final class Fake implements KernelMutations.Machine {
        private final Map<String, List<String>> comes;
        private final Map<String, Integer> reached = new TreeMap<>();
        private Map<String, String> needed = Map.of();
        private String omitted = "none";
        private int runs;

        Fake(Map<String, List<String>> comes) {
            this.comes = comes;
            comes.keySet().forEach(site -> reached.put(site, 0));
        }

        @Override
        public String sites() {
            return reached.entrySet().stream()
                    .map(site -> site.getKey() + " __syncwarp " + site.getValue() + "\n")
                    .collect(Collectors.joining());
        }

        @Override
        public void omit(String site) {
            omitted = site;
        }

        @Override
        public Object outcome(Scenario scenario) {
            runs++;
            comes.forEach((site, scenarios) -> {
                if (scenarios.contains(scenario.name())) {
                    reached.merge(site, 32, Integer::sum);
                }
            });
            return scenario.name().equals(needed.get(omitted)) ? "wrong" : "right";
        }
    }
}
