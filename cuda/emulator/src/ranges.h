// Sets of byte ranges, as an operation collects them while it runs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace emulator {

using Address = std::uint64_t;

/** The bytes [begin, end). */
struct Range {
    Address begin;
    Address end;
};

/** Bytes that were touched. Neighbors are joined as they come, so that a kernel's threads in order leave few ranges. */
class Ranges {
public:
    void add(Address begin, std::uint64_t bytes) {
        for (auto recent = ranges.rbegin(); recent != ranges.rend() && recent < ranges.rbegin() + lookback; ++recent) {
            if (begin <= recent->end && begin + bytes >= recent->begin) {
                recent->begin = std::min(recent->begin, begin);
                recent->end = std::max(recent->end, begin + bytes);
                return;
            }
        }
        ranges.push_back({begin, begin + bytes});
        if (ranges.size() >= limit) {
            join();
            limit = std::max<std::size_t>(ranges.size() * 2, initialLimit);
        }
    }

    /** The ranges in ascending order, disjoint and apart. */
    const std::vector<Range>& joined() {
        join();
        return ranges;
    }

private:
    void join() {
        std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
        std::vector<Range> merged;
        for (const Range& range : ranges) {
            if (!merged.empty() && range.begin <= merged.back().end) {
                merged.back().end = std::max(merged.back().end, range.end);
            } else {
                merged.push_back(range);
            }
        }
        ranges = std::move(merged);
    }

    static constexpr std::ptrdiff_t lookback = 16;
    static constexpr std::size_t initialLimit = 4096;
    std::vector<Range> ranges;
    std::size_t limit = initialLimit;
};

}  // namespace emulator
