// The program's threads: what each knows of the devices' work.
#pragma once

#include "clock.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

namespace emulator {

/**
 * A clock for each thread of the program, or one for all. A thread knows what it waited for, and what the threads knew
 * after which it comes: that the program says, by keys, since no driver sees it. Thread-safe.
 */
class HostClocks {
public:
    /** A part of an object of the program. */
    using Key = std::pair<std::int64_t, std::int32_t>;

    /** Each thread has a clock of its own from now on, or all share one. All begin with what the calling one knows. */
    void separate(bool threads);

    /** The calling thread's; good until it learns. A new thread knows what all were told. */
    const Clock& mine();

    /** Nothing less is known to the calling thread from now on. */
    void learn(const Clock& clock);

    /** All threads know all that the calling one does, and nothing else. */
    void tellAll();

    /** Lays open under a key what the calling thread knows, beside what lies there. */
    void release(const Key& key);

    /** The calling thread knows what was laid open under a key. */
    void acquire(const Key& key);

    /** Nobody asks for an object's keys any more. */
    void forget(std::int64_t object);

    /** Nobody knows anything. */
    void clear();

private:
    Clock& own();
    void begin(Clock known);

    std::mutex mutex;
    bool separated = false;
    /** What is known to all: the one clock, if all share it. */
    Clock common;
    /** Counts what makes a thread begin anew with what is known to all. */
    std::uint64_t era = 1;
    std::map<Key, Clock> open;
};

}  // namespace emulator
