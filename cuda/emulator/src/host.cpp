#include "host.h"

#include <limits>

namespace emulator {

void HostClocks::separate(bool threads) {
    const std::lock_guard<std::mutex> lock(mutex);
    begin(own());
    separated = threads;
}

const Clock& HostClocks::mine() {
    const std::lock_guard<std::mutex> lock(mutex);
    return own();
}

void HostClocks::learn(const Clock& clock) {
    const std::lock_guard<std::mutex> lock(mutex);
    join(own(), clock);
}

void HostClocks::tellAll() {
    const std::lock_guard<std::mutex> lock(mutex);
    begin(own());
}

void HostClocks::release(const Key& key) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (separated) {
        join(open[key], own());
    }
}

void HostClocks::acquire(const Key& key) {
    const std::lock_guard<std::mutex> lock(mutex);
    const auto found = open.find(key);
    if (found != open.end()) {
        join(own(), found->second);
    }
}

void HostClocks::forget(std::int64_t object) {
    const std::lock_guard<std::mutex> lock(mutex);
    constexpr std::int32_t least = std::numeric_limits<std::int32_t>::min();
    constexpr std::int32_t most = std::numeric_limits<std::int32_t>::max();
    open.erase(open.lower_bound({object, least}), open.upper_bound({object, most}));
}

void HostClocks::clear() {
    const std::lock_guard<std::mutex> lock(mutex);
    begin({});
}

Clock& HostClocks::own() {
    struct Own {
        std::uint64_t era = 0;
        Clock known;
    };
    thread_local Own mine;
    if (!separated) {
        return common;
    }
    if (mine.era != era) {
        mine = {era, common};
    }
    return mine.known;
}

void HostClocks::begin(Clock known) {
    common = std::move(known);
    open.clear();
    era++;
}

}  // namespace emulator
