// A thread of control with a stack of its own, which runs only when resumed: a kernel's thread.
#pragma once

#include <deque>
#include <vector>

#include "ranges.h"

namespace emulator {

/** A stack that can run one function after the other. Belongs to one host thread while it runs. */
class Fiber {
public:
    Fiber();
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    /** Makes it ready to call function(argument); what it ran before is abandoned where it stood. */
    void prepare(void (*function)(void*), void* argument);

    /** Runs it until it yields or its function returns. */
    void resume();

    /** Called on the fiber: goes back to whoever resumed it. */
    void yield();

    bool finished() const { return done; }
    bool owns(Address address) const { return address >= stack && address < stack + size; }

    /** Where a fresh fiber begins; called by the assembly alone. */
    static void enter(Fiber* self);

private:
    static constexpr Address size = 256 * 1024;

    Address stack;
    void* own = nullptr;
    void* resumer = nullptr;
    void (*function)(void*) = nullptr;
    void* argument = nullptr;
    bool done = true;
};

/** Fibers that wait for their next use. */
class Fibers {
public:
    Fiber& take() {
        if (spare.empty()) {
            return all.emplace_back();
        }
        Fiber& fiber = *spare.back();
        spare.pop_back();
        return fiber;
    }

    void giveBack(Fiber& fiber) { spare.push_back(&fiber); }

private:
    std::deque<Fiber> all;
    std::vector<Fiber*> spare;
};

}  // namespace emulator
