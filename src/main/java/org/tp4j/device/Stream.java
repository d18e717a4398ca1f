package org.tp4j.device;

import java.time.Duration;
import java.util.List;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.MatrixSource;
import org.tp4j.tensor.WeightLayout;

/**
 * A device's ordered queue, and the whole of what a backend owes. One thread enqueues on it. An operation checks its
 * arguments before it enqueues anything; whether it has run when the call returns is the backend's affair. No operation
 * checks who owns a matrix: callers do that with {@link DeviceMatrix#checked()}, because a collective may read what a
 * peer owns.
 */
public interface Stream extends AutoCloseable {
    /** The device that runs this queue. */
    Device device();

    /**
     * Memory for a packed matrix, elements undefined. Backs {@link Scope#allocate}, which is what callers use.
     *
     * @throws DeviceException if the device has no memory left
     */
    DeviceMatrix allocate(Scope scope, DType dtype, long rows, long columns);

    /** A matrix over host memory, or a copy of it where the device cannot address that. Backs {@link Scope#borrow}. */
    DeviceMatrix borrow(Scope scope, HostMatrix source);

    /**
     * A matrix that serves as the w of {@link #gemm} alone, each element rounded once to {@code dtype}: a copy, or the
     * source itself where products can read it. Backs {@link Scope#borrowWeight}.
     */
    DeviceMatrix borrowWeight(Scope scope, MatrixSource source, DType dtype);

    /** Gives a matrix's memory back for reuse by what is enqueued later, behind its {@link ReadGuard}. */
    void release(DeviceMatrix matrix);

    /**
     * {@code destination = source}, each element rounded once to the destination's dtype; shapes are equal. The source is
     * not needed any more when this returns.
     */
    void upload(MatrixSource source, DeviceMatrix destination);

    /** {@code destination = source}, of equal shape and dtype; has happened when this returns. */
    void download(DeviceMatrix source, HostMatrix destination, Duration limit);

    /** {@code destination = +0}; it may be strided. */
    void zero(DeviceMatrix destination);

    /** {@code destination = source}, of equal shape and dtype; either may be strided or on another device. */
    void copy(DeviceMatrix source, DeviceMatrix destination);

    /**
     * One matrix product, {@code y = x W^T} or {@code y = x W}. x is (tokens, in); w is (out, in) or (in, out); y is
     * (tokens, out). x and w have one dtype and y has its accumulator's; each may be strided. With no input features y is
     * +0. The bits of y depend on the numbers, the shape, the strides and nothing else.
     */
    void gemm(DeviceMatrix x, DeviceMatrix w, WeightLayout layout, DeviceMatrix y);

    /**
     * The sum of {@code parts}, plus {@code addends}, rounded once, into every one of {@code destinations}: for the
     * elements {@code [from, to)} of the matrices, counted in row-major order. Sums have one order, the binary tree:
     * neighbours first, {@code (part 0 + part 1) + (part 2 + part 3)} and so on; an odd last part moves up unchanged.
     *
     * <p>Parts are packed, equal in shape, and of the destinations' accumulator dtype; destinations are packed and of one
     * dtype; the addends have the destinations' dtype or their accumulator's. A single part is allowed: then this rounds
     * and adds. Any one part may be a destination, and so may the residual; no other overlap is allowed.
     */
    void reduce(List<DeviceMatrix> parts, long from, long to, Addends addends, List<DeviceMatrix> destinations);

    /**
     * {@code destination = f(source)}, elementwise, rounded once; equal shapes; the source has the destination's dtype or
     * its accumulator's, or any if f is {@link Nonlinearity#NONE}. They may be the same matrix.
     */
    void apply(Nonlinearity f, DeviceMatrix source, DeviceMatrix destination);

    /** {@code destination = f(gate) * up}, elementwise, rounded once; equal shapes; any may be strided; sources have the
     * destination's dtype or its accumulator's. */
    void applyGated(Nonlinearity f, DeviceMatrix gate, DeviceMatrix up, DeviceMatrix destination);

    /** Marks the end of what is enqueued so far. */
    void record(Event event);

    /**
     * Makes what is enqueued later wait for the event's last record.
     *
     * @throws IllegalStateException if the event was never recorded
     */
    void await(Event event);

    /**
     * Waits on the host until all that is enqueued has run.
     *
     * @throws DeviceException if the device failed, or {@code limit} passed
     */
    void synchronize(Duration limit);

    /** Frees the stream and the memory it kept for reuse, once all has run; a second call does nothing. */
    @Override
    void close();
}
