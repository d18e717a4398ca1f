package org.tp4j.tensor;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

/**
 * A regular file that is open for reading, with the size it had when it was opened. Any number of threads may read it at
 * the same time. A {@link java.nio.channels.FileChannel} would be closed for all of them when one is interrupted; this
 * one stays open, and a thread that is interrupted stops at its next piece.
 */
final class InputFile implements Closeable {
    /** What is read at once, so that an interrupted thread stops soon. */
    private static final int PIECE = 8 << 20;

    private final Path path;
    private final AsynchronousFileChannel channel;
    private final long size;

    private InputFile(Path path, AsynchronousFileChannel channel) throws IOException {
        this.path = path;
        this.channel = channel;
        this.size = channel.size();
    }

    /** Opens {@code path}, which must be a regular file that is not empty. */
    static InputFile open(Path path) throws IOException {
        BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
        if (attributes.isDirectory()) {
            throw new MatrixFileException(path, "is a folder: name a file in it");
        }
        if (!attributes.isRegularFile()) {
            throw new MatrixFileException(path, "is a pipe or a device: it must be a regular file");
        }
        if (attributes.size() == 0) {
            throw new MatrixFileException(path, "is empty (0 bytes): it must hold a header and data");
        }
        return new InputFile(
                path, AsynchronousFileChannel.open(path, Set.of(StandardOpenOption.READ), new CallingThread()));
    }

    /** Makes a tensor of what an open file holds; the file is closed unless the tensor still lies in it. */
    static TensorSource read(Path path, Reader reader) throws MatrixFileException {
        boolean stays = false;
        InputFile file;
        try {
            file = open(path);
        } catch (IOException e) {
            throw MatrixFileException.reading(path, e);
        }
        try {
            TensorSource tensor = reader.read(file);
            stays = tensor.matrix() instanceof FileMatrix;
            return tensor;
        } catch (IOException e) {
            throw MatrixFileException.reading(path, e);
        } finally {
            if (!stays) {
                file.closeQuietly();
            }
        }
    }

    /** What is made of an open file. */
    @FunctionalInterface
    interface Reader {
        TensorSource read(InputFile file) throws IOException;
    }

    Path path() {
        return path;
    }

    long size() {
        return size;
    }

    /** {@code length} bytes from {@code offset}, which were in the file when it was opened. */
    ByteBuffer read(long offset, int length) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        read(offset, bytes);
        return bytes.flip();
    }

    /**
     * Fills the rest of {@code destination} with the bytes from {@code offset} on, which were in the file when it was
     * opened.
     *
     * @throws MatrixFileException if they are no longer there, or the thread is interrupted
     */
    void read(long offset, ByteBuffer destination) throws IOException {
        int end = destination.limit();
        long start = offset - destination.position();
        while (destination.position() < end) {
            if (Thread.currentThread().isInterrupted()) {
                throw new MatrixFileException(path, "was not read to its end: the thread was interrupted");
            }
            destination.limit(Math.min(end, destination.position() + PIECE));
            long at = start + destination.position();
            if (readSome(at, destination) < 0) {
                throw new MatrixFileException(
                        path,
                        "was shortened while it was read: it had " + size + " bytes and ends before byte " + (at + 1)
                                + " now; leave it unchanged until the end");
            }
        }
        destination.limit(end);
    }

    /** The bytes from {@code offset} on, {@code length} of them at most; ends where the file does. */
    InputStream stream(long offset, long length) {
        return new InputStream() {
            private long at = offset;

            @Override
            public int read() throws IOException {
                byte[] one = new byte[1];
                return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
            }

            @Override
            public int read(byte[] bytes, int from, int wanted) throws IOException {
                int allowed = (int) Math.min(wanted, offset + length - at);
                if (allowed == 0) {
                    return wanted == 0 ? 0 : -1;
                }
                int count = readSome(at, ByteBuffer.wrap(bytes, from, allowed));
                at += Math.max(0, count);
                return count;
            }
        };
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    /** Closes the file; as nothing was written, nothing is lost if that fails. */
    void closeQuietly() {
        try {
            close();
        } catch (IOException e) {
            System.getLogger(InputFile.class.getName()).log(System.Logger.Level.DEBUG, path + " was not closed", e);
        }
    }

    /** Reads at least one byte of those wanted, and how many; -1 at the end of the file. */
    private int readSome(long offset, ByteBuffer destination) throws IOException {
        Future<Integer> count = channel.read(destination, offset); // done, where the executor serves reads
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return count.get();
                } catch (InterruptedException e) { // the destination must not be left to a read that goes on
                    interrupted = true;
                }
            }
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException failure ? failure : new IOException(e.getCause());
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
