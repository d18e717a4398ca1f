// Driver calls that copy.

#include "copy.h"
#include "driver_api.h"
#include "driver_call.h"

using namespace emulator;

namespace {

Side deviceSide(CUdeviceptr begin, std::size_t pitch = 0, std::size_t plane = 0) {
    return Side{begin, pitch, plane};
}

/** The copies that name no stream go to the null stream; those that involve the host's memory wait for it. */
void copyNow(Emulator& machine, const char* call, const Copy& copy, bool hostWaits) {
    Stream& legacy = machine.current().legacy;
    // The null stream is idle before pageable memory is read; when it has been read, the call returns.
    if (copy.source.pageable) {
        machine.wait(legacy.last);
    }
    enqueueCopy(machine, call, legacy, copy, Route::direct);
    if (hostWaits && !copy.source.pageable) {
        machine.wait(legacy.last);
    }
}

void copyLater(Emulator& machine, const char* call, const Copy& copy, Route route, CUstream stream) {
    enqueueCopy(machine, call, machine.currentStream(stream), copy, route);
}

Side side(Emulator& machine, CUmemorytype type, const void* host, CUdeviceptr device, std::size_t x, std::size_t y,
          std::size_t z, std::size_t pitch, std::size_t height) {
    const std::size_t plane = pitch * height;
    const std::size_t offset = z * plane + y * pitch + x;
    switch (type) {
        case CU_MEMORYTYPE_HOST:
            return hostSide(machine, static_cast<const char*>(host) + offset, pitch, plane);
        case CU_MEMORYTYPE_DEVICE:
            return deviceSide(device + offset, pitch, plane);
        case CU_MEMORYTYPE_UNIFIED: {
            const Allocation* allocation = machine.memory->find(device);
            return allocation == nullptr
                       ? hostSide(machine, reinterpret_cast<const void*>(device + offset), pitch, plane)
                       : deviceSide(device + offset, pitch, plane);
        }
        default:
            throw DriverError(CUDA_ERROR_NOT_SUPPORTED);
    }
}

void checkPitch(std::size_t pitch, std::size_t x, std::size_t width, std::size_t height) {
    require(height <= 1 || pitch >= x + width, CUDA_ERROR_INVALID_VALUE);
}

Copy planar(Emulator& machine, const CUDA_MEMCPY2D& c) {
    checkPitch(c.srcPitch, c.srcXInBytes, c.WidthInBytes, c.Height);
    checkPitch(c.dstPitch, c.dstXInBytes, c.WidthInBytes, c.Height);
    return Copy{side(machine, c.srcMemoryType, c.srcHost, c.srcDevice, c.srcXInBytes, c.srcY, 0, c.srcPitch, 0),
                side(machine, c.dstMemoryType, c.dstHost, c.dstDevice, c.dstXInBytes, c.dstY, 0, c.dstPitch, 0),
                c.WidthInBytes, c.Height};
}

Copy spatial(Emulator& machine, const CUDA_MEMCPY3D_PEER& c) {
    checkPitch(c.srcPitch, c.srcXInBytes, c.WidthInBytes, c.Height * c.Depth);
    checkPitch(c.dstPitch, c.dstXInBytes, c.WidthInBytes, c.Height * c.Depth);
    require(c.Depth <= 1 || (c.srcHeight >= c.srcY + c.Height && c.dstHeight >= c.dstY + c.Height),
            CUDA_ERROR_INVALID_VALUE);
    return Copy{
        side(machine, c.srcMemoryType, c.srcHost, c.srcDevice, c.srcXInBytes, c.srcY, c.srcZ, c.srcPitch, c.srcHeight),
        side(machine, c.dstMemoryType, c.dstHost, c.dstDevice, c.dstXInBytes, c.dstY, c.dstZ, c.dstPitch, c.dstHeight),
        c.WidthInBytes, c.Height, c.Depth};
}

/** A peer copy names the context of each side, which has to be its memory's. */
void checkOwner(Emulator& machine, CUcontext context, const Side& side) {
    const Device& device = machine.device(context);
    const Allocation* allocation = machine.memory->find(side.begin);
    require(device.retained > 0, CUDA_ERROR_INVALID_CONTEXT);
    require(device.dead == CUDA_SUCCESS, device.dead);
    require(allocation == nullptr || allocation->owner == device.ordinal, CUDA_ERROR_INVALID_VALUE);
}

void checkOwners(Emulator& machine, const Copy& copy, CUcontext source, CUcontext destination) {
    checkOwner(machine, source, copy.source);
    checkOwner(machine, destination, copy.destination);
}

/** Peer copies that name no stream come after all that was enqueued on the two devices. */
void copyPeerNow(Emulator& machine, const char* call, const Copy& copy, CUcontext source, CUcontext destination) {
    checkOwners(machine, copy, source, destination);
    std::vector<OperationPtr> needs;
    const int ends[] = {machine.device(source).ordinal, machine.device(destination).ordinal};
    machine.streams.forEach([&](const Stream& stream) {
        if (stream.last && (stream.device == ends[0] || stream.device == ends[1])) {
            needs.push_back(stream.last);
        }
    });
    enqueueCopy(machine, call, machine.current().legacy, copy, Route::peer, std::move(needs));
}

bool touchesHost(const CUDA_MEMCPY2D& copy) {
    return copy.srcMemoryType == CU_MEMORYTYPE_HOST || copy.dstMemoryType == CU_MEMORYTYPE_HOST;
}

bool touchesHost(const CUDA_MEMCPY3D& copy) {
    return copy.srcMemoryType == CU_MEMORYTYPE_HOST || copy.dstMemoryType == CU_MEMORYTYPE_HOST;
}

}  // namespace

DRIVER_CALL cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, std::size_t bytes) {
    return driverCall(__func__, [&](Emulator& machine) {
        copyNow(machine, "cuMemcpyHtoD", {hostSide(machine, from, 0, 0), deviceSide(to), bytes}, true);
    });
}

DRIVER_CALL cuMemcpyDtoH_v2(void* to, CUdeviceptr from, std::size_t bytes) {
    return driverCall(__func__, [&](Emulator& machine) {
        copyNow(machine, "cuMemcpyDtoH", {deviceSide(from), hostSide(machine, to, 0, 0), bytes}, true);
    });
}

// Within a device the host does not wait for a copy, not even for one that names no stream.
DRIVER_CALL cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, std::size_t bytes) {
    return driverCall(__func__, [&](Emulator& machine) {
        copyNow(machine, "cuMemcpyDtoD", {deviceSide(from), deviceSide(to), bytes}, false);
    });
}

DRIVER_CALL cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, std::size_t bytes, CUstream stream) {
    return driverCall(__func__, [&](Emulator& machine) {
        copyLater(machine, "cuMemcpyHtoDAsync", {hostSide(machine, from, 0, 0), deviceSide(to), bytes}, Route::direct,
                  stream);
    });
}

DRIVER_CALL cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, std::size_t bytes, CUstream stream) {
    return driverCall(__func__, [&](Emulator& machine) {
        copyLater(machine, "cuMemcpyDtoHAsync", {deviceSide(from), hostSide(machine, to, 0, 0), bytes}, Route::direct,
                  stream);
    });
}

DRIVER_CALL cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, std::size_t bytes, CUstream stream) {
    return driverCall(__func__, [&](Emulator& machine) {
        copyLater(machine, "cuMemcpyDtoDAsync", {deviceSide(from), deviceSide(to), bytes}, Route::direct, stream);
    });
}

DRIVER_CALL cuMemcpyPeer(CUdeviceptr to, CUcontext destination, CUdeviceptr from, CUcontext source, std::size_t bytes) {
    return driverCall(__func__, [&](Emulator& machine) {
        copyPeerNow(machine, "cuMemcpyPeer", {deviceSide(from), deviceSide(to), bytes}, source, destination);
    });
}

DRIVER_CALL cuMemcpyPeerAsync(CUdeviceptr to, CUcontext destination, CUdeviceptr from, CUcontext source,
                              std::size_t bytes, CUstream stream) {
    return driverCall(__func__, [&](Emulator& machine) {
        const Copy copy{deviceSide(from), deviceSide(to), bytes};
        checkOwners(machine, copy, source, destination);
        copyLater(machine, "cuMemcpyPeerAsync", copy, Route::peer, stream);
    });
}

DRIVER_CALL cuMemcpy2D_v2(const CUDA_MEMCPY2D* copy) {
    return driverCall(__func__, [&](Emulator& machine) {
        copyNow(machine, "cuMemcpy2D", planar(machine, *copy), touchesHost(*copy));
    });
}

DRIVER_CALL cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D* copy) {
    return driverCall(__func__, [&](Emulator& machine) {
        copyNow(machine, "cuMemcpy2DUnaligned", planar(machine, *copy), touchesHost(*copy));
    });
}

DRIVER_CALL cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* copy, CUstream stream) {
    return driverCall(__func__, [&](Emulator& machine) {
        copyLater(machine, "cuMemcpy2DAsync", planar(machine, *copy), Route::direct, stream);
    });
}

DRIVER_CALL cuMemcpy3D_v2(const CUDA_MEMCPY3D* copy) {
    return driverCall(__func__, [&](Emulator& machine) {
        copyNow(machine, "cuMemcpy3D", spatial(machine, *copy), touchesHost(*copy));
    });
}

DRIVER_CALL cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D* copy, CUstream stream) {
    return driverCall(__func__, [&](Emulator& machine) {
        copyLater(machine, "cuMemcpy3DAsync", spatial(machine, *copy), Route::direct, stream);
    });
}

DRIVER_CALL cuMemcpy3DPeer(const CUDA_MEMCPY3D_PEER* copy) {
    return driverCall(__func__, [&](Emulator& machine) {
        copyPeerNow(machine, "cuMemcpy3DPeer", spatial(machine, *copy), copy->srcContext, copy->dstContext);
    });
}

DRIVER_CALL cuMemcpy3DPeerAsync(const CUDA_MEMCPY3D_PEER* copy, CUstream stream) {
    return driverCall(__func__, [&](Emulator& machine) {
        const Copy bytes = spatial(machine, *copy);
        checkOwners(machine, bytes, copy->srcContext, copy->dstContext);
        copyLater(machine, "cuMemcpy3DPeerAsync", bytes, Route::peer, stream);
    });
}
