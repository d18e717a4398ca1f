// Driver calls about the driver itself, devices and their primary contexts.

#include "driver_api.h"
#include "driver_call.h"

#include <cstdio>
#include <cstring>
#include <functional>
#include <string>

using namespace emulator;

namespace {

// https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html, CUdevice_attribute.
enum Attribute : int {
    maxThreadsPerBlock = 1,
    maxBlockX = 2,
    maxBlockY = 3,
    maxBlockZ = 4,
    maxGridX = 5,
    maxGridY = 6,
    maxGridZ = 7,
    maxSharedPerBlock = 8,
    totalConstantMemory = 9,
    warpSize = 10,
    maxPitch = 11,
    maxRegistersPerBlock = 12,
    clockRate = 13,
    multiprocessors = 16,
    canMapHostMemory = 19,
    concurrentKernels = 31,
    pciBus = 33,
    pciDevice = 34,
    memoryClockRate = 36,
    memoryBusWidth = 37,
    l2CacheBytes = 38,
    maxThreadsPerMultiprocessor = 39,
    asyncEngines = 40,
    unifiedAddressing = 41,
    pciDomain = 50,
    capabilityMajor = 75,
    capabilityMinor = 76,
    managedMemory = 83,
    memoryPools = 115,
};

int attribute(const Settings& settings, int device, int which) {
    switch (which) {
        case maxThreadsPerBlock:
        case maxBlockX:
        case maxBlockY:
            return 1024;
        case maxBlockZ:
            return 64;
        case maxGridX:
        case maxPitch:
            return 0x7fffffff;
        case maxGridY:
        case maxGridZ:
            return 65535;
        case maxSharedPerBlock:
            return 48 * 1024;
        case totalConstantMemory:
        case maxRegistersPerBlock:
            return 64 * 1024;
        case warpSize:
            return 32;
        case multiprocessors:
            return settings.multiprocessors.of(device);
        case maxThreadsPerMultiprocessor:
            return 2048;
        case clockRate:
        case memoryClockRate:
            return 1000000;
        case memoryBusWidth:
            return 256;
        case l2CacheBytes:
            return 4 << 20;
        case canMapHostMemory:
        case concurrentKernels:
        case unifiedAddressing:
            return 1;
        case asyncEngines:
            return 2;
        case capabilityMajor:
            return settings.capability.of(device) / 10;
        case capabilityMinor:
            return settings.capability.of(device) % 10;
        case pciBus:
            return device;
        case pciDevice:
        case pciDomain:
        case managedMemory:
        case memoryPools:
            return 0;
        default:
            throw DriverError(CUDA_ERROR_INVALID_VALUE);
    }
}

void copyText(const std::string& text, char* into, int length) {
    require(into != nullptr && length > 0, CUDA_ERROR_INVALID_VALUE);
    std::snprintf(into, static_cast<std::size_t>(length), "%s", text.c_str());
}

bool reaches(const Emulator& machine, int from, int to) {
    return from != to && machine.settings.links.between(from, to).reaches;
}

// Machines of other settings are other machines: what a program has found out of one it must not believe of the next.
unsigned machineNumber() {
    std::string settings;
    for (const char* key : {"peers", "fault", "drop"}) {
        settings += Settings::variable(key) + "\n";
    }
    return static_cast<unsigned>(std::hash<std::string>()(settings) & 0xffff);
}

// https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html, CUdevice_P2PAttribute.
int peerAttribute(const Emulator& machine, int which, int from, int to) {
    const bool reached = reaches(machine, from, to);
    const bool atomics = reached && machine.settings.links.between(from, to).atomics;
    switch (which) {
        case 1:  // how the pair ranks among all, 0 the fastest
            return atomics ? 0 : 1;
        case 2:  // whether there is access
        case 4:  // and to arrays
            return reached ? 1 : 0;
        case 3:  // whether atomic operations work
            return atomics ? 1 : 0;
        default:
            throw DriverError(CUDA_ERROR_INVALID_VALUE);
    }
}

}  // namespace

DRIVER_CALL cuInit(unsigned flags) {
    Emulator& machine = Emulator::root();
    std::lock_guard<std::mutex> lock(machine.mutex);
    try {
        machine.faults.strike("cuInit", -1);
        require(flags == 0, CUDA_ERROR_INVALID_VALUE);
        require(machine.settings.devices > 0, CUDA_ERROR_NO_DEVICE);
        machine.initialize();
        return CUDA_SUCCESS;
    } catch (const Dropped&) {
        return CUDA_SUCCESS;
    } catch (const DeviceFault& fault) {  // there is no device yet to kill
        return fault.code;
    } catch (const DriverError& error) {
        return error.code;
    }
}

DRIVER_CALL cuDriverGetVersion(int* version) {
    *version = Emulator::root().settings.driver;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuGetErrorName(CUresult code, const char** name) {
    *name = errorName(code);
    return *name == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

DRIVER_CALL cuGetErrorString(CUresult code, const char** text) {
    *text = errorText(code);
    return *text == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

DRIVER_CALL cuDeviceGetCount(int* count) {
    return driverCall(__func__, Answers(count),
                      [&](Emulator& machine) { *count = static_cast<int>(machine.devices.size()); });
}

DRIVER_CALL cuDeviceGet(CUdevice* device, int ordinal) {
    return driverCall(__func__, Answers(device), [&](Emulator& machine) { *device = machine.device(ordinal).ordinal; });
}

DRIVER_CALL cuDeviceGetName(char* name, int length, CUdevice device) {
    return driverCall(__func__, [&](Emulator& machine) {
        copyText(machine.settings.name.of(machine.device(device).ordinal), name, length);
    });
}

DRIVER_CALL cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
    return driverCall(__func__, Answers(uuid), [&](Emulator& machine) {
        std::memset(uuid->bytes, 0, sizeof uuid->bytes);
        std::snprintf(uuid->bytes, sizeof uuid->bytes, "emulated%02d%04x", machine.device(device).ordinal,
                      machineNumber());
    });
}

DRIVER_CALL cuDeviceGetPCIBusId(char* id, int length, CUdevice device) {
    return driverCall(__func__, [&](Emulator& machine) {
        char text[32];
        std::snprintf(text, sizeof text, "0000:%02x:00.0", static_cast<unsigned>(machine.device(device).ordinal));
        copyText(text, id, length);
    });
}

DRIVER_CALL cuDeviceTotalMem_v2(std::size_t* bytes, CUdevice device) {
    return driverCall(__func__, Answers(bytes), [&](Emulator& machine) {
        machine.device(device);
        *bytes = machine.settings.memoryMiB << 20;
    });
}

DRIVER_CALL cuDeviceGetAttribute(int* value, int which, CUdevice device) {
    return driverCall(__func__, Answers(value), [&](Emulator& machine) {
        *value = attribute(machine.settings, machine.device(device).ordinal, which);
    });
}

DRIVER_CALL cuDeviceComputeCapability(int* major, int* minor, CUdevice device) {
    return driverCall(__func__, Answers(major, minor), [&](Emulator& machine) {
        const int capability = machine.settings.capability.of(machine.device(device).ordinal);
        *major = capability / 10;
        *minor = capability % 10;
    });
}

DRIVER_CALL cuDeviceCanAccessPeer(int* can, CUdevice device, CUdevice peer) {
    return driverCall(__func__, Answers(can), [&](Emulator& machine) {
        *can = reaches(machine, machine.device(device).ordinal, machine.device(peer).ordinal) ? 1 : 0;
    });
}

DRIVER_CALL cuDeviceGetP2PAttribute(int* value, int which, CUdevice source, CUdevice destination) {
    return driverCall(__func__, Answers(value), [&](Emulator& machine) {
        const int from = machine.device(source).ordinal;
        const int to = machine.device(destination).ordinal;
        require(from != to, CUDA_ERROR_INVALID_DEVICE);
        *value = peerAttribute(machine, which, from, to);
    });
}

DRIVER_CALL cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice ordinal) {
    return driverCall(__func__, Answers(context), [&](Emulator& machine) {
        Device& device = machine.device(ordinal);
        require(device.dead == CUDA_SUCCESS, device.dead);
        device.retained++;
        *context = contextOf(device);
    });
}

DRIVER_CALL cuDevicePrimaryCtxRelease_v2(CUdevice ordinal) {
    return driverCall(__func__, [&](Emulator& machine) {
        Device& device = machine.device(ordinal);
        require(device.retained > 0, CUDA_ERROR_INVALID_CONTEXT);
        if (--device.retained == 0) {
            machine.timeline.finishAll(ordinal);
            device.reachable = DeviceSet{1} << ordinal;
        }
    });
}

DRIVER_CALL cuDevicePrimaryCtxGetState(CUdevice ordinal, unsigned* flags, int* active) {
    return driverCall(__func__, Answers(flags, active), [&](Emulator& machine) {
        *flags = 0;
        *active = machine.device(ordinal).retained > 0 ? 1 : 0;
    });
}

DRIVER_CALL cuDevicePrimaryCtxSetFlags_v2(CUdevice ordinal, unsigned) {
    return driverCall(__func__, [&](Emulator& machine) { machine.device(ordinal); });
}

DRIVER_CALL cuCtxSetCurrent(CUcontext context) {
    return driverCall(__func__, [&](Emulator& machine) {
        std::vector<int>& stack = currentContexts();
        if (!stack.empty()) {
            stack.pop_back();
        }
        if (context != nullptr) {
            stack.push_back(machine.device(context).ordinal);
        }
    });
}

DRIVER_CALL cuCtxGetCurrent(CUcontext* context) {
    return driverCall(__func__, Answers(context), [&](Emulator& machine) {
        *context = currentContexts().empty() ? nullptr : contextOf(machine.device(currentContexts().back()));
    });
}

DRIVER_CALL cuCtxPushCurrent_v2(CUcontext context) {
    return driverCall(__func__,
                      [&](Emulator& machine) { currentContexts().push_back(machine.device(context).ordinal); });
}

DRIVER_CALL cuCtxPopCurrent_v2(CUcontext* context) {
    return driverCall(__func__, Answers(context), [&](Emulator& machine) {
        require(!currentContexts().empty(), CUDA_ERROR_INVALID_CONTEXT);
        if (context != nullptr) {
            *context = contextOf(machine.device(currentContexts().back()));
        }
        currentContexts().pop_back();
    });
}

DRIVER_CALL cuCtxGetDevice(CUdevice* device) {
    return driverCall(__func__, Answers(device), [&](Emulator&) {
        require(!currentContexts().empty(), CUDA_ERROR_INVALID_CONTEXT);
        *device = currentContexts().back();
    });
}

DRIVER_CALL cuCtxGetApiVersion(CUcontext, unsigned* version) {
    return driverCall(__func__, Answers(version), [&](Emulator&) { *version = 3020; });
}

DRIVER_CALL cuCtxGetStreamPriorityRange(int* least, int* greatest) {
    return driverCall(__func__, Answers(least, greatest), [&](Emulator& machine) {
        machine.current();
        *least = 0;
        *greatest = 0;
    });
}

DRIVER_CALL cuCtxSynchronize() {
    return orderingCall(
        __func__,
        [&](Emulator& machine) {
            const Device& device = machine.current();
            machine.timeline.finishAll(device.ordinal);
            require(device.dead == CUDA_SUCCESS, device.dead);
        },
        [&](Emulator& machine) { machine.missed += machine.timeline.hostLearns(machine.current().ordinal) ? 1 : 0; });
}

DRIVER_CALL cuCtxEnablePeerAccess(CUcontext peer, unsigned flags) {
    return driverCall(__func__, [&](Emulator& machine) {
        Device& here = machine.current();
        const Device& there = machine.device(peer);
        require(flags == 0, CUDA_ERROR_INVALID_VALUE);
        require(there.retained > 0, CUDA_ERROR_INVALID_CONTEXT);
        require(reaches(machine, here.ordinal, there.ordinal), CUDA_ERROR_PEER_ACCESS_UNSUPPORTED);
        const DeviceSet bit = DeviceSet{1} << there.ordinal;
        require((here.reachable & bit) == 0, CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED);
        here.reachable |= bit;
    });
}

DRIVER_CALL cuCtxDisablePeerAccess(CUcontext peer) {
    return driverCall(__func__, [&](Emulator& machine) {
        Device& here = machine.current();
        const DeviceSet bit = DeviceSet{1} << machine.device(peer).ordinal;
        require((here.reachable & bit) != 0 && here.ordinal != machine.device(peer).ordinal,
                CUDA_ERROR_PEER_ACCESS_NOT_ENABLED);
        here.reachable &= ~bit;
    });
}
