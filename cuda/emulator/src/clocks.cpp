#include "clocks.h"

#include <algorithm>

namespace emulator {

Clocks::Time Clocks::afterWarp(std::uint32_t mask, const std::array<Time, lanesPerWarp>& times) {
    Clock joined;
    for (unsigned lane = 0; lane < lanesPerWarp; lane++) {
        if ((mask >> lane & 1) != 0) {
            const Clock& own = clocks[times[lane]];
            joined.meetings = own.meetings;
            std::transform(own.lanes.begin(), own.lanes.end(), joined.lanes.begin(), joined.lanes.begin(),
                           [](std::uint32_t a, std::uint32_t b) { return std::max(a, b); });
        }
    }
    for (unsigned lane = 0; lane < lanesPerWarp; lane++) {
        joined.lanes[lane] += mask >> lane & 1;
    }
    return number(joined);
}

bool Clocks::ordered(const Moment& a, const Moment& b) const {
    if (a.thread == b.thread) {
        return true;
    }
    const Clock& atA = clocks[a.time];
    const Clock& atB = clocks[b.time];
    if (atA.meetings != atB.meetings) {
        return true;
    }
    if (a.thread / lanesPerWarp != b.thread / lanesPerWarp) {
        return false;
    }
    const unsigned laneA = a.thread % lanesPerWarp;
    const unsigned laneB = b.thread % lanesPerWarp;
    return atB.lanes[laneA] > atA.lanes[laneA] || atA.lanes[laneB] > atB.lanes[laneB];
}

Clocks::Time Clocks::number(const Clock& clock) {
    const auto [found, isNew] = numbers.emplace(clock, static_cast<Time>(clocks.size()));
    if (isNew) {
        clocks.push_back(clock);
    }
    return found->second;
}

}  // namespace emulator
