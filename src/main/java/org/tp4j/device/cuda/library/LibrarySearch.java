package org.tp4j.device.cuda.library;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** A search for libraries, place by place, that remembers what it refused and why. */
public final class LibrarySearch {
    /** Where glibc looks without its cache, and where containers and WSL have the driver mounted. */
    private static final List<String> SYSTEM_FOLDERS = List.of(
            "lib/x86_64-linux-gnu",
            "usr/lib/x86_64-linux-gnu",
            "lib64",
            "usr/lib64",
            "lib",
            "usr/lib",
            "usr/local/nvidia/lib64",
            "usr/lib/wsl/lib");

    private final List<NamedPlace> places = new ArrayList<>();
    private final List<String> refusals = new ArrayList<>();
    private final Set<String> placesOfRefusals = new HashSet<>();
    private final Set<Path> lookedAt = new HashSet<>();

    private record NamedPlace(String name, Place place) {}

    /**
     * A library that was found.
     *
     * @param file its path
     * @param place where that is, {@code "the loader's cache"}, say
     */
    public record Found(Path file, String place) {
        @Override
        public String toString() {
            return file + ", from " + place;
        }
    }

    /** What is done with a file that looks right; if that fails, the search goes on. */
    @FunctionalInterface
    public interface Use {
        /** Tries a file. Throws {@link UnusableLibraryException} if it does not load. */
        void of(Path file) throws UnusableLibraryException;
    }

    private LibrarySearch() {}

    /** A search where the system's loader looks, or should. */
    public static LibrarySearch ofTheSystem(Surroundings surroundings) {
        LibrarySearch search = new LibrarySearch();
        search.addFolders("LD_LIBRARY_PATH", surroundings.folders("LD_LIBRARY_PATH", ":;"));
        search.add("the loader's cache", name -> LoaderCache.files(surroundings.folder("etc/ld.so.cache"), name));
        search.addFolders(
                "the system's folders",
                SYSTEM_FOLDERS.stream().map(surroundings::folder).toList());
        return search;
    }

    /** A search where the system's loader looks, then in CUDA's toolkits, then in Python's packages. */
    public static LibrarySearch ofEverything(Surroundings surroundings) {
        LibrarySearch search = ofTheSystem(surroundings);
        search.add("/usr/local/cuda*", new Toolkits(surroundings));
        PythonPackages.all(surroundings).forEach(packages -> search.add("Python's packages", packages));
        return search;
    }

    /** The first file of that name that is the library and can be used. */
    public Optional<Found> first(Soname wanted, Use use) {
        for (NamedPlace place : places) {
            for (Path file : candidates(place, wanted)) {
                if (isUsable(file, place.name(), wanted, use)) {
                    return Optional.of(new Found(file, place.name()));
                }
            }
        }
        return Optional.empty();
    }

    /** What was refused so far, and why, in one sentence each. */
    public List<String> refusals() {
        return List.copyOf(refusals);
    }

    /** What was refused and why, then where nothing was found: {@code "FILE, from PLACE, is cut off; no other is in ..."}. */
    public String told() {
        List<String> told = new ArrayList<>(refusals);
        List<String> empty = places.stream()
                .map(NamedPlace::name)
                .distinct()
                .filter(place -> !placesOfRefusals.contains(place))
                .toList();
        if (!empty.isEmpty()) {
            told.add((told.isEmpty() ? "none is in " : "no other is in ") + String.join(", ", empty));
        }
        return String.join("; ", told);
    }

    private void add(String name, Place place) {
        places.add(new NamedPlace(name, place));
    }

    private void addFolders(String name, List<Path> folders) {
        add(name, file -> folders.stream().map(folder -> folder.resolve(file)).toList());
    }

    private List<Path> candidates(NamedPlace place, Soname wanted) {
        try {
            return place.place().candidates(wanted.name());
        } catch (FileSystemException e) {
            refuse(place.name(), place.name() + " cannot be searched: " + e.getFile() + ": " + Reasons.of(e));
        } catch (IOException e) {
            refuse(place.name(), place.name() + " cannot be searched: " + Reasons.of(e));
        }
        return List.of();
    }

    private boolean isUsable(Path file, String place, Soname wanted, Use use) {
        try {
            Path real = file.toRealPath();
            if (lookedAt.add(real)) {
                ElfLibrary.check(file, wanted);
                use.of(file);
                return true;
            }
        } catch (NoSuchFileException e) {
            return false;
        } catch (IOException e) {
            refuse(place, file + ", from " + place + ", cannot be read: " + Reasons.of(e));
        } catch (UnusableLibraryException e) {
            refuse(place, file + ", from " + place + ", " + e.getMessage());
        }
        return false;
    }

    private void refuse(String place, String sentence) {
        if (!refusals.contains(sentence)) {
            refusals.add(sentence);
        }
        placesOfRefusals.add(place);
    }
}
