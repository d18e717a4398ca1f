package org.tp4j.device.cuda.library;

import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLConnection;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;

/** A library on the class path, in a jar or, before there is one, in a folder. */
public final class PackedLibrary {
    private final URL url;

    private PackedLibrary(URL url) {
        this.url = url;
    }

    /** The one of that name, if the class path has it: {@code /lib/libJCublas2-12.6.0-linux-x86_64.so}, say. */
    public static Optional<PackedLibrary> of(String resource) {
        return Optional.ofNullable(PackedLibrary.class.getResource(resource)).map(PackedLibrary::new);
    }

    /** Its name without folders. */
    public String name() {
        return url.getPath().substring(url.getPath().lastIndexOf('/') + 1);
    }

    /** Where it lies if it is a file already and needs no unpacking. */
    public Optional<Path> file() {
        try {
            return url.getProtocol().equals("file") ? Optional.of(Path.of(url.toURI())) : Optional.empty();
        } catch (URISyntaxException e) {
            return Optional.empty();
        }
    }

    /** The CRC-32 of its bytes, which a jar knows without unpacking them. */
    long checksum() throws IOException {
        URLConnection connection = url.openConnection();
        if (connection instanceof JarURLConnection jar && jar.getJarEntry() != null) {
            return jar.getJarEntry().getCrc();
        }
        try (InputStream in = connection.getInputStream()) {
            return checksum(in);
        }
    }

    /** The CRC-32 of a file: a cryptographic hash would take most of the time that a look for devices takes. */
    static long checksum(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return checksum(in);
        }
    }

    void copyTo(Path file) throws IOException {
        try (InputStream in = url.openStream()) {
            Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private static long checksum(InputStream bytes) throws IOException {
        CRC32 sum = new CRC32();
        try (CheckedInputStream in = new CheckedInputStream(bytes, sum)) {
            byte[] buffer = new byte[1 << 20];
            while (in.read(buffer) >= 0) {
                // to the end
            }
        }
        return sum.getValue();
    }
}
