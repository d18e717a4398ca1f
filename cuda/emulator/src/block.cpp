#include "block.h"

#include <algorithm>

namespace emulator {
namespace {

bool names(unsigned mask, unsigned lane) {
    return (mask >> lane & 1) != 0;
}

}  // namespace

Block::Block(unsigned count, Fibers& pool, Clocks& clocks, std::uint64_t seed)
    : threads(count), pool(pool), clocks(clocks), random(static_cast<std::minstd_rand::result_type>(seed)) {
    for (unsigned which = 0; which < count; which++) {
        ready.push_back(which);
    }
}

Block::~Block() {
    for (const Thread& thread : threads) {
        if (thread.fiber != nullptr) {
            pool.giveBack(*thread.fiber);
        }
    }
}

std::optional<Misdeed> Block::run(void (*code)(void*), void* argument) {
    while (ended < threads.size()) {
        if (ready.empty()) {
            return vainWait();
        }
        step(pickReady(), code, argument);
        if (misdeed) {
            return misdeed;
        }
    }
    return std::nullopt;
}

unsigned Block::pickReady() {
    std::swap(ready[random() % ready.size()], ready.back());
    const unsigned which = ready.back();
    ready.pop_back();
    return which;
}

void Block::step(unsigned which, void (*code)(void*), void* argument) {
    current = which;
    Thread& thread = threads[which];
    if (thread.fiber == nullptr) {
        thread.fiber = &pool.take();
        thread.fiber->prepare(code, argument);
    }
    thread.fiber->resume();
    if (thread.fiber->finished()) {
        pool.giveBack(*thread.fiber);
        thread.fiber = nullptr;
        thread.state = State::ended;
        ended++;
    }
}

void Block::release(unsigned which) {
    threads[which].state = State::ready;
    ready.push_back(which);
}

void Block::waitAs(State state) {
    threads[current].state = state;
    if (state == State::inBlock && ++inBlock == threads.size()) {
        releaseBlock();
    } else if (state == State::inWarp) {
        releaseWarp();
    }
    threads[current].fiber->yield();
}

void Block::meet(const EmulatorSite& site) {
    threads[current].site = site;
    waitAs(State::inBlock);
}

void Block::releaseBlock() {
    for (unsigned which = 0; which < threads.size(); which++) {
        if (!sameSite(threads[which].site, threads[current].site)) {
            stop(CUDA_ERROR_LAUNCH_FAILED, whereabouts(current) + " while thread " + std::to_string(which) + " " +
                                               whereabouts(which) + ": the block must meet in one");
        }
    }
    const Clocks::Time time = clocks.afterBlock(threads[current].time);
    for (unsigned which = 0; which < threads.size(); which++) {
        threads[which].time = time;
        release(which);
    }
    inBlock = 0;
}

std::uint64_t Block::meet(const EmulatorWarpCall& call) {
    const unsigned lane = current % lanesPerWarp;
    const std::string wrong = complaint(call, lane);
    if (!wrong.empty()) {
        stop(CUDA_ERROR_LAUNCH_FAILED, wrong);
    }
    threads[current].call = call;
    refuseCrossing();
    waitAs(State::inWarp);
    return threads[current].answer;
}

// Two lanes in different calls, each waiting for the other, will never be released.
void Block::refuseCrossing() {
    const EmulatorWarpCall& call = threads[current].call;
    for (const unsigned which : named(current)) {
        const bool waits = which < threads.size() && threads[which].state == State::inWarp;
        if (waits && names(threads[which].call.mask, current % lanesPerWarp) && !sameCall(threads[which].call, call)) {
            stop(CUDA_ERROR_LAUNCH_FAILED, "calls " + describe(call) + " while lane " +
                                               std::to_string(which % lanesPerWarp) + " of its warp " +
                                               whereabouts(which) + ", which names it");
        }
    }
}

std::vector<unsigned> Block::named(unsigned which) const {
    std::vector<unsigned> found;
    for (unsigned lane = 0; lane < lanesPerWarp; lane++) {
        if (names(threads[which].call.mask, lane)) {
            found.push_back(which / lanesPerWarp * lanesPerWarp + lane);
        }
    }
    return found;
}

bool Block::hasCome(unsigned which, const EmulatorWarpCall& call) const {
    return which < threads.size() && threads[which].state == State::inWarp && sameCall(threads[which].call, call);
}

void Block::releaseWarp() {
    const EmulatorWarpCall call = threads[current].call;
    const std::vector<unsigned> lanes = named(current);
    if (!std::all_of(lanes.begin(), lanes.end(), [&](unsigned which) { return hasCome(which, call); })) {
        return;
    }
    std::array<EmulatorWarpCall, lanesPerWarp> calls{};
    std::array<Clocks::Time, lanesPerWarp> times{};
    for (const unsigned which : lanes) {
        calls[which % lanesPerWarp] = threads[which].call;
        times[which % lanesPerWarp] = threads[which].time;
    }
    for (const unsigned which : lanes) {
        const unsigned source = sourceLane(threads[which].call, which % lanesPerWarp);
        if (!names(call.mask, source)) {
            misdeed = Misdeed{which, CUDA_ERROR_LAUNCH_FAILED,
                              "reads lane " + std::to_string(source) + " in " + describe(call) +
                                  ", which does not name it"};
        }
        threads[which].answer = answer(calls, which % lanesPerWarp);
        if (call.operation == emulatorSyncWarp) {  // no other orders memory
            threads[which].time = clocks.afterWarp(call.mask, times);
        }
        release(which);
    }
}

void Block::stop(CUresult code, const std::string& why) {
    misdeed = Misdeed{current, code, why};
    for (;;) {
        threads[current].fiber->yield();
    }
}

std::string Block::whereabouts(unsigned which) const {
    if (which >= threads.size()) {
        return "does not exist";
    }
    const Thread& thread = threads[which];
    switch (thread.state) {
        case State::inBlock:
            return "waits in __syncthreads (" + describe(thread.site) + ")";
        case State::inWarp:
            return "waits in " + describe(thread.call);
        case State::ended:
            return "has ended";
        default:
            return "runs";
    }
}

/** Nobody runs, and nobody will: a thread that waits for one that does not come. */
Misdeed Block::vainWait() const {
    for (unsigned which = 0; which < threads.size(); which++) {
        if (threads[which].state != State::inWarp) {
            continue;
        }
        for (const unsigned other : named(which)) {
            if (!hasCome(other, threads[which].call)) {
                return {which, CUDA_ERROR_LAUNCH_FAILED,
                        whereabouts(which) + " for lane " + std::to_string(other % lanesPerWarp) + ", which " +
                            whereabouts(other)};
            }
        }
    }
    const auto in = [&](State state) {
        return static_cast<unsigned>(std::find_if(threads.begin(), threads.end(),
                                                  [&](const Thread& each) { return each.state == state; }) -
                                     threads.begin());
    };
    const unsigned waiting = in(State::inBlock);
    return {waiting, CUDA_ERROR_LAUNCH_FAILED,
            whereabouts(waiting) + " for thread " + std::to_string(in(State::ended)) + ", which has ended"};
}

}  // namespace emulator
