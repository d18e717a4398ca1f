package org.tp4j.device.cpu;

import org.tp4j.device.Nonlinearity;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/**
 * Scratch arrays that fit the first-level cache, and arithmetic on them in one accumulator dtype. Elements are loaded in
 * bulk, worked on by loops that the compiler vectorizes, and stored in bulk with one rounding. A slot is an array's
 * number; slots come into being when they are first loaded. Belongs to one stream.
 */
sealed interface Lanes permits FloatLanes, DoubleLanes {
    /** The most elements that are worked on at a time. */
    int LENGTH = 4096;

    /** The most elements that a slot holds. */
    int CAPACITY = 2 * LENGTH;

    /** {@code slot = elements} from {@code (row, column)} on, exactly. */
    void load(int slot, HostMatrix source, long row, long column, int length);

    /** {@code slot = slot[0, period)} again and again, {@code length} elements in all. */
    void repeat(int slot, int period, int length);

    /** {@code slot[i] = other[offset + i * stride]}. */
    void gather(int slot, int other, int offset, int stride, int length);

    /** {@code slot += other}. */
    void add(int slot, int other, int length);

    /** {@code slot = f(slot)}, good enough for a result of this dtype. */
    void apply(Nonlinearity f, DType result, int slot, int length);

    /** {@code slot *= other}. */
    void multiply(int slot, int other, int length);

    /** {@code elements from (row, column) on = slot}, each rounded once. */
    void store(int slot, HostMatrix destination, long row, long column, int length);
}
