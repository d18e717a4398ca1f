package org.tp4j.tensor;

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;

/** A regular file that is open for reading, with the size it had when it was opened. */
final class InputFile implements Closeable {
    private final Path path;
    private final FileChannel channel;
    private final long size;

    private InputFile(Path path, FileChannel channel) throws IOException {
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
        return new InputFile(path, FileChannel.open(path, StandardOpenOption.READ));
    }

    Path path() {
        return path;
    }

    FileChannel channel() {
        return channel;
    }

    long size() {
        return size;
    }

    /** {@code length} bytes from {@code offset}, which the caller knows to be in the file. */
    ByteBuffer read(long offset, int length) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes, offset + bytes.position()) < 0) {
                throw new EOFException("it became shorter while it was read");
            }
        }
        return bytes.flip();
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
                int count = channel.read(ByteBuffer.wrap(bytes, from, allowed), at);
                at += Math.max(0, count);
                return count;
            }
        };
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
