// What the threads of one launch do to each other in device memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ranges.h"

namespace emulator {

/**
 * Every access of a launch's threads. Two threads that touch the same byte, one of them writing, must be of one block
 * with a meeting of all its threads between. Looks at a launch's first 16 million accesses.
 */
class ThreadRaces {
public:
    explicit ThreadRaces(unsigned threadsPerBlock) : threadsPerBlock(threadsPerBlock) {}

    /** A thread, counted through all blocks, after so many meetings. */
    void add(Address begin, unsigned bytes, std::uint64_t thread, unsigned phase, bool writes) {
        for (; bytes > longest; begin += longest, bytes -= longest) {
            addShort(begin, longest, thread, phase, writes);
        }
        addShort(begin, bytes, thread, phase, writes);
    }

    /** A race, or nothing; given all that was read and written, to see quickly that there can be none. */
    std::optional<std::string> find(const std::vector<Range>& read, const std::vector<Range>& written) const;

private:
    /** Small, since a launch has millions. */
    struct Touch {
        Address begin;
        std::uint32_t thread;
        std::uint32_t phase : 20;
        std::uint32_t bytes : 11;
        std::uint32_t writes : 1;

        Address end() const { return begin + bytes; }
    };
    static constexpr unsigned longest = (1u << 11) - 1;
    static constexpr unsigned phases = 1u << 20;

    void addShort(Address begin, unsigned bytes, std::uint64_t thread, unsigned phase, bool writes) {
        if (touches.size() < most) {
            touches.push_back({begin, static_cast<std::uint32_t>(thread), phase % phases, bytes & longest, writes});
            writtenBytes += writes ? bytes : 0;
        }
    }

    bool canRace(const std::vector<Range>& read, const std::vector<Range>& written) const;
    bool ordered(const Touch& a, const Touch& b) const;
    std::vector<Touch> writes() const;

    static constexpr std::size_t most = 16'000'000;
    const unsigned threadsPerBlock;
    std::vector<Touch> touches;
    std::uint64_t writtenBytes = 0;
};

}  // namespace emulator
