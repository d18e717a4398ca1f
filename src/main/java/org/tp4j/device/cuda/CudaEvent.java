package org.tp4j.device.cuda;

import static jcuda.driver.CUevent_flags.CU_EVENT_DISABLE_TIMING;
import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventDestroy;
import static jcuda.driver.JCudaDriver.cuEventQuery;
import static jcuda.driver.JCudaDriver.cuEventRecord;
import static jcuda.driver.JCudaDriver.cuStreamWaitEvent;

import java.time.Duration;
import java.util.function.Supplier;
import jcuda.driver.CUevent;
import jcuda.driver.CUstream;
import org.tp4j.device.Event;

/** A mark in a stream. CUDA takes a wait for one that was never recorded as done: here it is refused. */
final class CudaEvent implements Event {
    private enum State {
        NEW,
        RECORDED,
        CLOSED
    }

    private final CudaContext context;
    private final CUevent event;
    private volatile State state = State.NEW;

    CudaEvent(CudaContext context) {
        this.context = context;
        context.enter();
        this.event = context.made(
                new CUevent(), made -> cuEventCreate(made, CU_EVENT_DISABLE_TIMING), () -> "creating an event");
    }

    /** The event behind what a CUDA stream was given. */
    static CudaEvent of(Event event) {
        if (event instanceof CudaEvent own) {
            return own;
        }
        throw new IllegalArgumentException("an event of another kind of device ("
                + event.getClass().getSimpleName() + ") was used on a CUDA stream");
    }

    /**
     * Marks the end of what is enqueued on a stream of this event's device, whose context is current.
     *
     * @param behind what was enqueued last, for messages
     */
    void record(CUstream stream, Supplier<String> behind) {
        if (state == State.CLOSED) {
            throw new IllegalStateException("a CUDA event was recorded after it was closed");
        }
        context.check(cuEventRecord(event, stream), () -> "recording an event behind " + behind.get());
        state = State.RECORDED;
    }

    /**
     * Makes a stream of any device wait, whose context is current.
     *
     * @param behind what was enqueued last on that stream, for messages
     */
    void await(CudaContext waiting, CUstream stream, Supplier<String> behind) {
        if (state != State.RECORDED) {
            throw new IllegalStateException("a CUDA stream was told to await an event that was "
                    + (state == State.NEW ? "never recorded" : "closed"));
        }
        waiting.check(cuStreamWaitEvent(stream, event, 0), () -> "waiting for an event behind " + behind.get());
    }

    /** Waits on the host until the last record has been reached. */
    void awaitOnHost(Duration limit, Supplier<String> what) {
        new HostWait(context, limit, what).until(() -> cuEventQuery(event));
    }

    @Override
    public void close() {
        if (state != State.CLOSED) {
            state = State.CLOSED;
            if (context.enterToRelease()) {
                cuEventDestroy(event);
            }
        }
    }
}
