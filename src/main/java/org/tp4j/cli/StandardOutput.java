package org.tp4j.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Optional;

/** Standard output, which remembers why it could not be written; {@link System#out} only knows that. */
final class StandardOutput extends OutputStream {
    private final FileOutputStream stream = new FileOutputStream(FileDescriptor.out);
    private Optional<IOException> failure = Optional.empty();

    @Override
    public void write(int oneByte) throws IOException {
        write(new byte[] {(byte) oneByte}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        try {
            stream.write(bytes, offset, length);
        } catch (IOException e) {
            failure = failure.or(() -> Optional.of(e));
            throw e;
        }
    }

    /** Why something could not be written; empty also if nobody wants to read any more, as behind {@code | head}. */
    Optional<String> failure() {
        return failure.map(Throwable::getMessage).filter(reason -> !reason.contains("Broken pipe"));
    }
}
