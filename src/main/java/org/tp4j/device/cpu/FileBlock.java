package org.tp4j.device.cpu;

import org.tp4j.device.Block;

/** Stands for the memory of a weight that stays in its file: there is none. */
final class FileBlock extends Block {
    @Override
    public long bytes() {
        return 0;
    }
}
