package org.tp4j.tensor;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;

/**
 * A long run of equally sized elements in some byte order, mapped from a file or in memory, reached through short
 * windows. Unlike a {@link HostMatrix} it need not be aligned, native or of a known dtype.
 */
final class ElementBytes {
    /** The longest window, in elements. */
    static final int MAX_WINDOW = 1 << 16;

    private static final long SEGMENT = 1L << 29;
    private static final long OVERLAP = (long) MAX_WINDOW * Long.BYTES; // no window crosses the end of its segment

    private final ByteBuffer[] segments;
    private final long count;
    private final int elementBytes;
    private final ByteOrder order;

    private ElementBytes(long count, int elementBytes, ByteOrder order) {
        this.segments = new ByteBuffer[Math.toIntExact((count * elementBytes + SEGMENT - 1) / SEGMENT)];
        this.count = count;
        this.elementBytes = elementBytes;
        this.order = order;
    }

    /** Read-only elements that start at {@code offset} of a file. */
    static ElementBytes map(InputFile file, long offset, long count, int elementBytes, ByteOrder order)
            throws IOException {
        ElementBytes elements = new ElementBytes(count, elementBytes, order);
        for (int i = 0; i < elements.segments.length; i++) {
            elements.segments[i] =
                    file.channel().map(FileChannel.MapMode.READ_ONLY, offset + i * SEGMENT, elements.segmentBytes(i));
        }
        return elements;
    }

    /** The elements in {@code memory}, which the caller keeps open. */
    static ElementBytes on(HostMemory memory, long count, int elementBytes, ByteOrder order) {
        ElementBytes elements = new ElementBytes(count, elementBytes, order);
        for (int i = 0; i < elements.segments.length; i++) {
            elements.segments[i] = memory.window(i * SEGMENT, elements.segmentBytes(i));
        }
        return elements;
    }

    long count() {
        return count;
    }

    int elementBytes() {
        return elementBytes;
    }

    ByteOrder order() {
        return order;
    }

    /** Elements {@code [first, first + length)} in their byte order; position 0. */
    ByteBuffer window(long first, int length) {
        long at = first * elementBytes;
        return segments[(int) (at / SEGMENT)]
                .slice((int) (at % SEGMENT), length * elementBytes)
                .order(order);
    }

    /** Stores {@code length} elements, from {@code offset} bytes of an array on. */
    void put(long first, byte[] source, int offset, int length) {
        long at = first * elementBytes;
        segments[(int) (at / SEGMENT)].put((int) (at % SEGMENT), source, offset, length * elementBytes);
    }

    /** Copies whole elements, bit by bit, from one byte order to another. */
    static void copy(ByteBuffer source, ByteBuffer destination, int elementBytes) {
        switch (elementBytes) {
            case Byte.BYTES -> destination.put(source);
            case Short.BYTES -> destination.asShortBuffer().put(source.asShortBuffer());
            case Integer.BYTES -> destination.asIntBuffer().put(source.asIntBuffer());
            case Long.BYTES -> destination.asLongBuffer().put(source.asLongBuffer());
            default -> throw new IllegalArgumentException("no number has " + elementBytes + " bytes");
        }
    }

    private long segmentBytes(int i) {
        return Math.min(SEGMENT + OVERLAP, count * elementBytes - i * SEGMENT);
    }
}
