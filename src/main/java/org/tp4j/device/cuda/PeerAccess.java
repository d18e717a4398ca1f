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

    /**
     * Settles every pair among some devices that is not settled yet, whatever it finds.
     *
     * @throws DeviceException if one of the devices gives no context
     */
    synchronized void connect(List<CudaDevice> some) {
        List<PeerPair> pairs = new ArrayList<>(PeerPair.among(some));
        pairs.removeAll(routes.keySet());
        if (!pairs.isEmpty()) {
            warn(settle(pairs, false));
        }
    }

    /** Settles all pairs anew, the first time; for each other device, how bytes go there, and what would mend that. */
    synchronized List<Finding> examine(CudaDevice device) {
        if (!examined) {
            try {
                settle(PeerPair.among(devices), true);
            } catch (DeviceException e) { // what else is found of that device tells
                LOG.log(System.Logger.Level.DEBUG, "a device cannot be connected", e);
            }
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

    /**
     * What was learned by trials just now.
     *
     * @param anew whether nothing that is kept counts
     */
    private Map<PeerPair, PeerRoute> settle(List<PeerPair> pairs, boolean anew) {
        Map<PeerPair, PeerRoute> known = new LinkedHashMap<>();
        for (PeerPair pair : pairs) {
            certain(pair).ifPresent(route -> known.put(pair, route));
        }
        Map<PeerPair, PeerRoute> tried = known.size() == pairs.size() ? Map.of() : learn(pairs, known, anew);
        if (Thread.currentThread().isInterrupted()) {
            return Map.of(); // whoever connects them next tries them
        }
        for (CudaDevice device : devices(pairs)) {
            device.start(); // after the trials: a GPU may be for one process at a time
        }
        known.forEach(this::take);
        tried.forEach(this::take);
        return tried;
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

    /** Adds what is kept to what is known, and tries the rest. */
    private Map<PeerPair, PeerRoute> learn(List<PeerPair> pairs, Map<PeerPair, PeerRoute> known, boolean anew) {
        List<PeerPair> doubtful = new ArrayList<>(pairs);
        doubtful.removeAll(known.keySet());
        PeerCache cache = PeerCache.of(directory.lasting(), devices);
        if (!anew) {
            known.putAll(cache.read(doubtful));
            doubtful.removeAll(known.keySet());
        }
        return doubtful.isEmpty() ? Map.of() : tried(doubtful, cache);
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
