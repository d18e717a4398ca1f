package org.tp4j.device.cuda;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** A kernel's parameter structure, written field by field; every field of it is aligned to its size. Reused. */
final class Parameter {
    private final ByteBuffer bytes;

    /** A structure of this size. */
    Parameter(int size) {
        bytes = ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder());
    }

    /** Starts again at the first field. */
    Parameter begin() {
        bytes.clear();
        return this;
    }

    Parameter pointer(DevicePointer pointer) {
        bytes.putLong(pointer.address());
        return this;
    }

    Parameter nullPointer() {
        bytes.putLong(0);
        return this;
    }

    Parameter int64(long value) {
        bytes.putLong(value);
        return this;
    }

    Parameter int32(int value) {
        bytes.putInt(value);
        return this;
    }

    Parameter flag(boolean value) {
        return int32(value ? 1 : 0);
    }

    /** The whole structure. */
    ByteBuffer end() {
        if (bytes.hasRemaining()) {
            throw new IllegalStateException("a kernel's parameter has " + bytes.capacity() + " bytes, but "
                    + bytes.position() + " were written");
        }
        return bytes;
    }
}
