// Vector clocks: what is known to have happened.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace emulator {

/** For each lane, the last of its operations that is known to have happened. */
using Clock = std::vector<std::uint64_t>;

inline void join(Clock& into, const Clock& from) {
    into.resize(std::max(into.size(), from.size()));
    std::transform(from.begin(), from.end(), into.begin(), into.begin(),
                   [](std::uint64_t a, std::uint64_t b) { return std::max(a, b); });
}

/** Whether the clock knows of the operation with this number on this lane. */
inline bool knows(const Clock& clock, std::size_t lane, std::uint64_t sequence) {
    return lane < clock.size() && clock[lane] >= sequence;
}

}  // namespace emulator
