// The threads of one block: who runs, who waits for whom, and who waits in vain.
#pragma once

#include "clocks.h"
#include "driver_types.h"
#include "fiber.h"
#include "warp.h"

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace emulator {

/** What a thread did that no device lets it do. */
struct Misdeed {
    unsigned thread;
    CUresult code;
    std::string why;
};

/**
 * Runs each thread as a fiber from one meeting to its next, in an order that a seed decides: lanes of a warp keep no
 * step.
 */
class Block {
public:
    Block(unsigned count, Fibers& pool, Clocks& clocks, std::uint64_t seed);
    /** Threads that never ended are abandoned where they stand. */
    ~Block();
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;

    /** Lets each thread call code(argument), until all have ended or one went wrong. */
    std::optional<Misdeed> run(void (*code)(void*), void* argument);

    /** The running thread, and the time it is for it. */
    Moment now() const { return {current, threads[current].time}; }

    /** Whether an address is on the running thread's stack. */
    bool owns(Address address) const { return threads[current].fiber->owns(address); }

    // Called by the running thread.

    /** Waits for all others. */
    void meet(const EmulatorSite& site);

    /** Waits for the lanes that the mask names; what the thread gets of them. */
    std::uint64_t meet(const EmulatorWarpCall& call);

    /** Ends the run. */
    [[noreturn]] void stop(CUresult code, const std::string& why);

private:
    enum class State { ready, inBlock, inWarp, ended };
    struct Thread {
        /** Null before it begins and after it ended. */
        Fiber* fiber = nullptr;
        State state = State::ready;
        Clocks::Time time = Clocks::beginning;
        /** Where it waits for its block. */
        EmulatorSite site{};
        /** How it waits for lanes of its warp, and then what it got. */
        EmulatorWarpCall call{};
        std::uint64_t answer = 0;
    };

    void step(unsigned which, void (*code)(void*), void* argument);
    unsigned pickReady();
    void release(unsigned which);
    void waitAs(State state);
    void releaseBlock();
    void refuseCrossing();
    void releaseWarp();
    /** The threads that the mask of one names, whether or not the block has them. */
    std::vector<unsigned> named(unsigned which) const;
    bool hasCome(unsigned which, const EmulatorWarpCall& call) const;
    std::string whereabouts(unsigned which) const;
    Misdeed vainWait() const;

    std::vector<Thread> threads;
    Fibers& pool;
    Clocks& clocks;
    std::minstd_rand random;
    std::vector<unsigned> ready;
    unsigned current = 0;
    unsigned inBlock = 0;
    unsigned ended = 0;
    std::optional<Misdeed> misdeed;
};

}  // namespace emulator
