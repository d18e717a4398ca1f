package org.tp4j.device.cuda;

import org.tp4j.device.Block;

/** Device memory that a stream's cache handed out. */
final class CudaBlock extends Block {
    private final DevicePointer pointer;
    private final long bytes;

    CudaBlock(DevicePointer pointer, long bytes) {
        this.pointer = pointer;
        this.bytes = bytes;
    }

    DevicePointer pointer() {
        return pointer;
    }

    @Override
    public long bytes() {
        return bytes;
    }
}
