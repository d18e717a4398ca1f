package org.tp4j.device.cpu;

import org.bytedeco.javacpp.Pointer;

/** A native address, for the C library's memory functions. */
final class Address extends Pointer {
    private Address(long address) {
        this.address = address;
    }

    /** Sets {@code bytes} bytes from {@code address} on to {@code value}. */
    static void fill(long address, int value, long bytes) {
        memset(new Address(address), value, bytes);
    }

    /** Copies {@code bytes} bytes, as if by way of a third place. */
    static void copy(long from, long to, long bytes) {
        memmove(new Address(to), new Address(from), bytes);
    }
}
