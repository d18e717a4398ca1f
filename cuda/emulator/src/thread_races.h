// What the threads of one launch do to each other in device memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clocks.h"
#include "ranges.h"

namespace emulator {

/**
 * Every access of a launch's threads. Two threads that touch the same byte, one of them writing, must be of one block
 * whose clocks order the two. Looks at a launch's first 16 million accesses.
 */
class ThreadRaces {
public:
    ThreadRaces(const Clocks& clocks, unsigned threadsPerBlock) : clocks(clocks), threadsPerBlock(threadsPerBlock) {}

    /** A thread, counted through all blocks, at a time of its block. */
    void add(Address begin, unsigned bytes, std::uint64_t thread, Clocks::Time time, bool writes) {
        for (; bytes > longest; begin += longest, bytes -= longest) {
            addShort(begin, longest, thread, time, writes);
        }
        addShort(begin, bytes, thread, time, writes);
    }

    /** A race, or nothing; given all that was read and written, to see quickly that there can be none. */
    std::optional<std::string> find(const std::vector<Range>& read, const std::vector<Range>& written) const;

private:
    /** Small, since a launch has millions. An address of a process has 47 bits. */
    struct Touch {
        std::uint64_t begin : 48;
        std::uint64_t bytes : 16;
        std::uint32_t thread;
        std::uint32_t time : 31;
        std::uint32_t writes : 1;

        Address end() const { return begin + bytes; }
    };
    static_assert(sizeof(Touch) == 16);
    static constexpr unsigned longest = (1u << 16) - 1;

    void addShort(Address begin, unsigned bytes, std::uint64_t thread, Clocks::Time time, bool writes) {
        if (touches.size() < most) {
            touches.push_back({begin, bytes, static_cast<std::uint32_t>(thread), time, writes});
            writtenBytes += writes ? bytes : 0;
        }
    }

    bool canRace(const std::vector<Range>& read, const std::vector<Range>& written) const;
    bool ordered(const Touch& a, const Touch& b) const;
    std::vector<Touch> writes() const;

    static constexpr std::size_t most = 16'000'000;
    const Clocks& clocks;
    const unsigned threadsPerBlock;
    std::vector<Touch> touches;
    std::uint64_t writtenBytes = 0;
};

}  // namespace emulator
