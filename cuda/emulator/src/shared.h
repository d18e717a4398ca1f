// What the threads of a block did to its shared memory, byte by byte, and where that which the launch asks for lies.
#pragma once

#include "clocks.h"
#include "ranges.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace emulator {

/** Shared memory of one block. What one thread writes is no other's until they have met. */
class SharedMemory {
public:
    explicit SharedMemory(const Clocks& clocks) : clocks(clocks) {}

    /** A new block: nothing was written yet. */
    void clear() { bytes.clear(); }

    /** What is wrong with this access, or an empty string. */
    std::string read(Address begin, unsigned size, const Moment& moment);
    std::string write(Address begin, unsigned size, const Moment& moment);

private:
    struct Byte {
        std::optional<Moment> written;
        /** Those since then of which none is ordered before another: all that a write could meet. Of several warps two
         * stand for all, since a write can be ordered after one warp's only. */
        std::vector<Moment> reads;
    };
    void addRead(Byte& byte, const Moment& moment) const;

    const Clocks& clocks;
    std::unordered_map<Address, Byte> bytes;
};

/** The shared memory whose size a launch decides. One block runs at a time, so there is one. */
class DynamicShared {
public:
    /** The most that a device has for a block; others have less. */
    static constexpr std::uint64_t most = 227 * 1024;

    DynamicShared();
    DynamicShared(const DynamicShared&) = delete;
    DynamicShared& operator=(const DynamicShared&) = delete;

    /** Aligned to 16 bytes, and no more: not to 32. */
    Address begin() const { return first; }

    /** A block begins that asked for so many bytes: all of them are NaN. */
    void poison(std::uint64_t size) { std::memset(reinterpret_cast<void*>(first), 0xFF, size); }

    /** Whether an address is near enough to be meant for it. */
    bool concerns(Address address) const { return address >= first - margin && address < first + most + margin; }

private:
    static constexpr Address margin = 4096;
    static constexpr Address alignment = 16;
    std::unique_ptr<std::byte[]> memory;
    Address first;
};

}  // namespace emulator
