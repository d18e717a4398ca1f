package org.tp4j.device.cuda.library;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Where a library is found, on a machine that is a folder. */
@EnabledOnOs(OS.LINUX)
class LibrarySearchTest {
    private static final Soname WANTED = new Soname("libcublas.so.12", true);
    private static final Soname NEXT = new Soname("libcublas.so.13", false);

    @TempDir
    private Path root;

    private final Map<String, String> environment = new HashMap<>();

    @Test
    void nowhere() {
        assertEquals(
                "none is in LD_LIBRARY_PATH, the loader's cache, the system's folders, /usr/local/cuda*, Python's packages",
                refusal());
    }

    @Test
    void firstInLdLibraryPath() throws IOException {
        Path file = library("b/libcublas.so.12");
        library("usr/local/cuda/lib64/libcublas.so.12");
        environment.put("LD_LIBRARY_PATH", root.resolve("a") + "::" + root.resolve("b"));
        found(file, "LD_LIBRARY_PATH");
    }

    @Test
    void inTheLoadersCache() throws IOException {
        Path file = library("opt/libcublas.so.12");
        writeCache(new byte[0], file);
        found(file, "the loader's cache");
    }

    @Test
    void inTheLoadersCacheOfAnOlderSystem() throws IOException {
        Path file = library("opt/libcublas.so.12");
        writeCache("ld.so-1.7.0\0 and its entries".getBytes(StandardCharsets.US_ASCII), file);
        found(file, "the loader's cache");
    }

    @Test
    void inTheSystemsFolders() throws IOException {
        Path mounted = library("usr/local/nvidia/lib64/libcublas.so.12");
        found(mounted, "the system's folders");
        Path usual = library("usr/lib/x86_64-linux-gnu/libcublas.so.12");
        found(usual, "the system's folders");
    }

    @Test
    void aDamagedCacheIsNamed() throws IOException {
        Files.createDirectories(root.resolve("etc"));
        Files.writeString(root.resolve("etc/ld.so.cache"), "glibc-ld.so.cache1.1 and then nothing of use, but long");
        assertTrue(
                refusal().startsWith("the loader's cache cannot be searched: it is damaged: run ldconfig"), refusal());
    }

    @Test
    void inTheNewestToolkit() throws IOException {
        library("usr/local/cuda-12.4/lib64/libcublas.so.12");
        Path file = library("usr/local/cuda-12.6/targets/x86_64-linux/lib/libcublas.so.12");
        found(file, "/usr/local/cuda*");
    }

    @Test
    void inTheToolkitThatTheMachineNames() throws IOException {
        library("usr/local/cuda-12.6/lib64/libcublas.so.12");
        Path file = library("usr/local/cuda/lib64/libcublas.so.12");
        found(file, "/usr/local/cuda*");
    }

    @Test
    void inAVirtualEnvironment() throws IOException {
        Path file = library("venv/lib/python3.11/site-packages/nvidia/cublas/lib/libcublas.so.12");
        environment.put("VIRTUAL_ENV", root.resolve("venv").toString());
        found(file, "Python's packages");
    }

    @Test
    void inAnEnvironmentOfConda() throws IOException {
        Path file = library("conda/lib/libcublas.so.12");
        environment.put("CONDA_PREFIX", root.resolve("conda").toString());
        found(file, "Python's packages");
    }

    @Test
    void thatOfCuda13InAVirtualEnvironment() throws IOException {
        Path file = ElfBytes.write(
                root.resolve("venv/lib/python3.12/site-packages/nvidia/cu13/lib/libcublas.so.13"), "libcublas.so.13");
        environment.put("VIRTUAL_ENV", root.resolve("venv").toString());
        assertEquals(Optional.of(file), search().first(NEXT, each -> {}).map(LibrarySearch.Found::file));
    }

    @Test
    void besideThePythonOnThePath() throws IOException {
        Path file = library("python/lib/python3.10/site-packages/nvidia/cublas/lib/libcublas.so.12");
        Files.createDirectories(root.resolve("python/bin"));
        Files.createDirectories(root.resolve("bin"));
        Files.copy(Path.of("/bin/sh"), root.resolve("python/bin/python3.10"));
        Files.createSymbolicLink(root.resolve("bin/python3"), root.resolve("python/bin/python3.10"));
        environment.put("PATH", root.resolve("nothing") + ":" + root.resolve("bin"));
        found(file, "Python's packages");
    }

    /** As pyenv and asdf have it. */
    @Test
    void wherePythonsScriptSaysThatItIs() throws IOException {
        Path file = library("versions/3.9/lib/python3.9/site-packages/nvidia/cublas/lib/libcublas.so.12");
        script("echo " + root.resolve("versions/3.9"));
        found(file, "Python's packages");
    }

    @Test
    void aScriptThatDoesNotEndIsGivenUp() throws IOException {
        Path script = script("sleep 60");
        assertEquals(
                "Python's packages cannot be searched: " + script + " does not say where it is installed;"
                        + " no other is in LD_LIBRARY_PATH, the loader's cache, the system's folders, /usr/local/cuda*",
                refusal());
    }

    @Test
    void inDebiansAndTheUsersPackages() throws IOException {
        Path ofDebian = library("usr/lib/python3/dist-packages/nvidia/cublas/lib/libcublas.so.12");
        found(ofDebian, "Python's packages");
        Path ofTheUser = library("home/me/.local/lib/python3.11/site-packages/nvidia/cublas/lib/libcublas.so.12");
        found(ofTheUser, "Python's packages");
    }

    /** What is refused is named with its place, once, and the search goes on. */
    @Test
    void theNextPlaceIsAskedAfterARefusal() throws IOException {
        Path unversioned = ElfBytes.write(root.resolve("a/libcublas.so.12"), "libcublas.so.12");
        environment.put("LD_LIBRARY_PATH", root.resolve("a") + ":" + root.resolve("a"));
        String refusal = unversioned + ", from LD_LIBRARY_PATH, does not define the version libcublas.so.12";
        assertEquals(
                refusal
                        + "; no other is in the loader's cache, the system's folders, /usr/local/cuda*, Python's packages",
                refusal());

        Path file = library("usr/local/cuda/lib64/libcublas.so.12");
        LibrarySearch search = search();
        assertEquals(Optional.of(file), search.first(WANTED, each -> {}).map(LibrarySearch.Found::file));
        assertEquals(List.of(refusal), search.refusals());
    }

    /** A file that looks right and does not load is refused too. */
    @Test
    void theNextPlaceIsAskedAfterAFailure() throws IOException {
        Path first = library("a/libcublas.so.12");
        Path second = library("usr/local/cuda/lib64/libcublas.so.12");
        environment.put("LD_LIBRARY_PATH", root.resolve("a").toString());
        LibrarySearch search = search();
        Optional<LibrarySearch.Found> found = search.first(WANTED, file -> {
            if (file.equals(first)) {
                throw new UnusableLibraryException("does not load");
            }
        });
        assertEquals(Optional.of(second), found.map(LibrarySearch.Found::file));
        assertEquals(List.of(first + ", from LD_LIBRARY_PATH, does not load"), search.refusals());
    }

    private void found(Path file, String place) {
        assertEquals(Optional.of(new LibrarySearch.Found(file, place)), search().first(WANTED, each -> {}));
    }

    private String refusal() {
        LibrarySearch search = search();
        assertEquals(Optional.empty(), search.first(WANTED, each -> {}));
        return search.told();
    }

    private LibrarySearch search() {
        return LibrarySearch.ofEverything(new Surroundings(root, root.resolve("home/me"), environment));
    }

    private Path library(String path) throws IOException {
        return ElfBytes.write(root.resolve(path), "libcublas.so.12", "libcublas.so.12");
    }

    private Path script(String line) throws IOException {
        Path script = root.resolve("shims/python3");
        Files.createDirectories(script.getParent());
        Files.writeString(script, "#!/bin/sh\n" + line + "\n");
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
        environment.put("PATH", script.getParent().toString());
        return script;
    }

    /** With an entry of 32 bits before ours. */
    private void writeCache(byte[] before, Path file) throws IOException {
        byte[] strings =
                (WANTED.name() + "\0/wrong/" + WANTED.name() + "\0" + file + "\0").getBytes(StandardCharsets.US_ASCII);
        int start = (before.length + 7) / 8 * 8;
        int texts = 48 + 2 * 24;
        ByteBuffer cache = ByteBuffer.allocate(start + texts).order(ByteOrder.LITTLE_ENDIAN);
        cache.put(before).position(start);
        cache.put("glibc-ld.so.cache1.1".getBytes(StandardCharsets.US_ASCII))
                .putInt(2)
                .putInt(strings.length);
        cache.position(start + 48);
        int wrong = texts + WANTED.name().length() + 1;
        int right = wrong + "/wrong/".length() + WANTED.name().length() + 1;
        cache.putInt(0x0003).putInt(texts).putInt(wrong).putInt(0).putLong(0);
        cache.putInt(0x0303).putInt(texts).putInt(right).putInt(0).putLong(0);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.write(cache.array());
        bytes.write(strings);
        Files.createDirectories(root.resolve("etc"));
        Files.write(root.resolve("etc/ld.so.cache"), bytes.toByteArray());
    }
}
