#include "thread_races.h"

#include <algorithm>
#include <iterator>

namespace emulator {
namespace {

bool overlap(const std::vector<Range>& some, const std::vector<Range>& others) {
    auto other = others.begin();
    for (const Range& range : some) {
        while (other != others.end() && other->end <= range.begin) {
            ++other;
        }
        if (other != others.end() && other->begin < range.end) {
            return true;
        }
    }
    return false;
}

std::uint64_t bytesIn(const std::vector<Range>& ranges) {
    std::uint64_t bytes = 0;
    for (const Range& range : ranges) {
        bytes += range.end - range.begin;
    }
    return bytes;
}

}  // namespace

// If nothing was written twice or both read and written, nobody met anybody.
bool ThreadRaces::canRace(const std::vector<Range>& read, const std::vector<Range>& written) const {
    return writtenBytes > bytesIn(written) || overlap(read, written);
}

bool ThreadRaces::ordered(const Touch& a, const Touch& b) const {
    return a.thread / threadsPerBlock == b.thread / threadsPerBlock &&
           clocks.ordered({a.thread % threadsPerBlock, a.time}, {b.thread % threadsPerBlock, b.time});
}

std::vector<ThreadRaces::Touch> ThreadRaces::writes() const {
    std::vector<Touch> found;
    std::copy_if(touches.begin(), touches.end(), std::back_inserter(found), [](const Touch& t) { return t.writes; });
    std::sort(found.begin(), found.end(), [](const Touch& a, const Touch& b) { return a.begin < b.begin; });
    return found;
}

std::optional<std::string> ThreadRaces::find(const std::vector<Range>& read, const std::vector<Range>& written) const {
    if (!canRace(read, written)) {
        return std::nullopt;
    }
    const std::vector<Touch> sorted = writes();
    Address widest = 0;
    for (const Touch& write : sorted) {
        widest = std::max<Address>(widest, write.bytes);
    }
    for (const Touch& touch : touches) {
        auto write = std::lower_bound(sorted.begin(), sorted.end(), Address{touch.begin} - widest,
                                      [](const Touch& each, Address begin) { return each.begin < begin; });
        for (; write != sorted.end() && write->begin < touch.end(); ++write) {
            if (write->end() > touch.begin && !ordered(touch, *write)) {
                return "race: thread " + std::to_string(write->thread) + " of the grid writes what thread " +
                       std::to_string(touch.thread) + (touch.writes ? " writes" : " reads");
            }
        }
    }
    return std::nullopt;
}

}  // namespace emulator
