package org.tp4j.device.cpu;

import java.util.Arrays;
import org.tp4j.device.Nonlinearity;
import org.tp4j.tensor.BFloat16;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.Float16;
import org.tp4j.tensor.HostMatrix;

/** Arithmetic in f64, on matrices of any dtype. */
final class DoubleLanes implements Lanes {
    private final float[] floats = new float[LENGTH];
    private final short[] halves = new short[LENGTH];
    private double[][] slots = {};

    @Override
    public void load(int slot, HostMatrix source, long row, long column, int length) {
        double[] values = slot(slot);
        int at = source.indexInSegment(row, column);
        switch (source.dtype()) {
            case F64 -> source.doubles(row).get(at, values, 0, length);
            case F32 -> {
                source.floats(row).get(at, floats, 0, length);
                for (int i = 0; i < length; i++) {
                    values[i] = floats[i];
                }
            }
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
        }
    }

    @Override
    public void repeat(int slot, int period, int length) {
        double[] values = slot(slot);
        for (int done = period; done < length; done *= 2) {
            System.arraycopy(values, 0, values, done, Math.min(done, length - done));
        }
    }

    @Override
    public void gather(int slot, int other, int offset, int stride, int length) {
        double[] gathered = slot(slot);
        double[] values = slots[other];
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
        double[] sums = slots[slot];
        double[] values = slots[other];
        for (int i = 0; i < length; i++) {
            sums[i] += values[i];
        }
    }

    @Override
    public void apply(Nonlinearity f, DType result, int slot, int length) {
        double[] values = slots[slot];
        switch (f) {
            case NONE -> {}
            case RELU -> {
                for (int i = 0; i < length; i++) {
                    values[i] = Math.max(values[i], 0.0);
                }
            }
            case GELU, GELU_TANH, SILU -> {
                if (result != DType.F64) {
                    SmoothFunctions.apply(f, values, length);
                    return;
                }
                for (int i = 0; i < length; i++) {
                    values[i] = f.apply(values[i]);
                }
            }
        }
    }

    @Override
    public void multiply(int slot, int other, int length) {
        double[] products = slots[slot];
        double[] values = slots[other];
        for (int i = 0; i < length; i++) {
            products[i] *= values[i];
        }
    }

    @Override
    public void store(int slot, HostMatrix destination, long row, long column, int length) {
        double[] values = slots[slot];
        int at = destination.indexInSegment(row, column);
        switch (destination.dtype()) {
            case F64 -> destination.doubles(row).put(at, values, 0, length);
            case F32 -> {
                for (int i = 0; i < length; i++) {
                    floats[i] = (float) values[i];
                }
                destination.floats(row).put(at, floats, 0, length);
            }
            case F16 -> {
                for (int i = 0; i < length; i++) {
                    halves[i] = toFloat16(values[i]);
                }
                destination.halves(row).put(at, halves, 0, length);
            }
            case BF16 -> {
                for (int i = 0; i < length; i++) {
                    halves[i] = toBFloat16(values[i]);
                }
                destination.halves(row).put(at, halves, 0, length);
            }
        }
    }

    /** As {@link Float16#fromDouble}: by way of the nearest float, unless that is a tie, or might be one. */
    private static short toFloat16(double value) {
        float nearest = (float) value;
        int bits = Float.floatToRawIntBits(nearest);
        boolean normal = (bits & 0x7fffffff) >= 0x38800000;
        return normal && (bits & 0x1fff) != 0x1000 ? Float16.fromFloat(nearest) : Float16.fromDouble(value);
    }

    /** As {@link BFloat16#fromDouble}: by way of the nearest float, unless that is a tie. */
    private static short toBFloat16(double value) {
        float nearest = (float) value;
        boolean tie = (Float.floatToRawIntBits(nearest) & 0xffff) == 0x8000;
        return tie ? BFloat16.fromDouble(value) : BFloat16.fromFloat(nearest);
    }

    private double[] slot(int slot) {
        while (slots.length <= slot) {
            slots = Arrays.copyOf(slots, slots.length + 1);
            slots[slots.length - 1] = new double[CAPACITY];
        }
        return slots[slot];
    }
}
