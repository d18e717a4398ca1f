package org.tp4j.device.cuda;

import static jcuda.driver.CUstream_flags.CU_STREAM_NON_BLOCKING;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamDestroy;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import jcuda.driver.CUstream;
import org.tp4j.device.DeviceException;

/**
 * Copies between devices that do not reach each other, through pinned host memory. Each half runs on a stream of the
 * device that it reads or writes; events order the halves, and no host thread waits. Belongs to one stream.
 */
final class Relay implements AutoCloseable {
    private static final String HALF_A_COPY = "half a copy through host memory";

    private final Port own;
    private final Map<CudaDevice, Port> others = new HashMap<>();
    private Optional<PinnedMemory> memory = Optional.empty();

    /** A device's stream, and the mark behind its last half of a copy. */
    private record Port(CudaDevice device, CUstream stream, CudaEvent reached) {
        /** What is enqueued here from now on comes after all that the other port was given. */
        void follow(Port other) {
            if (device != other.device) {
                other.device.context().enter();
                other.reached.record(other.stream, () -> HALF_A_COPY);
                device.context().enter();
                other.reached.await(device.context(), stream, () -> HALF_A_COPY);
            }
        }
    }

    Relay(CudaDevice device, CUstream stream) {
        this.own = new Port(device, stream, new CudaEvent(device.context()));
    }

    /** Enqueues a copy behind what the stream has been given, and before what it is given later. */
    void copy(Region source, Region target) {
        if (memory.isEmpty()) {
            memory = Optional.of(new PinnedMemory(own.device().context(), PinnedMemory.LARGEST));
        }
        PinnedMemory between = memory.get();
        Port from = port(source.device());
        Port to = port(target.device());
        Tile.forEach(source.dtype(), source.rows(), source.columns(), tile -> {
            half(from, stream -> Copies.toHost(stream, tile.of(source), between.pointer()));
            half(to, stream -> Copies.fromHost(stream, between.pointer(), tile.of(target)));
        });
        own.device().context().enter();
    }

    /** The own stream follows every half at once: what is freed on it is not in use, even if no other half is enqueued. */
    private void half(Port port, Consumer<CUstream> copy) {
        port.follow(own);
        port.device().context().enter();
        copy.accept(port.stream());
        own.follow(port);
    }

    /** Frees streams, events and memory; the own stream, and with it all others, is idle. */
    @Override
    public void close() {
        for (Port other : others.values()) {
            other.reached().close();
            if (other.device().context().enterToRelease()) {
                cuStreamDestroy(other.stream());
            }
        }
        own.reached().close();
        memory.ifPresent(PinnedMemory::close);
    }

    private Port port(CudaDevice device) {
        return device == own.device() ? own : others.computeIfAbsent(device, Relay::openPort);
    }

    private static Port openPort(CudaDevice device) {
        CudaEvent reached = new CudaEvent(device.context());
        try {
            CUstream stream = device.context()
                    .made(
                            new CUstream(),
                            made -> cuStreamCreate(made, CU_STREAM_NON_BLOCKING),
                            () -> "creating a stream");
            return new Port(device, stream, reached);
        } catch (DeviceException e) {
            reached.close();
            throw e;
        }
    }
}
