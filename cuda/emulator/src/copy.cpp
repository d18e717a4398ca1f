#include "copy.h"

#include <cstring>
#include <memory>
#include <vector>

namespace emulator {
namespace {

using Staging = std::shared_ptr<std::vector<std::byte>>;

void checkWithin(Emulator& machine, const char* call, const char* verb, const Copy& copy, const Side& side) {
    if (side.pageable) {
        return;
    }
    const std::string wrong = machine.memory->complaint(side.begin, copy.extent(side));
    if (!wrong.empty()) {
        machine.reports.add(std::string(call) + " " + verb + " " + wrong);
        throw DriverError(CUDA_ERROR_INVALID_VALUE);
    }
}

int ownerOf(Emulator& machine, const Side& side) {
    return side.pageable ? hostOwner : machine.memory->find(side.begin)->owner;
}

void checkReach(Emulator& machine, const Stream& stream, const Side& side) {
    const int owner = ownerOf(machine, side);
    require(owner == hostOwner || machine.device(stream.device).reaches(owner), CUDA_ERROR_INVALID_VALUE);
}

// What the host's memory holds now, packed: the host may change it as soon as the call returns.
Staging stage(Copy& copy) {
    auto staging = std::make_shared<std::vector<std::byte>>(copy.bytes());
    std::byte* next = staging->data();
    for (std::size_t z = 0; z < copy.depth; z++) {
        for (std::size_t y = 0; y < copy.height; y++, next += copy.width) {
            std::memcpy(next, reinterpret_cast<const void*>(copy.source.row(y, z)), copy.width);
        }
    }
    copy.source = Side{reinterpret_cast<Address>(staging->data()), copy.width, copy.width * copy.height, true};
    return staging;
}

void moveRow(const Copy& copy, Accesses& accesses, std::size_t y, std::size_t z, bool corrupt) {
    const Address from = copy.source.row(y, z);
    const Address to = copy.destination.row(y, z);
    if (!copy.source.pageable) {
        accesses.read(from, copy.width);
    }
    if (!copy.destination.pageable) {
        accesses.write(to, copy.width);
    }
    std::memmove(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), copy.width);
    if (corrupt) {
        *reinterpret_cast<unsigned char*>(to) ^= 0x5A;
    }
}

void moveAll(const Copy& copy, Accesses& accesses, bool corrupt) {
    for (std::size_t z = 0; z < copy.depth; z++) {
        for (std::size_t y = 0; y < copy.height; y++) {
            moveRow(copy, accesses, y, z, corrupt);
        }
    }
}

// The driver stages what goes between two devices through the host, and that always arrives, until one of the two may
// reach the other; from then on it goes over their link.
Fate fateOf(Emulator& machine, const Copy& copy) {
    const int from = ownerOf(machine, copy.source);
    const int to = ownerOf(machine, copy.destination);
    const bool staged = from == hostOwner || to == hostOwner || from == to ||
                        (!machine.device(from).reaches(to) && !machine.device(to).reaches(from));
    return staged ? Fate::arrives : machine.settings.links.between(from, to).copy(copy.bytes());
}

}  // namespace

void enqueueCopy(Emulator& machine, const char* call, Stream& stream, Copy copy, Route route,
                 std::vector<OperationPtr> needs) {
    if (copy.empty()) {
        return;
    }
    checkWithin(machine, call, "reads", copy, copy.source);
    checkWithin(machine, call, "writes", copy, copy.destination);
    if (route == Route::direct) {
        checkReach(machine, stream, copy.source);
        checkReach(machine, stream, copy.destination);
    }
    const Fate fate = fateOf(machine, copy);
    const bool hostWaits = copy.destination.pageable;
    const Staging staging = copy.source.pageable ? stage(copy) : nullptr;
    const int device = stream.device;
    const OperationPtr operation = machine.enqueue(
        stream, call,
        [&machine, copy, staging, route, fate, device](Accesses& accesses) {
            machine.faults.strike("copy", device);
            if (route == Route::peer) {
                accesses.reach(allDevices);
            }
            if (fate == Fate::hangs) {
                throw Hang();
            }
            moveAll(copy, accesses, fate == Fate::garbled);
        },
        std::move(needs));
    if (hostWaits) {
        machine.wait(operation);
    }
}

Side hostSide(Emulator& machine, const void* pointer, std::size_t pitch, std::size_t plane) {
    require(pointer != nullptr, CUDA_ERROR_INVALID_VALUE);
    const auto begin = reinterpret_cast<Address>(pointer);
    const Allocation* allocation = machine.memory->find(begin);
    const bool known = machine.memory->inArena(begin) || (allocation != nullptr && allocation->live);
    require(allocation == nullptr || allocation->owner == hostOwner, CUDA_ERROR_INVALID_VALUE);
    return Side{begin, pitch, plane, !known};
}

}  // namespace emulator
