package org.tp4j.device;

/** Who holds a block, and whether it was given back; shared by a matrix and its views. */
final class Lease {
    private final Block block;
    private Scope holder;
    private boolean ended; // only the holder's thread may use the matrix, so only it asks

    Lease(Scope holder, Block block) {
        this.holder = holder;
        this.block = block;
    }

    Block block() {
        return block;
    }

    Scope holder() {
        return holder;
    }

    void moveTo(Scope newHolder) {
        holder = newHolder;
    }

    boolean hasEnded() {
        return ended;
    }

    void end() {
        ended = true;
    }
}
