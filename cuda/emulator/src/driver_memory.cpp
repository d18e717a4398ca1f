// Driver calls that give out memory, take it back and fill it.

#include "crossing.h"
#include "driver_api.h"
#include "driver_call.h"

#include <cstring>

using namespace emulator;

namespace {

std::uint64_t capacity(const Emulator& machine) {
    return machine.settings.memoryMiB << 20;
}

Allocation& liveAt(Emulator& machine, Address begin, const char* call) {
    Allocation* allocation = machine.memory->find(begin);
    if (allocation != nullptr && !allocation->live) {
        machine.reports.add(std::string(call) + ": freed twice: " + allocation->describe());
        throw DriverError(CUDA_ERROR_INVALID_VALUE);
    }
    if (allocation == nullptr || allocation->begin != begin) {
        refuseHandle(CUDA_ERROR_INVALID_VALUE, "beginning of an allocation", begin);
    }
    return *allocation;
}

// A driver may or may not wait here; a program that relies on it frees what a device still uses. For a device that
// hangs it does wait.
void checkIdle(Emulator& machine, const Allocation& allocation, const char* call) {
    if (machine.timeline.hangs(allocation.owner == hostOwner ? machine.current().ordinal : allocation.owner)) {
        throw Hang();
    }
    const auto user = machine.races.unknownTo(machine.host.mine(), allocation.begin, allocation.end());
    if (user) {
        machine.reports.add(std::string(call) + ": frees " + allocation.describe() + ", used by " + *user +
                            ", which this thread of the host never waited for");
    }
    machine.races.forget(allocation.begin, allocation.end());
}

void pinned(Emulator& machine, void** pointer, std::size_t bytes) {
    machine.current();
    require(bytes > 0, CUDA_ERROR_INVALID_VALUE);
    *pointer = reinterpret_cast<void*>(machine.memory->allocate(hostOwner, bytes).begin);
}

/** Rows of equal elements, each `width` elements long. */
struct Fill {
    CUdeviceptr begin;
    std::size_t pitch;
    std::size_t width;
    std::size_t height;
    unsigned value;
    unsigned elementBytes;

    std::size_t rowBytes() const { return width * elementBytes; }
};

void fillRow(const Fill& fill, Address row) {
    if (fill.elementBytes == 1) {
        std::memset(reinterpret_cast<void*>(row), static_cast<int>(fill.value), fill.width);
        return;
    }
    for (std::size_t element = 0; element < fill.width; element++) {
        std::memcpy(reinterpret_cast<void*>(row + element * fill.elementBytes), &fill.value, fill.elementBytes);
    }
}

void fillAll(const Fill& fill, Accesses& accesses) {
    for (std::size_t row = 0; row < fill.height; row++) {
        accesses.write(fill.begin + row * fill.pitch, fill.rowBytes());
        fillRow(fill, fill.begin + row * fill.pitch);
    }
}

void enqueueFill(Emulator& machine, const char* call, const Fill& fill, CUstream handle) {
    Stream& stream = machine.currentStream(handle);
    require(fill.begin % fill.elementBytes == 0, CUDA_ERROR_INVALID_VALUE);
    if (fill.width == 0 || fill.height == 0) {
        return;
    }
    require(fill.height == 1 || (fill.pitch >= fill.rowBytes() && fill.pitch % fill.elementBytes == 0),
            CUDA_ERROR_INVALID_VALUE);
    const std::string wrong = machine.memory->complaint(fill.begin, fill.pitch * (fill.height - 1) + fill.rowBytes());
    if (!wrong.empty()) {
        machine.reports.add(std::string(call) + " writes " + wrong);
        throw DriverError(CUDA_ERROR_INVALID_VALUE);
    }
    machine.enqueue(stream, call, [&machine, fill, device = stream.device](Accesses& accesses) {
        Crossing(machine.settings.links, device, accesses).run([&] { fillAll(fill, accesses); });
    });
}

CUresult fill(const char* call, const Fill& fill, CUstream stream) {
    return driverCall(call, [&](Emulator& machine) { enqueueFill(machine, call, fill, stream); });
}

}  // namespace

DRIVER_CALL cuMemAlloc_v2(CUdeviceptr* pointer, std::size_t bytes) {
    return driverCall(__func__, Answers(pointer), [&](Emulator& machine) {
        const Device& device = machine.current();
        require(bytes > 0, CUDA_ERROR_INVALID_VALUE);
        require(bytes <= capacity(machine) - machine.memory->liveBytes(device.ordinal), CUDA_ERROR_OUT_OF_MEMORY);
        *pointer = machine.memory->allocate(device.ordinal, bytes).begin;
    });
}

DRIVER_CALL cuMemFree_v2(CUdeviceptr pointer) {
    return driverCall(__func__, [&](Emulator& machine) {
        machine.current();
        if (pointer == 0) {
            return;
        }
        Allocation& allocation = liveAt(machine, pointer, "cuMemFree");
        require(allocation.owner != hostOwner, CUDA_ERROR_INVALID_VALUE);
        checkIdle(machine, allocation, "cuMemFree");
        machine.memory->free(allocation);
    });
}

DRIVER_CALL cuMemGetInfo_v2(std::size_t* free, std::size_t* total) {
    return driverCall(__func__, Answers(free, total), [&](Emulator& machine) {
        *total = capacity(machine);
        *free = *total - machine.memory->liveBytes(machine.current().ordinal);
    });
}

DRIVER_CALL cuMemGetAddressRange_v2(CUdeviceptr* base, std::size_t* bytes, CUdeviceptr pointer) {
    return driverCall(__func__, Answers(base, bytes), [&](Emulator& machine) {
        const Allocation* allocation = machine.memory->find(pointer);
        require(allocation != nullptr && allocation->live, CUDA_ERROR_NOT_FOUND);
        *base = allocation->begin;
        *bytes = allocation->bytes;
    });
}

DRIVER_CALL cuMemAllocHost_v2(void** pointer, std::size_t bytes) {
    return driverCall(__func__, Answers(pointer), [&](Emulator& machine) { pinned(machine, pointer, bytes); });
}

DRIVER_CALL cuMemHostAlloc(void** pointer, std::size_t bytes, unsigned) {
    return driverCall(__func__, Answers(pointer), [&](Emulator& machine) { pinned(machine, pointer, bytes); });
}

DRIVER_CALL cuMemFreeHost(void* pointer) {
    return driverCall(__func__, [&](Emulator& machine) {
        machine.current();
        Allocation& allocation = liveAt(machine, reinterpret_cast<Address>(pointer), "cuMemFreeHost");
        require(allocation.owner == hostOwner && !allocation.registered, CUDA_ERROR_INVALID_VALUE);
        checkIdle(machine, allocation, "cuMemFreeHost");
        machine.memory->free(allocation);
    });
}

DRIVER_CALL cuMemHostRegister_v2(void* pointer, std::size_t bytes, unsigned) {
    return driverCall(__func__, [&](Emulator& machine) {
        machine.current();
        const auto begin = reinterpret_cast<Address>(pointer);
        require(pointer != nullptr && bytes > 0, CUDA_ERROR_INVALID_VALUE);
        for (const Address end : {begin, begin + bytes - 1}) {
            const Allocation* there = machine.memory->find(end);
            require(there == nullptr || !there->live, CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
        }
        machine.memory->registerHost(begin, bytes);
    });
}

DRIVER_CALL cuMemHostUnregister(void* pointer) {
    return driverCall(__func__, [&](Emulator& machine) {
        machine.current();
        Allocation* allocation = machine.memory->find(reinterpret_cast<Address>(pointer));
        require(allocation != nullptr && allocation->live && allocation->registered &&
                    allocation->begin == reinterpret_cast<Address>(pointer),
                CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
        checkIdle(machine, *allocation, "cuMemHostUnregister");
        machine.memory->unregisterHost(*allocation);
    });
}

DRIVER_CALL cuMemHostGetDevicePointer_v2(CUdeviceptr* device, void* host, unsigned) {
    return driverCall(__func__, Answers(device), [&](Emulator& machine) {
        const Allocation* allocation = machine.memory->find(reinterpret_cast<Address>(host));
        require(allocation != nullptr && allocation->live && allocation->owner == hostOwner, CUDA_ERROR_INVALID_VALUE);
        *device = reinterpret_cast<Address>(host);
    });
}

DRIVER_CALL cuMemsetD8_v2(CUdeviceptr begin, unsigned char value, std::size_t count) {
    return fill(__func__, {begin, 0, count, 1, value, 1}, nullptr);
}

DRIVER_CALL cuMemsetD16_v2(CUdeviceptr begin, unsigned short value, std::size_t count) {
    return fill(__func__, {begin, 0, count, 1, value, 2}, nullptr);
}

DRIVER_CALL cuMemsetD32_v2(CUdeviceptr begin, unsigned value, std::size_t count) {
    return fill(__func__, {begin, 0, count, 1, value, 4}, nullptr);
}

DRIVER_CALL cuMemsetD8Async(CUdeviceptr begin, unsigned char value, std::size_t count, CUstream stream) {
    return fill(__func__, {begin, 0, count, 1, value, 1}, stream);
}

DRIVER_CALL cuMemsetD16Async(CUdeviceptr begin, unsigned short value, std::size_t count, CUstream stream) {
    return fill(__func__, {begin, 0, count, 1, value, 2}, stream);
}

DRIVER_CALL cuMemsetD32Async(CUdeviceptr begin, unsigned value, std::size_t count, CUstream stream) {
    return fill(__func__, {begin, 0, count, 1, value, 4}, stream);
}

DRIVER_CALL cuMemsetD2D8Async(CUdeviceptr begin, std::size_t pitch, unsigned char value, std::size_t width,
                              std::size_t height, CUstream stream) {
    return fill(__func__, {begin, pitch, width, height, value, 1}, stream);
}

DRIVER_CALL cuMemsetD2D16Async(CUdeviceptr begin, std::size_t pitch, unsigned short value, std::size_t width,
                               std::size_t height, CUstream stream) {
    return fill(__func__, {begin, pitch, width, height, value, 2}, stream);
}

DRIVER_CALL cuMemsetD2D32Async(CUdeviceptr begin, std::size_t pitch, unsigned value, std::size_t width,
                               std::size_t height, CUstream stream) {
    return fill(__func__, {begin, pitch, width, height, value, 4}, stream);
}
