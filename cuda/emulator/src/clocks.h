// What the threads of a block know of each other: an order of what they do, by those meetings that order memory.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

namespace emulator {

constexpr unsigned lanesPerWarp = 32;

/** A thread of a block, at a time that a Clocks gave. */
struct Moment {
    unsigned thread;
    std::uint32_t time;
};

/**
 * Vector clocks. A time says how often the block has met, and how much of each lane's course since then is known to the
 * thread. Equal times are one, whichever warp or block they belong to, so that a launch has few.
 */
class Clocks {
public:
    using Time = std::uint32_t;

    /** When a block begins. */
    static constexpr Time beginning = 0;

    Clocks() { number(Clock{}); }

    /** After all threads of the block, who came at this time, have met. */
    Time afterBlock(Time time) { return number(Clock{clocks[time].meetings + 1, {}}); }

    /** After the lanes of the mask, who came at these times, have met. */
    Time afterWarp(std::uint32_t mask, const std::array<Time, lanesPerWarp>& times);

    /** Whether one of the two, of one block, is done before the other begins. */
    bool ordered(const Moment& a, const Moment& b) const;

private:
    struct Clock {
        std::uint32_t meetings = 0;
        std::array<std::uint32_t, lanesPerWarp> lanes{};

        auto operator<=>(const Clock&) const = default;
    };

    Time number(const Clock& clock);

    std::vector<Clock> clocks;
    std::map<Clock, Time> numbers;
};

}  // namespace emulator
