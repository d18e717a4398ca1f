// Driver calls about streams and events.

#include "driver_api.h"
#include "driver_call.h"

#include <chrono>

using namespace emulator;

namespace {

constexpr unsigned streamFlags = 1;     // CU_STREAM_NON_BLOCKING
constexpr unsigned disableTiming = 2;   // CU_EVENT_DISABLE_TIMING
constexpr unsigned eventFlags = 1 | 2;  // CU_EVENT_BLOCKING_SYNC as well

void create(Emulator& machine, CUstream* handle, unsigned flags) {
    const Device& device = machine.current();
    require((flags & ~streamFlags) == 0, CUDA_ERROR_INVALID_VALUE);
    *handle = machine.streams.add(machine.timeline.open(device.ordinal, flags));
}

void requireAlive(Emulator& machine, int device) {
    const CUresult dead = machine.device(device).dead;
    require(dead == CUDA_SUCCESS, dead);
}

void record(Emulator& machine, CUevent handle, CUstream streamHandle) {
    Event& event = machine.events.get(handle);
    Stream& stream = machine.stream(streamHandle);
    require(event.device == stream.device, CUDA_ERROR_INVALID_HANDLE);
    event.recorded = machine.enqueue(stream, "cuEventRecord", nullptr);
    event.unrecorded = nullptr;
}

void dropRecord(Emulator& machine, CUevent event, CUstream stream) {
    machine.events.get(event).unrecorded = machine.stream(stream).last;
}

void missOnHost(Emulator& machine, const OperationPtr& operation) {
    machine.missed += machine.timeline.hostLearns(operation) ? 1 : 0;
}

void missOnStream(Emulator& machine, const Stream& stream, const OperationPtr& operation) {
    machine.missed += machine.timeline.streamLearns(stream, operation) ? 1 : 0;
}

}  // namespace

DRIVER_CALL cuStreamCreate(CUstream* stream, unsigned flags) {
    return driverCall(__func__, Answers(stream), [&](Emulator& machine) { create(machine, stream, flags); });
}

DRIVER_CALL cuStreamCreateWithPriority(CUstream* stream, unsigned flags, int) {
    return driverCall(__func__, Answers(stream), [&](Emulator& machine) { create(machine, stream, flags); });
}

// What is pending on it still runs.
DRIVER_CALL cuStreamDestroy_v2(CUstream handle) {
    return driverCall(__func__, [&](Emulator& machine) {
        machine.timeline.close(machine.streams.get(handle));
        machine.streams.remove(handle);
    });
}

DRIVER_CALL cuStreamSynchronize(CUstream handle) {
    return orderingCall(
        __func__,
        [&](Emulator& machine) {
            const Stream& stream = machine.stream(handle);
            requireAlive(machine, stream.device);
            machine.wait(stream.last);
        },
        [&](Emulator& machine) { missOnHost(machine, machine.stream(handle).last); });
}

DRIVER_CALL cuStreamQuery(CUstream handle) {
    return orderingCall(
        __func__,
        [&](Emulator& machine) {
            const Stream& stream = machine.stream(handle);
            requireAlive(machine, stream.device);
            const bool done = machine.timeline.poll(stream.last);
            requireAlive(machine, stream.device);
            require(done, CUDA_ERROR_NOT_READY);
        },
        [&](Emulator& machine) { missOnHost(machine, machine.stream(handle).last); });
}

DRIVER_CALL cuStreamWaitEvent(CUstream handle, CUevent eventHandle, unsigned flags) {
    return orderingCall(
        __func__,
        [&](Emulator& machine) {
            require(flags <= 1, CUDA_ERROR_INVALID_VALUE);
            const Event& event = machine.events.get(eventHandle);
            Stream& stream = machine.stream(handle);
            if (event.recorded) {  // waiting for what was never recorded is no wait at all
                machine.enqueue(stream, "cuStreamWaitEvent", nullptr, {event.recorded});
            }
            missOnStream(machine, stream, event.unrecorded);
        },
        [&](Emulator& machine) {
            missOnStream(machine, machine.stream(handle), machine.events.get(eventHandle).recorded);
        });
}

DRIVER_CALL cuStreamGetFlags(CUstream handle, unsigned* flags) {
    return driverCall(__func__, Answers(flags), [&](Emulator& machine) { *flags = machine.stream(handle).flags; });
}

DRIVER_CALL cuStreamGetPriority(CUstream handle, int* priority) {
    return driverCall(__func__, Answers(priority), [&](Emulator& machine) {
        machine.stream(handle);
        *priority = 0;
    });
}

DRIVER_CALL cuEventCreate(CUevent* handle, unsigned flags) {
    return driverCall(__func__, Answers(handle), [&](Emulator& machine) {
        require((flags & ~eventFlags) == 0, CUDA_ERROR_INVALID_VALUE);
        *handle = machine.events.add(Event{machine.current().ordinal, flags, nullptr, nullptr});
    });
}

DRIVER_CALL cuEventDestroy_v2(CUevent handle) {
    return driverCall(__func__, [&](Emulator& machine) {
        machine.events.get(handle);
        machine.events.remove(handle);
    });
}

DRIVER_CALL cuEventRecord(CUevent event, CUstream stream) {
    return orderingCall(
        __func__, [&](Emulator& machine) { record(machine, event, stream); },
        [&](Emulator& machine) { dropRecord(machine, event, stream); });
}

DRIVER_CALL cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned flags) {
    return orderingCall(
        __func__,
        [&](Emulator& machine) {
            require(flags == 0, CUDA_ERROR_INVALID_VALUE);
            record(machine, event, stream);
        },
        [&](Emulator& machine) { dropRecord(machine, event, stream); });
}

DRIVER_CALL cuEventSynchronize(CUevent handle) {
    return orderingCall(
        __func__,
        [&](Emulator& machine) {
            const Event& event = machine.events.get(handle);
            requireAlive(machine, event.device);
            machine.wait(event.recorded);
            missOnHost(machine, event.unrecorded);
        },
        [&](Emulator& machine) { missOnHost(machine, machine.events.get(handle).recorded); });
}

DRIVER_CALL cuEventQuery(CUevent handle) {
    return orderingCall(
        __func__,
        [&](Emulator& machine) {
            const Event& event = machine.events.get(handle);
            requireAlive(machine, event.device);
            const bool done = machine.timeline.poll(event.recorded);
            requireAlive(machine, event.device);
            require(done, CUDA_ERROR_NOT_READY);
            missOnHost(machine, event.unrecorded);
        },
        [&](Emulator& machine) { missOnHost(machine, machine.events.get(handle).recorded); });
}

DRIVER_CALL cuEventElapsedTime(float* milliseconds, CUevent startHandle, CUevent endHandle) {
    return driverCall(__func__, Answers(milliseconds), [&](Emulator& machine) {
        const Event& start = machine.events.get(startHandle);
        const Event& end = machine.events.get(endHandle);
        require(start.device == end.device, CUDA_ERROR_INVALID_HANDLE);
        require(start.recorded && end.recorded, CUDA_ERROR_INVALID_HANDLE);
        require(((start.flags | end.flags) & disableTiming) == 0, CUDA_ERROR_INVALID_HANDLE);
        require(start.recorded->done && end.recorded->done, CUDA_ERROR_NOT_READY);
        const std::chrono::duration<float, std::milli> elapsed = end.recorded->finished - start.recorded->finished;
        *milliseconds = elapsed.count();
    });
}
