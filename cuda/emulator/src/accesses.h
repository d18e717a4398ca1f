// What one operation reads and writes, checked as it happens.
#pragma once

#include "memory.h"
#include "ranges.h"

#include <array>
#include <cstdint>
#include <functional>
#include <string>

namespace emulator {

/** A set of devices, by bit. */
using DeviceSet = std::uint64_t;

constexpr DeviceSet allDevices = ~DeviceSet{0};

/** The bytes that an operation touches. It tells them here before it touches them. */
class Accesses {
public:
    /** An operation that may touch pinned memory and that of these devices. */
    Accesses(Memory& memory, DeviceSet reachable) : memory(memory), reachable(reachable) {}

    /** @throws DeviceFault 700 if there is no such memory, or the operation cannot reach it */
    void read(Address begin, std::uint64_t bytes);
    void write(Address begin, std::uint64_t bytes);

    /** As read and write, for callers that cannot throw: what is wrong, or an empty string. */
    std::string tryRead(Address begin, std::uint64_t bytes) { return note(reads, "reads", begin, bytes); }
    std::string tryWrite(Address begin, std::uint64_t bytes) { return note(writes, "writes", begin, bytes); }

    /** Asked at the first access of each allocation, and perhaps again, what is wrong with it. */
    void onFirst(std::function<std::string(const Allocation&)> visit) { first = std::move(visit); }

    /** From now on only these devices' memory is in reach. */
    void reach(DeviceSet devices) { reachable = devices; }

    Ranges& readRanges() { return reads; }
    Ranges& writtenRanges() { return writes; }

private:
    std::string note(Ranges& ranges, const char* verb, Address begin, std::uint64_t bytes);
    bool holds(const Allocation& allocation, Address begin, std::uint64_t bytes) const;
    bool inReach(int owner) const { return owner == hostOwner || (reachable >> owner & 1) != 0; }

    Memory& memory;
    DeviceSet reachable;
    Ranges reads;
    Ranges writes;
    std::function<std::string(const Allocation&)> first = [](const Allocation&) { return ""; };
    /** Enough for the parts and destinations of a reduction, between which a kernel goes back and forth. */
    std::array<const Allocation*, 24> recent{};
    std::size_t next = 0;
};

}  // namespace emulator
