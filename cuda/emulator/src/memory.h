// Device and pinned host memory: real memory of this process between guard pages, so that a CUdeviceptr is an address.
#pragma once

#include "ranges.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace emulator {

/** Who owns memory: a device by its ordinal, or the host. */
constexpr int hostOwner = -1;

/** One allocation, known for as long as its addresses are not given out again. */
struct Allocation {
    Address begin;
    std::uint64_t bytes;
    int owner;
    std::uint64_t number;
    bool live;
    /** Host memory of the program's own that it registered. */
    bool registered;

    Address end() const { return begin + bytes; }
    std::string describe() const;
};

/** A file in memory of which every byte is the poison. Mapped privately it is memory that costs nothing until written.
 */
class Poison {
public:
    Poison();
    ~Poison();
    Poison(const Poison&) = delete;
    Poison& operator=(const Poison&) = delete;

    /** Maps whole pages at an address. */
    void map(Address first, std::uint64_t bytes) const;

private:
    static constexpr std::uint64_t size = std::uint64_t{2} << 20;
    int file;
};

/**
 * A stretch of reserved addresses from which allocations are cut in ascending order. Large ones end at a guard page;
 * freed addresses stay unmapped until all others have been given out once.
 */
class Arena {
public:
    Arena();
    ~Arena();
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    /** The first page of enough pages, readable and writable, poisoned. */
    Address take(std::uint64_t pages, const Poison& poison);
    void giveBack(Address first, std::uint64_t pages);
    bool holds(Address address) const { return address >= base && address < base + size; }

private:
    static constexpr std::uint64_t size = std::uint64_t{64} << 30;
    Address base;
    Address next;
    std::map<Address, std::uint64_t> taken;
};

/** All memory that devices can reach. */
class Memory {
public:
    explicit Memory(int devices);

    /** New memory, every byte 0xFF: a NaN in every floating-point dtype. */
    Allocation& allocate(int owner, std::uint64_t bytes);
    void free(Allocation& allocation);

    Allocation& registerHost(Address begin, std::uint64_t bytes);
    void unregisterHost(Allocation& allocation);

    /** The allocation that begins at or before the address and reaches beyond it, live or freed; null if there is none.
     */
    Allocation* find(Address address);

    /** What is wrong with touching these bytes, or an empty string. */
    std::string complaint(Address begin, std::uint64_t bytes);

    std::uint64_t liveBytes(int owner) const { return owned(owner).bytes; }
    std::uint64_t liveCount(int owner) const { return owned(owner).count; }
    bool inArena(Address address) const;

private:
    struct Owned {
        Arena arena;
        std::uint64_t bytes = 0;
        std::uint64_t count = 0;
    };
    Owned& owned(int owner) { return owners[static_cast<std::size_t>(owner + 1)]; }
    const Owned& owned(int owner) const { return owners[static_cast<std::size_t>(owner + 1)]; }
    void forgetFreed(Address begin, Address end);

    Poison poison;
    std::vector<Owned> owners;
    std::map<Address, Allocation> allocations;
    std::uint64_t lastNumber = 0;
};

}  // namespace emulator
