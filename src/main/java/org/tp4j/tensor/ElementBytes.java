package org.tp4j.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A long run of equally sized elements in some byte order, in memory, reached through short windows. Unlike a {@link
 * HostMatrix} it need not be native or of a known dtype.
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

    /** The elements in {@code memory}, which the caller keeps open. */
    ElementBytes(HostMemory memory, long count, int elementBytes, ByteOrder order) {
        this.segments = new ByteBuffer[Math.toIntExact((count * elementBytes + SEGMENT - 1) / SEGMENT)];
        this.count = count;
        this.elementBytes = elementBytes;
        this.order = order;
        for (int i = 0; i < segments.length; i++) {
            segments[i] = memory.window(i * SEGMENT, Math.min(SEGMENT + OVERLAP, count * elementBytes - i * SEGMENT));
        }
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
}
