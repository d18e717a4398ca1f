// Runs a kernel's grid: block after block, each thread of a block a fiber.
#pragma once

#include "accesses.h"
#include "block.h"
#include "error.h"
#include "fiber.h"
#include "image.h"
#include "kernels.h"
#include "shared.h"
#include "sites.h"
#include "thread_races.h"

#include <cstddef>
#include <optional>
#include <vector>

namespace emulator {

/** Three counts, as of blocks in a grid. */
struct Extent {
    unsigned x;
    unsigned y;
    unsigned z;

    std::uint64_t count() const { return std::uint64_t{x} * y * z; }
    /** The place of the index-th of these, x running fastest. */
    Extent at(std::uint64_t index) const {
        return {static_cast<unsigned>(index % x), static_cast<unsigned>(index / x % y),
                static_cast<unsigned>(index / x / y)};
    }
};

/** A launch as it was asked for; owns copies of the arguments. */
struct Launch {
    const Kernel* kernel;
    Extent grid;
    Extent block;
    /** Bytes of shared memory besides what the kernel declares. */
    unsigned dynamicShared;
    std::vector<std::vector<std::byte>> arguments;
};

/** What one launch after the other uses. */
struct Multiprocessor {
    Fibers fibers;
    DynamicShared dynamicShared;
    Sites sites;
};

/** One launch, running. Hooks in the kernel's code ask it for their thread's place and tell it of every access. */
class Grid {
public:
    /** @param seed decides the order in which threads run */
    Grid(const Launch& launch, Accesses& accesses, Multiprocessor& processor, std::uint64_t seed);
    Grid(const Grid&) = delete;
    Grid& operator=(const Grid&) = delete;

    /** @throws DeviceFault on the first access that a device would refuse, or that is no program's right */
    void run();

    /** Once it ran: two of its threads that got in each other's way, or nothing. */
    std::optional<std::string> threadRace() {
        return races.find(accesses.readRanges().joined(), accesses.writtenRanges().joined());
    }

    Extent blocks() const { return launch.grid; }
    Extent threads() const { return launch.block; }
    Extent blockIndex() const { return launch.grid.at(blockNumber); }
    Extent threadIndex() const { return launch.block.at(block->now().thread); }

    /** The running thread reads or writes; if it may not, it never runs on. */
    void read(Address begin, unsigned bytes) { touch(begin, bytes, false); }
    void write(Address begin, unsigned bytes) { touch(begin, bytes, true); }

    /** The running thread is about to use a pointer that is not aligned to what it points to. */
    void misaligned(Address address, unsigned alignment);

    /** The running thread waits for all others of its block. */
    void meet(const EmulatorSite& site);

    /** The running thread does its part in what lanes of its warp do together; what it gets. */
    std::uint64_t meet(const EmulatorWarpCall& call);

    /** The running thread's bit in a warp's masks. */
    std::uint32_t laneBit() const { return 1u << block->now().thread % lanesPerWarp; }

    Address dynamicShared() const { return processor.dynamicShared.begin(); }

private:
    void runBlock();
    bool isOmitted(const EmulatorSite& site);
    void touch(Address begin, unsigned bytes, bool writes);
    std::string check(Address begin, unsigned bytes, bool writes);
    std::string checkShared(Address begin, unsigned bytes, bool writes);
    std::string checkDynamicShared(Address begin, unsigned bytes, bool writes);
    std::string checkDevice(Address begin, unsigned bytes, bool writes);
    static void enterThread(void* grid);

    const Launch& launch;
    Accesses& accesses;
    Multiprocessor& processor;
    const std::uint64_t seed;
    Image image;
    Clocks clocks;
    SharedMemory shared;
    ThreadRaces races;
    std::vector<const void*> values;
    std::uint64_t blockNumber = 0;
    /** The one that runs. */
    std::optional<Block> block;
};

}  // namespace emulator
