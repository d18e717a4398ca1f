package org.tp4j.device.cpu;

import java.util.Arrays;
import org.tp4j.device.Nonlinearity;
import org.tp4j.tensor.BFloat16;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.Float16;
import org.tp4j.tensor.HostMatrix;

/** Arithmetic in f32, on matrices of at most 32 bits. */
final class FloatLanes implements Lanes {
    private final short[] halves = new short[LENGTH];
    private float[][] slots = {};

    @Override
    public void load(int slot, HostMatrix source, long row, long column, int length) {
        float[] values = slot(slot);
        int at = source.indexInSegment(row, column);
        switch (source.dtype()) {
            case F32 -> source.floats(row).get(at, values, 0, length);
            case F16 -> {
                source.halves(row).get(at, halves, 0, length);
                for (int i = 0; i < length; i++) {
                    values[i] = Float16.toFloat(halves[i]);
                }
            }
            case BF16 -> {
                source.halves(row).get(at, halves, 0, length);
                for (int i = 0; i < length; i++) {
                    values[i] = BFloat16.toFloat(halves[i]);
                }
            }
            case F64 -> throw notHere();
        }
    }

    @Override
    public void repeat(int slot, int period, int length) {
        float[] values = slot(slot);
        for (int done = period; done < length; done *= 2) {
            System.arraycopy(values, 0, values, done, Math.min(done, length - done));
        }
    }

    @Override
    public void gather(int slot, int other, int offset, int stride, int length) {
        float[] gathered = slot(slot);
        float[] values = slots[other];
        if (stride == 1) {
            System.arraycopy(values, offset, gathered, 0, length);
            return;
        }
        for (int i = 0; i < length; i++) {
            gathered[i] = values[offset + i * stride];
        }
    }

    @Override
    public void add(int slot, int other, int length) {
        float[] sums = slots[slot];
        float[] values = slots[other];
        for (int i = 0; i < length; i++) {
            sums[i] += values[i];
        }
    }

    @Override
    public void apply(Nonlinearity f, DType result, int slot, int length) {
        float[] values = slots[slot];
        switch (f) {
            case NONE -> {}
            case RELU -> {
                for (int i = 0; i < length; i++) {
                    values[i] = Math.max(values[i], 0f);
                }
            }
            case GELU, GELU_TANH, SILU ->
                throw new IllegalArgumentException(f.label() + " is not exact in f32: use f64");
        }
    }

    @Override
    public void multiply(int slot, int other, int length) {
        float[] products = slots[slot];
        float[] values = slots[other];
        for (int i = 0; i < length; i++) {
            products[i] *= values[i];
        }
    }

    @Override
    public void store(int slot, HostMatrix destination, long row, long column, int length) {
        float[] values = slots[slot];
        int at = destination.indexInSegment(row, column);
        switch (destination.dtype()) {
            case F32 -> destination.floats(row).put(at, values, 0, length);
            case F16 -> {
                for (int i = 0; i < length; i++) {
                    halves[i] = Float16.fromFloat(values[i]);
                }
                destination.halves(row).put(at, halves, 0, length);
            }
            case BF16 -> {
                for (int i = 0; i < length; i++) {
                    halves[i] = BFloat16.fromFloat(values[i]);
                }
                destination.halves(row).put(at, halves, 0, length);
            }
            case F64 -> throw notHere();
        }
    }

    private float[] slot(int slot) {
        while (slots.length <= slot) {
            slots = Arrays.copyOf(slots, slots.length + 1);
            slots[slots.length - 1] = new float[CAPACITY];
        }
        return slots[slot];
    }

    private static IllegalArgumentException notHere() {
        return new IllegalArgumentException("f64 elements do not fit into f32 arithmetic: use f64");
    }
}
