package org.tp4j.device.cuda;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.tp4j.device.DeviceException;
import org.tp4j.device.Finding;
import org.tp4j.device.cuda.library.NativeDirectory;

/**
 * How each pair of devices exchanges bytes: settled once, before anything goes from one to the other, and both ways. Pairs
 * that were never connected are safe, but slow: the driver takes their copies through host memory. Thread-safe.
 */
final class PeerAccess {
    private static final System.Logger LOG = System.getLogger(PeerAccess.class.getName());

    private static final PeerRoute UNCONNECTED = PeerRoute.staged("not connected");

    private final PeerMode mode;
    private final NativeDirectory directory;
    private final Map<PeerPair, PeerRoute> routes = new ConcurrentHashMap<>();

    private List<CudaDevice> devices = List.of();
    private boolean examined;

    /**
     * No pairs yet.
     *
     * @param directory of this process's native libraries; beside them lies what trials found
     */
    PeerAccess(PeerMode mode, NativeDirectory directory) {
        this.mode = mode;
        this.directory = directory;
    }

    /** Says, once, between which devices there are pairs. */
    synchronized void among(List<CudaDevice> all) {
        devices = List.copyOf(all);
    }

    /** Whether the driver's copies between two devices arrive. */
    boolean copies(CudaDevice one, CudaDevice other) {
        return one == other || route(one, other).way() != PeerRoute.Way.RELAYED;
    }

    /** Whether kernels on either of two devices read and write the memory of the other. */
    boolean inPlace(CudaDevice one, CudaDevice other) {
        return one == other || route(one, other).isDirect();
    }

    private PeerRoute route(CudaDevice one, CudaDevice other) {
        return routes.getOrDefault(PeerPair.of(one, other), UNCONNECTED);
    }

    /** Settles every pair among some devices that is not settled yet; never throws because of what it finds. */
    synchronized void connect(List<CudaDevice> some) {
        List<PeerPair> pairs = new ArrayList<>(PeerPair.among(some));
        pairs.removeAll(routes.keySet());
        if (!pairs.isEmpty()) {
            settle(pairs, false);
        }
    }

    /** Settles all pairs anew, the first time; for each other device, how bytes go there, and what would mend that. */
    synchronized List<Finding> examine(CudaDevice device) {
        if (!examined) {
            settle(PeerPair.among(devices), true);
            examined = true;
        }
        return devices.stream()
                .filter(other -> other != device)
                .map(other -> finding(other, route(device, other)))
                .toList();
    }

    private static Finding finding(CudaDevice other, PeerRoute route) {
        String thing = "to " + other.index();
        return route.isDirect()
                ? Finding.found(thing, route.toString())
                : Finding.missing(
                        thing,
                        route.toString(),
                        "nothing needs it, but it would be faster: nvidia-smi topo -p2p r says what the machine allows, "
                                + PeerMode.TRUST.setting() + " relies on that untried");
    }

    /** @param anew whether nothing that is kept counts, and the caller reports what is found: then there is no warning */
    private void settle(List<PeerPair> pairs, boolean anew) {
        Map<PeerPair, PeerRoute> learned = learn(pairs, anew);
        if (Thread.currentThread().isInterrupted()) {
            return; // whoever connects them next tries them
        }
        try {
            for (CudaDevice device : devices(pairs)) {
                device.context().enter();
            }
        } catch (DeviceException e) { // who opens a stream there will hear of it
            LOG.log(System.Logger.Level.DEBUG, "a device cannot be connected", e);
            return;
        }
        learned.forEach(this::take);
    }

    /** Makes a pair use a route from now on, or the next worse one if access cannot be enabled. */
    void take(PeerPair pair, PeerRoute route) {
        if (!route.isDirect()) {
            if (routes.getOrDefault(pair, UNCONNECTED).isDirect()) {
                pair.disable();
            }
            routes.put(pair, route);
            return;
        }
        try {
            pair.enable();
            routes.put(pair, route);
        } catch (DeviceException e) {
            routes.put(pair, PeerRoute.staged(e.getMessage()));
            LOG.log(System.Logger.Level.WARNING, pair + ": " + routes.get(pair));
        }
    }

    private Map<PeerPair, PeerRoute> learn(List<PeerPair> pairs, boolean anew) {
        Map<PeerPair, PeerRoute> learned = new LinkedHashMap<>();
        List<PeerPair> doubtful = new ArrayList<>();
        for (PeerPair pair : pairs) {
            certain(pair).ifPresentOrElse(route -> learned.put(pair, route), () -> doubtful.add(pair));
        }
        if (doubtful.isEmpty()) {
            return learned;
        }
        PeerCache cache = PeerCache.of(directory.lasting(), devices);
        if (!anew) {
            learned.putAll(cache.read(doubtful));
            doubtful.removeAll(learned.keySet());
        }
        if (!doubtful.isEmpty()) {
            Map<PeerPair, PeerRoute> tried = tried(doubtful, cache);
            learned.putAll(tried);
            if (!anew && !Thread.currentThread().isInterrupted()) { // else nothing is settled yet
                warn(tried);
            }
        }
        return learned;
    }

    /** What needs no trial. */
    private Optional<PeerRoute> certain(PeerPair pair) {
        if (mode == PeerMode.OFF) {
            return Optional.of(PeerRoute.staged("it is not asked for: " + mode.setting()));
        }
        if (!pair.isOffered()) {
            return Optional.of(PeerRoute.staged("the driver does not offer peer access"));
        }
        if (mode == PeerMode.TRUST) {
            return Optional.of(PeerRoute.direct("untried: " + mode.setting()));
        }
        return pair.isLinked() ? Optional.of(PeerRoute.direct("by NVLink")) : Optional.empty();
    }

    private Map<PeerPair, PeerRoute> tried(List<PeerPair> pairs, PeerCache cache) {
        PeerTrials.Outcome outcome = new PeerTrials(directory.folder()).run(pairs);
        cache.write(outcome.found());
        Map<PeerPair, PeerRoute> routes = new LinkedHashMap<>();
        for (PeerPair pair : pairs) {
            PeerRoute untried =
                    PeerRoute.staged("it was not tried: " + outcome.obstacle().orElse(""));
            routes.put(pair, outcome.found().getOrDefault(pair, untried));
        }
        return routes;
    }

    private static void warn(Map<PeerPair, PeerRoute> routes) {
        Map<PeerRoute, List<PeerPair>> pairs = routes.keySet().stream()
                .collect(Collectors.groupingBy(routes::get, LinkedHashMap::new, Collectors.toList()));
        String failed = pairs.entrySet().stream()
                .filter(each -> !each.getKey().isDirect())
                .map(each -> each.getValue().stream().map(PeerPair::toString).collect(Collectors.joining(", ")) + ": "
                        + each.getKey())
                .collect(Collectors.joining("; "));
        if (!failed.isEmpty()) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    failed + " (results are right, but slower; " + PeerMode.TRUST.setting()
                            + " relies on the driver untried, " + PeerMode.OFF.setting() + " tries nothing)");
        }
    }

    private static List<CudaDevice> devices(List<PeerPair> pairs) {
        return pairs.stream()
                .flatMap(pair -> List.of(pair.first(), pair.second()).stream())
                .distinct()
                .toList();
    }
}
