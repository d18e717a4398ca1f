package org.tp4j.device.cuda;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.tp4j.device.ChildProcess;

/**
 * Tries pairs of devices in processes of their own. One that dies, or must be killed, tells by what it printed last which
 * pair it was at; another one tries the rest.
 */
final class PeerTrials {
    /** What one process may take to start and to open its devices, and what each pair may take. */
    private static final Duration START = Duration.ofSeconds(20);

    private static final Duration EACH = Duration.ofSeconds(1);

    /** All processes together may take so many times what one may. */
    private static final int MOST_TIMES = 3;

    private static final Pattern LINE = Pattern.compile("(?<word>REFUSED|STAGING|ACCESSING|FOUND) (?<rest>.+)");

    private static final List<String> OPTIONS = List.of(
            "-Xmx64m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:-UsePerfData",
            "-XX:+SuppressFatalErrorMessage",
            "-XX:-CreateCoredumpOnCrash",
            "--enable-native-access=ALL-UNNAMED");

    private final Path natives;
    private final Map<PeerPair, PeerRoute> found = new LinkedHashMap<>();

    /** @param natives where this process has its native libraries, for the others */
    PeerTrials(Path natives) {
        this.natives = natives;
    }

    /**
     * What became of some trials.
     *
     * @param found each pair that was tried, and those that ended a process
     * @param obstacle why the rest could not be tried, which may be otherwise another time; empty if there is no rest
     */
    record Outcome(Map<PeerPair, PeerRoute> found, Optional<String> obstacle) {
        Outcome {
            found = Map.copyOf(found);
        }
    }

    Map<PeerPair, PeerRoute> found() {
        return Map.copyOf(found);
    }

    /** Tries pairs that the driver offers access for; never throws. An interrupted thread keeps its flag. */
    Outcome run(List<PeerPair> pairs) {
        long start = System.nanoTime();
        long most = limit(pairs).multipliedBy(MOST_TIMES).toNanos();
        List<PeerPair> left = new ArrayList<>(pairs);
        while (!left.isEmpty()) {
            if (System.nanoTime() - start > most) {
                return new Outcome(found, Optional.of("the trials of other pairs took too long"));
            }
            Optional<String> obstacle = runOnce(left);
            int before = left.size();
            left.removeAll(found.keySet());
            if (left.size() == before) {
                return new Outcome(found, obstacle);
            }
        }
        return new Outcome(found, Optional.empty());
    }

    private static Duration limit(List<PeerPair> pairs) {
        return START.plus(EACH.multipliedBy(pairs.size()));
    }

    /** Lets one process try; what keeps it from it, if it finds nothing. */
    private Optional<String> runOnce(List<PeerPair> pairs) {
        try {
            ChildProcess.Ended child = ChildProcess.run(
                    ChildProcess.java(
                            PeerTrial.class,
                            Map.of("tp4j.natives", natives.toString(), PeerMode.PROPERTY, PeerMode.OFF.label()),
                            OPTIONS,
                            pairs.stream().map(PeerPair::code).toList()),
                    limit(pairs));
            return read(pairs, child);
        } catch (IOException e) {
            return Optional.of("its process did not start: " + e.getMessage());
        } catch (OutOfMemoryError e) { // there is no thread, or no memory, for it: others may do with what there is
            return Optional.of("its process did not start: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.of("the thread was interrupted");
        }
    }

    /** Notes what one process found, or was at when it ended; what kept it from it, if it found nothing. */
    Optional<String> read(List<PeerPair> pairs, ChildProcess.Ended child) {
        Optional<String> refusal = Optional.empty();
        Optional<PeerPair> staging = Optional.empty();
        Optional<PeerPair> accessing = Optional.empty();
        for (String line : child.lines()) {
            Matcher parts = LINE.matcher(line);
            if (!parts.matches()) {
                continue; // what others print in that process
            }
            String rest = parts.group("rest");
            switch (PeerTrial.Word.valueOf(parts.group("word"))) {
                case REFUSED -> refusal = Optional.of(rest);
                case STAGING -> staging = pair(pairs, rest);
                case ACCESSING -> {
                    accessing = staging;
                    staging = Optional.empty();
                }
                case FOUND -> {
                    Optional<PeerPair> pair = pair(pairs, rest.split(" ", 2)[0]);
                    Optional<PeerRoute> route = PeerRoute.parsed(rest.substring(rest.indexOf(' ') + 1));
                    pair.ifPresent(each -> route.ifPresent(way -> found.put(each, way)));
                    staging = Optional.empty();
                    accessing = Optional.empty();
                }
            }
        }
        String end = "the process that tried " + child.end();
        staging.ifPresent(pair -> found.put(pair, PeerRoute.relayed(end + " without peer access")));
        accessing.ifPresent(pair -> found.put(pair, PeerRoute.staged(end)));
        return Optional.of(refusal.orElseGet(() -> "the process that tries " + child.end()
                + (child.complaint().equals(child.end()) ? "" : ": " + child.complaint())));
    }

    private static Optional<PeerPair> pair(List<PeerPair> pairs, String code) {
        return pairs.stream().filter(pair -> pair.code().equals(code)).findFirst();
    }
}
