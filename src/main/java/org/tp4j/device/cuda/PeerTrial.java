package org.tp4j.device.cuda;

import java.io.IOException;
import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceException;
import org.tp4j.device.Probe;

/**
 * Tries pairs of devices with real bytes: there are machines whose driver promises what their chipset does not keep, where
 * bytes get lost, kernels fault, or never end. Therefore this is a program of its own, to be killed when it does not end,
 * and it says what it is about to do before it does it. {@link PeerTrials} starts it and reads what it prints.
 */
final class PeerTrial {
    private static final System.Logger LOG = System.getLogger(PeerTrial.class.getName());

    /** Small copies may take another route than large ones. */
    private static final List<Long> COPIES = List.of(16L << 10, PeerEnd.BYTES);

    /** What a kernel touches goes the same way, however much it is: some pages of it are enough. */
    private static final List<Long> MOVES = List.of(16L << 10, 1L << 20);

    private final Map<CudaDevice, PeerEnd> ends = new LinkedHashMap<>();
    private final PrintStream out;

    private PeerTrial(PrintStream out) {
        this.out = out;
    }

    /** A line of this program's output: what it says of which pair, and the rest. */
    enum Word {
        /** It cannot try anything, for a reason that follows. */
        REFUSED,
        /** It is about to try the driver's own way through host memory. */
        STAGING,
        /** It is about to try the direct way. */
        ACCESSING,
        /** It is done with the pair; its {@link PeerRoute.Way} and the reason follow. */
        FOUND;

        String line(String rest) {
            return this + " " + rest;
        }
    }

    /**
     * Tries pairs and prints what it finds.
     *
     * @param codes the pairs, as {@link PeerPair#code} names them
     */
    public static void main(String[] codes) {
        endWithParent();
        Probe probe = new CudaBackend().probe();
        if (probe.works()) {
            tryAll(pairs(probe.devices(), List.of(codes)), System.out);
        } else {
            System.out.println(Word.REFUSED.line(probe.reason()));
        }
        System.out.flush();
        Runtime.getRuntime().halt(0); // the driver's own end may hang
    }

    /**
     * Tries one pair after the other. After the first failure, which is told, nothing is tried any more or freed: what failed
     * may never come to rest.
     */
    static void tryAll(List<PeerPair> pairs, PrintStream out) {
        PeerTrial trial = new PeerTrial(out);
        try {
            trial.open(pairs);
            pairs.forEach(trial::run);
            trial.close();
        } catch (DeviceException e) {
            LOG.log(System.Logger.Level.DEBUG, "a trial of peer access was given up", e);
        }
    }

    /** Opens all devices before the first pair is named: what fails here is no pair's fault. */
    private void open(List<PeerPair> pairs) {
        try {
            for (PeerPair pair : pairs) {
                ends.computeIfAbsent(pair.first(), PeerEnd::new);
                ends.computeIfAbsent(pair.second(), PeerEnd::new);
            }
        } catch (DeviceException e) {
            out.println(Word.REFUSED.line(oneLine(e)));
            throw e;
        }
    }

    private void run(PeerPair pair) {
        PeerEnd first = ends.get(pair.first());
        PeerEnd second = ends.get(pair.second());
        out.println(Word.STAGING.line(pair.code()));
        Optional<String> lost;
        try {
            lost = lost(first, second, false);
        } catch (DeviceException e) {
            found(pair, PeerRoute.relayed("a trial without peer access failed: " + oneLine(e)));
            throw e;
        }
        if (lost.isPresent()) {
            found(pair, PeerRoute.relayed("without peer access " + lost.get()));
            return;
        }
        out.println(Word.ACCESSING.line(pair.code()));
        try {
            pair.enable();
            lost = lost(first, second, true);
            pair.disable();
        } catch (DeviceException e) {
            found(pair, PeerRoute.staged("a trial failed: " + oneLine(e)));
            throw e;
        }
        found(pair, lost.map(PeerRoute::staged).orElseGet(() -> PeerRoute.direct("tried")));
    }

    private void found(PeerPair pair, PeerRoute route) {
        out.println(Word.FOUND.line(pair.code() + " " + route.line()));
    }

    /** What does not arrive, in either direction, moved by either side; nothing if all does. */
    private static Optional<String> lost(PeerEnd first, PeerEnd second, boolean byKernelsToo) {
        Optional<String> lost = lost(first, second, "a copy", COPIES, PeerEnd::copies);
        return lost.isPresent() || !byKernelsToo
                ? lost
                : lost(first, second, "what a kernel moves", MOVES, PeerEnd::movesByKernel);
    }

    /** Moves words from one end to the other, and says whether they arrived. */
    @FunctionalInterface
    private interface Move {
        boolean arrives(PeerEnd mover, PeerEnd from, PeerEnd to, long bytes);
    }

    private static Optional<String> lost(PeerEnd first, PeerEnd second, String what, List<Long> sizes, Move move) {
        for (long bytes : sizes) {
            for (PeerEnd from : List.of(first, second)) {
                PeerEnd to = from == first ? second : first;
                for (PeerEnd mover : List.of(to, from)) {
                    if (!move.arrives(mover, from, to, bytes)) {
                        return Optional.of(what + " does not arrive: " + bytes + " bytes from " + from + " to " + to
                                + ", on a stream of " + mover);
                    }
                }
            }
        }
        return Optional.empty();
    }

    private void close() {
        ends.values().forEach(PeerEnd::close);
    }

    private static List<PeerPair> pairs(List<Device> devices, List<String> codes) {
        return PeerPair.among(devices).stream()
                .filter(pair -> codes.contains(pair.code()))
                .toList();
    }

    private static String oneLine(DeviceException e) {
        return String.valueOf(e.getMessage()).replaceAll("\\s+", " ");
    }

    /** Its parent holds this program's standard input open. */
    private static void endWithParent() {
        Thread watch = new Thread(
                () -> {
                    try {
                        while (System.in.read() >= 0) {
                            // nothing is said there
                        }
                    } catch (IOException e) {
                        // nor can be any more
                    }
                    Runtime.getRuntime().halt(1);
                },
                "parent's watch");
        watch.setDaemon(true);
        watch.start();
    }
}
