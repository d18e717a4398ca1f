#include "timeline.h"

#include "error.h"

#include <algorithm>

namespace emulator {

void Timeline::follow(const Schedule& wanted) {
    schedule = wanted;
    dice.seed(wanted.seed);
}

Stream Timeline::open(int device, unsigned flags) {
    // A closed lane serves again for who knows of all that ran on it, so clocks stay short.
    std::size_t lane = 0;
    while (lane < lanes.size() && (lanes[lane].open || !lanes[lane].pending.empty() ||
                                   (lanes[lane].sequence > 0 && !knows(host->mine(), lane, lanes[lane].sequence)))) {
        lane++;
    }
    if (lane == lanes.size()) {
        lanes.emplace_back();
    }
    lanes[lane].open = true;
    return Stream{device, flags, lane, nullptr};
}

void Timeline::close(const Stream& stream) {
    lanes[stream.lane].open = false;
}

OperationPtr Timeline::enqueue(Stream& stream, std::string name, std::vector<OperationPtr> needs,
                               std::function<void(Accesses&)> body) {
    Lane& lane = lanes[stream.lane];
    auto operation = std::make_shared<Operation>();
    operation->name = std::move(name);
    operation->device = stream.device;
    operation->lane = stream.lane;
    operation->sequence = ++lane.sequence;
    if (body) {
        lane.lastWork = lane.sequence;
    }
    operation->clock = host->mine();
    operation->body = std::move(body);
    if (stream.last) {
        needs.push_back(stream.last);
    }
    for (const OperationPtr& need : needs) {
        join(operation->clock, need->clock);
        if (!need->done) {
            operation->needs.push_back(need);
        }
    }
    operation->clock.resize(std::max(operation->clock.size(), stream.lane + 1));
    operation->clock[stream.lane] = operation->sequence;
    lane.pending.push_back(operation);
    lane.last = operation;
    stream.last = operation;
    if (schedule.kind == Schedule::Kind::eager) {
        runWithNeeds(operation);
    }
    wander();
    return operation;
}

void Timeline::finish(const OperationPtr& operation) {
    if (!tryFinish(operation)) {
        throw Hang();
    }
}

bool Timeline::tryFinish(const OperationPtr& operation) {
    if (!operation) {
        return true;
    }
    if (!runWithNeeds(operation)) {
        return false;
    }
    host->learn(operation->clock);
    return true;
}

bool Timeline::hangs(int device) const {
    return std::any_of(lanes.begin(), lanes.end(), [&](const Lane& lane) {
        return !lane.pending.empty() && lane.pending.front()->hangs && lane.pending.front()->device == device;
    });
}

bool Timeline::poll(const OperationPtr& operation) {
    wander();
    if (!operation || knows(host->mine(), operation->lane, operation->sequence) || operation->asked) {
        return tryFinish(operation);
    }
    operation->asked = true;
    return false;
}

bool Timeline::learns(const Clock& known, const OperationPtr& operation) const {
    if (!operation) {
        return false;
    }
    for (std::size_t lane = 0; lane < operation->clock.size(); lane++) {
        const std::uint64_t work = std::min(operation->clock[lane], lanes[lane].lastWork);
        if (work > 0 && !knows(known, lane, work)) {
            return true;
        }
    }
    return false;
}

bool Timeline::hostLearns(int device) const {
    return std::any_of(lanes.begin(), lanes.end(), [&](const Lane& lane) {
        return lane.last && lane.last->device == device && hostLearns(lane.last);
    });
}

bool Timeline::streamLearns(const Stream& stream, const OperationPtr& operation) const {
    Clock known = host->mine();
    if (stream.last) {
        join(known, stream.last->clock);
    }
    return learns(known, operation);
}

void Timeline::finishAll(int device) {
    for (std::size_t lane = 0; lane < lanes.size(); lane++) {
        if (lanes[lane].last && lanes[lane].last->device == device) {
            finish(OperationPtr(lanes[lane].last));
        }
    }
}

bool Timeline::runWithNeeds(const OperationPtr& wanted) {
    std::vector<OperationPtr> stack{wanted};
    while (!stack.empty()) {
        const OperationPtr top = stack.back();
        const auto open =
            std::find_if(top->needs.begin(), top->needs.end(), [](const OperationPtr& need) { return !need->done; });
        if (top->done) {
            stack.pop_back();
        } else if (top->hangs) {
            return false;
        } else if (open != top->needs.end()) {
            stack.push_back(*open);
        } else {
            run(top);
        }
    }
    return true;
}

void Timeline::run(const OperationPtr& operation) {
    // Its predecessor on the lane is among its needs, so it is the lane's first.
    lanes[operation->lane].pending.pop_front();
    execute(*operation);
    if (operation->hangs) {
        lanes[operation->lane].pending.push_front(operation);
        return;
    }
    operation->done = true;
    operation->finished = std::chrono::steady_clock::now();
    operation->needs.clear();
    operation->body = nullptr;
}

void Timeline::wander() {
    if (schedule.kind != Schedule::Kind::random) {
        return;
    }
    while (dice() % 2 == 0) {
        const std::vector<OperationPtr> candidates = ready();
        if (candidates.empty()) {
            return;
        }
        run(candidates[dice() % candidates.size()]);
    }
}

std::vector<OperationPtr> Timeline::ready() const {
    std::vector<OperationPtr> found;
    for (const Lane& lane : lanes) {
        if (lane.pending.empty() || lane.pending.front()->hangs) {
            continue;
        }
        const std::vector<OperationPtr>& needs = lane.pending.front()->needs;
        if (std::all_of(needs.begin(), needs.end(), [](const OperationPtr& need) { return need->done; })) {
            found.push_back(lane.pending.front());
        }
    }
    return found;
}

}  // namespace emulator
