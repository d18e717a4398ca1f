package org.tp4j.device.cuda;

import static jcuda.driver.JCudaDriver.cuDriverGetVersion;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32;
import jcuda.driver.CUresult;

/**
 * What trials found, kept in a file until the machine starts again, or its driver or devices are others. A file that is not
 * this user's own, or could have been written by another, is as good as none; so is one that cannot be read or written.
 */
final class PeerCache {
    private static final System.Logger LOG = System.getLogger(PeerCache.class.getName());

    private static final Path BOOT = Path.of("/proc/sys/kernel/random/boot_id");
    private static final Path RELEASE = Path.of("/proc/driver/nvidia/version");
    private static final Path OWN_PROCESS = Path.of("/proc/self");
    private static final long MOST_BYTES = 1 << 20;
    private static final String LAST_LINE = "end";

    private final Optional<Place> place;

    /**
     * A file of one machine.
     *
     * @param header what it must begin with: all that the trials depend on
     */
    private record Place(Path file, List<String> header) {}

    private PeerCache(Optional<Place> place) {
        this.place = place;
    }

    /**
     * The one for these devices.
     *
     * @param folder where to keep files; none if there is no lasting one
     */
    static PeerCache of(Optional<Path> folder, List<CudaDevice> devices) {
        return new PeerCache(folder.flatMap(each -> header(devices).map(header -> {
            CRC32 sum = new CRC32();
            sum.update(String.join("\n", header.subList(2, header.size())).getBytes(StandardCharsets.UTF_8));
            return new Place(each.resolve("peers-" + Long.toHexString(sum.getValue())), header);
        })));
    }

    /** Boot, driver, devices in their order; none if something of it is unknown. */
    private static Optional<List<String>> header(List<CudaDevice> devices) {
        int[] version = new int[1];
        if (cuDriverGetVersion(version) != CUresult.CUDA_SUCCESS) {
            return Optional.empty();
        }
        List<String> header = new ArrayList<>();
        try {
            header.add("tp4j peers 1, boot " + Files.readString(BOOT).strip());
        } catch (IOException e) {
            return Optional.empty();
        }
        header.add("driver " + version[0] + " " + release());
        for (CudaDevice device : devices) {
            Optional<String> identity = device.identity();
            if (identity.isEmpty()) {
                return Optional.empty();
            }
            header.add("device " + device.index() + " " + identity.get());
        }
        return Optional.of(header);
    }

    /** The kernel's part of the driver, which may be replaced while the machine runs. */
    private static String release() {
        try (BufferedReader lines = Files.newBufferedReader(RELEASE)) {
            return String.valueOf(lines.readLine());
        } catch (IOException e) {
            return "unknown";
        }
    }

    /** What is known of some pairs; those of which nothing is known are missing. */
    Map<PeerPair, PeerRoute> read(List<PeerPair> pairs) {
        Map<String, PeerRoute> all = readAll();
        Map<PeerPair, PeerRoute> known = new LinkedHashMap<>();
        for (PeerPair pair : pairs) {
            if (all.containsKey(pair.code())) {
                known.put(pair, all.get(pair.code()));
            }
        }
        return known;
    }

    /** Keeps what was found, beside what was kept before. */
    void write(Map<PeerPair, PeerRoute> found) {
        if (place.isEmpty() || found.isEmpty()) {
            return;
        }
        Map<String, PeerRoute> all = new LinkedHashMap<>(readAll());
        found.forEach((pair, route) -> all.put(pair.code(), route));
        List<String> lines = new ArrayList<>(place.get().header());
        all.forEach((code, route) -> lines.add(code + " " + route.line()));
        lines.add(LAST_LINE);
        try {
            replace(place.get().file(), lines);
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "what was found of peer access is not kept", e);
        }
    }

    private static void replace(Path file, List<String> lines) throws IOException {
        Files.createDirectories(file.getParent());
        Path unfinished = Files.createTempFile(file.getParent(), "peers-", ".new"); // which its owner alone may write
        try {
            Files.write(unfinished, lines);
            Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(unfinished);
        }
    }

    private Map<String, PeerRoute> readAll() {
        try {
            return place.isEmpty()
                    ? Map.of()
                    : parsed(lines(place.get().file()), place.get().header());
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "nothing is known of peer access", e);
            return Map.of();
        }
    }

    private static List<String> lines(Path file) throws IOException {
        PosixFileAttributes attributes =
                Files.readAttributes(file, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (!attributes.isRegularFile()
                || attributes.size() > MOST_BYTES
                || !attributes.owner().equals(Files.getOwner(OWN_PROCESS))
                || attributes.permissions().contains(PosixFilePermission.GROUP_WRITE)
                || attributes.permissions().contains(PosixFilePermission.OTHERS_WRITE)) {
            throw new IOException(file + " is not a file that this user alone writes");
        }
        try (InputStream in = Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
        }
    }

    /** Nothing, unless every line is right. */
    private static Map<String, PeerRoute> parsed(List<String> lines, List<String> header) throws IOException {
        int last = lines.size() - 1;
        if (last < header.size()
                || !lines.subList(0, header.size()).equals(header)
                || !lines.get(last).equals(LAST_LINE)) {
            throw new IOException("what is kept is of another machine, or not whole");
        }
        Map<String, PeerRoute> routes = new LinkedHashMap<>();
        for (String line : lines.subList(header.size(), last)) {
            int space = line.indexOf(' ');
            PeerRoute route = PeerRoute.parsed(line.substring(space + 1))
                    .orElseThrow(() -> new IOException("what is kept has a line that means nothing: " + line));
            routes.put(line.substring(0, Math.max(0, space)), route);
        }
        return routes;
    }
}
