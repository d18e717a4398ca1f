// Streams as a graph of operations, and the schedule that decides when each runs.
#pragma once

#include "host.h"
#include "ranges.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace emulator {

class Accesses;

/** One thing for a device to do, after all that it needs. */
struct Operation {
    std::string name;
    int device;
    std::size_t lane;
    std::uint64_t sequence;
    /** What happened before it, itself included. */
    Clock clock;
    std::vector<std::shared_ptr<Operation>> needs;
    std::function<void(Accesses&)> body;
    bool done = false;
    /** Whether it has begun and never ends. */
    bool hangs = false;
    /** Whether a thread has asked for it and was told that it is not done. */
    bool asked = false;
    std::chrono::steady_clock::time_point finished{};
};
using OperationPtr = std::shared_ptr<Operation>;

/** A queue of a device; its lane is its place in every clock. */
struct Stream {
    int device;
    unsigned flags;
    std::size_t lane;
    OperationPtr last;
};

/** When operations run, as far as their order leaves that open. */
struct Schedule {
    enum class Kind {
        /** At once: hides every missing wait. */
        eager,
        /** Only when the host waits for it, or something that it waits for needs it. */
        lazy,
        /** At moments and in an order that a seed decides. */
        random,
    };
    Kind kind = Kind::eager;
    std::uint64_t seed = 0;
};

/** All operations of all streams. Runs them in the calling thread. */
class Timeline {
public:
    /** The host's threads enqueue, wait and learn; the executor does an operation's work, or finds that it hangs. */
    Timeline(HostClocks& host, std::function<void(Operation&)> executor) : host(&host), execute(std::move(executor)) {}

    void follow(const Schedule& schedule);

    Stream open(int device, unsigned flags);
    void close(const Stream& stream);

    /** Appends an operation to a stream, behind what the calling thread knows; it also waits for the given ones. */
    OperationPtr enqueue(Stream& stream, std::string name, std::vector<OperationPtr> needs,
                         std::function<void(Accesses&)> body);

    /** The calling thread waits: the operation has run, and whatever the thread enqueues from now on comes after it.
     * @throws Hang if it never ends */
    void finish(const OperationPtr& operation);

    /** The calling thread asks whether an operation has run, and then knows. A thread that polls waits too: what it
     * asks for gets done, but never at the first time of asking. */
    bool poll(const OperationPtr& operation);

    /** The calling thread waits for all that was ever enqueued on a device. */
    void finishAll(int device);

    /** Whether a device has begun something that never ends. */
    bool hangs(int device) const;

    /** Whether the calling thread would learn something if it waited for an operation: that work was done, not only
     * marks set. */
    bool hostLearns(const OperationPtr& operation) const { return learns(host->mine(), operation); }

    /** Whether the calling thread would learn something if it waited for a device. */
    bool hostLearns(int device) const;

    /** Whether a stream would learn something if it waited for an operation. */
    bool streamLearns(const Stream& stream, const OperationPtr& operation) const;

private:
    struct Lane {
        std::uint64_t sequence = 0;
        /** The last that does something. */
        std::uint64_t lastWork = 0;
        bool open = false;
        OperationPtr last;
        std::deque<OperationPtr> pending;
    };

    /** Whether it has run; else it hangs, or something that it needs. */
    bool runWithNeeds(const OperationPtr& operation);
    bool tryFinish(const OperationPtr& operation);
    void run(const OperationPtr& operation);
    void wander();
    std::vector<OperationPtr> ready() const;
    bool learns(const Clock& known, const OperationPtr& operation) const;

    HostClocks* host;
    std::function<void(Operation&)> execute;
    Schedule schedule;
    std::mt19937_64 dice;
    std::vector<Lane> lanes;
};

}  // namespace emulator
