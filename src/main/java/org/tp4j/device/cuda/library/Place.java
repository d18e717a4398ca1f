package org.tp4j.device.cuda.library;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Where libraries may lie. */
@FunctionalInterface
interface Place {
    /**
     * Where a file of that name would lie here, in the order in which to look; most of them do not exist.
     *
     * @throws IOException if that cannot be found out
     */
    List<Path> candidates(String name) throws IOException;

    /**
     * What in a folder matches a pattern, the last name first, so that of {@code cuda-12.4} and {@code cuda-12.6} the
     * newer one is; nothing if there is no such folder.
     *
     * @throws IOException if there is one that cannot be listed
     */
    static List<Path> matching(Path folder, String pattern) throws IOException {
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> children = Files.newDirectoryStream(folder, pattern)) {
            children.forEach(found::add);
        } catch (NoSuchFileException | NotDirectoryException e) {
            return List.of();
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        found.sort(Comparator.reverseOrder());
        return found;
    }
}
