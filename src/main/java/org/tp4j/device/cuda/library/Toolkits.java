package org.tp4j.device.cuda.library;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** CUDA's toolkits where NVIDIA's installers put them: the one that {@code /usr/local/cuda} names, then all others. */
final class Toolkits implements Place {
    private static final List<String> INSIDE = List.of("lib64", "targets/x86_64-linux/lib");

    private final Path local;

    Toolkits(Surroundings surroundings) {
        this.local = surroundings.folder("usr/local");
    }

    @Override
    public List<Path> candidates(String name) throws IOException {
        List<Path> toolkits = new ArrayList<>(List.of(local.resolve("cuda")));
        toolkits.addAll(Place.matching(local, "cuda-*"));
        List<Path> candidates = new ArrayList<>();
        for (Path toolkit : toolkits) {
            INSIDE.forEach(inside -> candidates.add(toolkit.resolve(inside).resolve(name)));
        }
        return candidates;
    }
}
