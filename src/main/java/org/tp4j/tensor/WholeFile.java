package org.tp4j.tensor;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * A file that appears whole under its name or not at all: written beside it under a name of its own, then renamed. The
 * beginning of a file is removed if writing fails and, by a shutdown hook, if the process is told to end. Of two writers
 * the last one to finish wins, whole.
 */
public final class WholeFile {
    private final Path target;
    private final Path temporary;
    private boolean ended;

    private WholeFile(Path target) {
        this.target = target;
        this.temporary = target.resolveSibling(".tp4j-" + UUID.randomUUID() + ".tmp");
    }

    /** What a file consists of. */
    @FunctionalInterface
    interface Content {
        void writeTo(WritableByteChannel channel) throws IOException;
    }

    /**
     * Writes these bytes to {@code file}, in place of what it held.
     *
     * @throws MatrixFileException if that fails; nothing is left behind then
     */
    public static void write(Path file, byte[] content) throws MatrixFileException {
        write(file, channel -> {
            ByteBuffer rest = ByteBuffer.wrap(content);
            while (rest.hasRemaining()) {
                channel.write(rest);
            }
        });
    }

    /**
     * Writes {@code file}, in place of what it held. A link is followed; a device or a pipe is written to directly.
     *
     * @throws MatrixFileException if that fails; nothing is left behind then
     */
    static void write(Path file, Content content) throws MatrixFileException {
        try {
            Path target = Files.exists(file) ? file.toRealPath() : file.toAbsolutePath();
            if (Files.isDirectory(target)) {
                throw new MatrixFileException(file, "is a folder: name a file in it");
            }
            Path folder = target.getParent();
            if (folder == null || !Files.isDirectory(folder)) {
                throw new MatrixFileException(
                        file, "cannot be written because there is no folder " + folder + ": create it first");
            }
            if (Files.exists(target) && !Files.isRegularFile(target)) {
                try (FileChannel channel = FileChannel.open(target, StandardOpenOption.WRITE)) {
                    content.writeTo(channel);
                }
                return;
            }
            new WholeFile(target).write(content);
        } catch (IOException e) {
            throw MatrixFileException.writing(file, e);
        }
    }

    private void write(Content content) throws IOException {
        Thread hook = new Thread(this::remove, "tp4j-remove-unfinished-file");
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            try (FileChannel channel = create()) {
                content.writeTo(channel);
            }
            finish();
        } finally {
            remove();
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
            } catch (IllegalStateException e) {
                // the process is ending: the hook has run, or will find nothing to remove
            }
        }
    }

    private synchronized FileChannel create() throws IOException {
        checkNotEnded();
        return FileChannel.open(temporary, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
    }

    private synchronized void finish() throws IOException {
        checkNotEnded();
        Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        ended = true;
    }

    private synchronized void remove() {
        if (!ended) {
            ended = true;
            try {
                Files.deleteIfExists(temporary);
            } catch (IOException e) {
                System.getLogger(WholeFile.class.getName())
                        .log(System.Logger.Level.WARNING, temporary + " is left over and can be removed", e);
            }
        }
    }

    private void checkNotEnded() throws IOException {
        if (ended) {
            throw new IOException("the process is ending");
        }
    }
}
