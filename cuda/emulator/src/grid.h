// Runs a kernel's grid: block after block, each thread of a block a fiber.
#pragma once

#include "accesses.h"
#include "error.h"
#include "fiber.h"
#include "image.h"
#include "kernels.h"
#include "shared.h"
#include "thread_races.h"

#include <cstddef>
#include <deque>
#include <memory>
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
    std::vector<std::vector<std::byte>> arguments;
};

/** One launch, running. Hooks in the kernel's code ask it for their thread's place and tell it of every access. */
class Grid {
public:
    Grid(const Launch& launch, Accesses& accesses, Fibers& pool);
    ~Grid();
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
    Extent blockIndex() const { return launch.grid.at(block); }
    Extent threadIndex() const { return launch.block.at(thread); }

    /** The running thread reads or writes; if it may not, it never runs on. */
    void read(Address begin, unsigned bytes) { touch(begin, bytes, false); }
    void write(Address begin, unsigned bytes) { touch(begin, bytes, true); }

    /** The running thread is about to use a pointer that is not aligned to what it points to. */
    void misaligned(Address address, unsigned alignment);

    /** The running thread waits for all others of its block. */
    void meet();

private:
    void runBlock();
    void step(unsigned which);
    void meetAll();
    void touch(Address begin, unsigned bytes, bool writes);
    std::string check(Address begin, unsigned bytes, bool writes);
    std::string checkDevice(Address begin, unsigned bytes, bool writes);
    [[noreturn]] void fail(CUresult code, const std::string& why);
    static void enterThread(void* grid);

    const Launch& launch;
    Accesses& accesses;
    Fibers& pool;
    Image image;
    SharedMemory shared;
    ThreadRaces races;
    std::vector<const void*> values;
    std::uint64_t block = 0;
    unsigned thread = 0;
    unsigned phase = 0;
    std::optional<DeviceFault> fault;
    /** The block's threads; null for those that have ended. */
    std::vector<Fiber*> fibers;
};

}  // namespace emulator
