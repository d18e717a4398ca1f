package org.tp4j.device.cuda.mutation;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.tp4j.device.Backends;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.cuda.CudaBackend;
import org.tp4j.device.cuda.Emulator;

/**
 * Drops every ordering call of every scenario, one at a time, on the emulated driver: what the call was for must then go
 * wrong in sight, by wrong bits or by a report of the emulator. Only a call that was idle in its run may be missing
 * unseen: one that told nobody of any work that he did not know of, as the emulator counts it. Every site must be reached,
 * and needed at least once. Then the same of what the kernels' own threads wait for. Runs in a process of its own, since mutants leave devices dead and memory lost.
 */
public final class Mutations {
    /** How often a call may not be made again, because the ranks' timing is another. */
    private static final int TRIES = 10;

    private final OrderingSites sites = OrderingSites.ofProgram();
    private final Set<String> reached = new HashSet<>();
    private final Set<Object> sampled = new HashSet<>();
    private final Table table = new Table();
    private final List<String> failures = new ArrayList<>();
    private final boolean sample;

    private Mutations(boolean sample) {
        this.sample = sample;
    }

    /**
     * Prints the table, and ends with 1 if a mutant survived or a site was not reached.
     *
     * @param arguments {@code sample}: one mutant for each way to a site; or {@code all}
     */
    public static void main(String[] arguments) {
        new CudaBackend().probe(); // loads the driver
        Emulator.configure("schedule=lazy");
        Mutations mutations = new Mutations(arguments[0].equals("sample"));
        mutations.on("one device", new Rig(Rig.Peers.DIRECT), scenarios(true));
        mutations.on("several devices, in place", new Rig(Rig.Peers.DIRECT), scenarios(false));
        mutations.on("peers", new Rig(Rig.Peers.STAGED), MemoryScenarios.trials());
        mutations.on("several devices, copies", new Rig(Rig.Peers.STAGED), scenarios(false));
        mutations.on("several devices, through the host", new Rig(Rig.Peers.RELAYED), scenarios(false));
        mutations.ofKernels(new Rig(Rig.Peers.DIRECT), scenarios(true));
        System.exit(mutations.finish(System.out));
    }

    private static List<Scenario> scenarios(boolean oneDevice) {
        List<Scenario> scenarios = new ArrayList<>(CollectiveScenarios.all(oneDevice));
        scenarios.addAll(MemoryScenarios.all(oneDevice));
        return scenarios;
    }

    private void on(String machine, Rig rig, List<Scenario> scenarios) {
        for (Scenario scenario : scenarios) {
            run(machine + ", " + scenario, rig, scenario);
        }
    }

    /** What the kernels' threads wait for does not depend on how devices reach each other. */
    private void ofKernels(Rig rig, List<Scenario> scenarios) {
        KernelMutations.Machine machine = new KernelMutations.Machine() {
            @Override
            public String sites() {
                return Emulator.kernelSites();
            }

            @Override
            public void omit(String site) {
                Emulator.configure("omit=" + site);
            }

            @Override
            public Object outcome(Scenario scenario) {
                return Mutations.outcome(rig, scenario, Watch.only(sites));
            }
        };
        failures.addAll(new KernelMutations(machine, scenarios).failures());
    }

    private void run(String where, Rig rig, Scenario scenario) {
        Watch watch = Watch.only(sites);
        Outcome sound = outcome(rig, scenario, watch);
        List<Long> reference = reference(scenario);
        if (!sound.isSound() || !(reference.isEmpty() || reference.equals(sound.result()))) {
            failures.add(where + ": without a mutant: " + sound + (sound.isSound() ? ", not " + reference : ""));
            return;
        }
        List<Occurrence> occurrences = watch.seen();
        occurrences.sort(Comparator.comparing(Occurrence::toString));
        for (Occurrence occurrence : occurrences) {
            reached.addAll(occurrence.lines());
            if (!sample || sampled.add(List.of(occurrence.call(), occurrence.lines()))) {
                mutate(where, rig, scenario, occurrence, sound.result());
            }
        }
    }

    private void mutate(String where, Rig rig, Scenario scenario, Occurrence occurrence, List<Long> right) {
        Verdict verdict = Verdict.ABSENT;
        for (int i = 0; i < TRIES && verdict == Verdict.ABSENT; i++) {
            long missed = Emulator.count("missed");
            Watch watch = Watch.dropping(sites, occurrence);
            Outcome outcome = outcome(rig, scenario, watch);
            verdict = watch.hasStruck() ? outcome.verdict(right, Emulator.count("missed") > missed) : Verdict.ABSENT;
        }
        table.add(occurrence, verdict);
        if (verdict == Verdict.SURVIVED) {
            failures.add(where + ": survived without " + occurrence);
        }
        if (verdict == Verdict.ABSENT) {
            failures.add(where + ": made once, but not in " + TRIES + " more runs: " + occurrence);
        }
        if (sample && verdict == Verdict.IDLE) {
            sampled.remove(List.of(occurrence.call(), occurrence.lines()));
        }
    }

    private static Outcome outcome(Rig rig, Scenario scenario, Watch watch) {
        Emulator.dropWhere(watch);
        List<Long> result = List.of();
        String error = "";
        try {
            result = scenario.work().on(rig.devices(scenario.devices()));
        } catch (Exception | Error e) { // whatever ends a mutant has found it
            error = e.toString();
        } finally {
            Emulator.dropNothing();
        }
        return new Outcome(result, error, rig.settle());
    }

    private static List<Long> reference(Scenario scenario) {
        List<Device> processor = Backends.open(DeviceKind.CPU);
        try {
            return scenario.work().on(processor);
        } catch (Exception e) {
            throw new IllegalStateException(scenario + " fails on the CPU", e);
        }
    }

    private int finish(PrintStream out) {
        table.print(out);
        Set<String> missing = new TreeSet<>(sites.lines());
        missing.removeAll(reached);
        missing.forEach(line -> failures.add("never reached: " + line));
        table.neverNeeded().forEach(site -> failures.add("never needed: " + site));
        Collections.sort(failures);
        failures.forEach(out::println);
        out.println(failures.isEmpty() ? "no survivor" : failures.size() + " failures");
        return failures.isEmpty() ? 0 : 1;
    }

    /** What a mutant comes to. */
    enum Verdict {
        /** The call was not made in the mutant's runs. */
        ABSENT,
        /** It told nobody anything new: whoever relied on it knew already. */
        IDLE,
        WRONG_BITS,
        REPORT,
        ERROR,
        SURVIVED
    }

    /**
     * Of one run.
     *
     * @param error empty if there was none
     * @param reports of the emulator, empty if it found nothing wrong
     */
    private record Outcome(List<Long> result, String error, String reports) {
        boolean isSound() {
            return error.isEmpty() && reports.isEmpty();
        }

        Verdict verdict(List<Long> right, boolean missed) {
            if (error.isEmpty() && !result.equals(right)) {
                return Verdict.WRONG_BITS;
            }
            if (!reports.isEmpty()) {
                return Verdict.REPORT;
            }
            if (!error.isEmpty()) {
                return Verdict.ERROR;
            }
            return missed ? Verdict.SURVIVED : Verdict.IDLE;
        }
    }
}
