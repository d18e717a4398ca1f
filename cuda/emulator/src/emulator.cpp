#include "emulator.h"

#include "garbage.h"
#include "signals.h"

#include <sstream>
#include <stdexcept>

namespace emulator {
namespace {

// The null stream's handle, and the one that names it explicitly (CU_STREAM_LEGACY).
constexpr std::uintptr_t legacyStream = 1;
constexpr unsigned nonBlocking = 1;
constexpr std::uintptr_t contextSpacing = 4096;

}  // namespace

std::vector<int>& currentContexts() {
    thread_local std::vector<int> stack;
    return stack;
}

Emulator& Emulator::root() {
    // Never destroyed: threads of the program may still call while the process ends.
    static Emulator* const machine = new Emulator();
    return *machine;
}

Emulator::Emulator() : timeline(host, [this](Operation& operation) { execute(operation); }) {
    host.separate(settings.hostThreads);
    for (const char* key : {"fault", "drop"}) {
        std::istringstream plans(Settings::variable(key));
        for (std::string plan; std::getline(plans, plan, ',');) {
            configure(key, plan);
        }
    }
}

void Emulator::initialize() {
    if (memory) {
        return;
    }
    memory = std::make_unique<Memory>(settings.devices);
    timeline.follow(settings.schedule);
    for (int ordinal = 0; ordinal < settings.devices; ordinal++) {
        devices.push_back({ordinal, 0, CUDA_SUCCESS, DeviceSet{1} << ordinal, timeline.open(ordinal, 0)});
    }
    explainFaultsInGuardPages();
}

void Emulator::restart() {
    faults.clear();
    streams.clear();
    events.clear();
    functions.clear();
    modules.clear();
    blasHandles.clear();
    devices.clear();
    races = Races();
    host.clear();
    timeline = Timeline(host, [this](Operation& operation) { execute(operation); });
    memory = nullptr;
    restarts++;
    restarted.notify_all();
}

void Emulator::configure(const std::string& key, const std::string& value) {
    if (key == "fault") {
        faults.plan(value);
    } else if (key == "drop") {
        faults.planDrop(value);
    } else if (key == "faults" && value == "none") {
        faults.clear();
    } else if (key == "omit") {
        processor.sites.omit(value);
    } else if (key == "restart" && value == "now") {
        restart();
    } else if (key == "run" && value == "all") {
        for (const Device& each : devices) {
            timeline.finishAll(each.ordinal);
        }
        host.tellAll();
    } else {
        settings.set(key, value);
        if (key == "schedule") {
            timeline.follow(settings.schedule);
        } else if (key == "host") {
            host.separate(settings.hostThreads);
        }
    }
}

long Emulator::count(const std::string& what) const {
    const std::string calls = "calls:";
    if (what.rfind(calls, 0) == 0) {
        return faults.calls(what.substr(calls.size()));
    }
    std::uint64_t allocations = 0;
    std::uint64_t contexts = 0;
    std::uint64_t dead = 0;
    for (const Device& each : devices) {
        dead += each.dead != CUDA_SUCCESS;
        allocations += memory->liveCount(each.ordinal);
        contexts += each.retained > 0;
    }
    const std::vector<std::pair<std::string, std::uint64_t>> counts = {
        {"allocations", allocations}, {"pinned", memory ? memory->liveCount(hostOwner) : 0},
        {"streams", streams.size()},  {"events", events.size()},
        {"modules", modules.size()},  {"handles", blasHandles.size()},
        {"contexts", contexts},       {"reports", reports.count()},
        {"dead", dead},               {"missed", static_cast<std::uint64_t>(missed)},
    };
    for (const auto& [name, number] : counts) {
        if (name == what) {
            return static_cast<long>(number);
        }
    }
    throw std::invalid_argument(what + ": not something that is counted");
}

Device& Emulator::device(int ordinal) {
    if (ordinal == garbage<int>()) {
        refuseHandle(CUDA_ERROR_INVALID_DEVICE, "device", garbage<std::uintptr_t>());
    }
    require(ordinal >= 0 && ordinal < static_cast<int>(devices.size()), CUDA_ERROR_INVALID_DEVICE);
    return devices[static_cast<std::size_t>(ordinal)];
}

Device& Emulator::device(CUcontext context) {
    const auto number = reinterpret_cast<std::uintptr_t>(context);
    const std::uintptr_t ordinal = number / contextSpacing - 1;
    if (number % contextSpacing != 0 || ordinal >= devices.size()) {
        refuseHandle(CUDA_ERROR_INVALID_CONTEXT, "context", number);
    }
    return devices[ordinal];
}

CUcontext contextOf(const Device& device) {
    return reinterpret_cast<CUcontext>((static_cast<std::uintptr_t>(device.ordinal) + 1) * contextSpacing);
}

Device& Emulator::current() {
    require(!currentContexts().empty(), CUDA_ERROR_INVALID_CONTEXT);
    Device& found = device(currentContexts().back());
    require(found.retained > 0, CUDA_ERROR_INVALID_CONTEXT);
    require(found.dead == CUDA_SUCCESS, found.dead);
    return found;
}

Stream& Emulator::stream(CUstream handle) {
    if (reinterpret_cast<std::uintptr_t>(handle) <= legacyStream) {
        return current().legacy;
    }
    return streams.get(handle);
}

Stream& Emulator::currentStream(CUstream handle) {
    const Device& here = current();
    Stream& found = stream(handle);
    require(found.device == here.ordinal, CUDA_ERROR_INVALID_HANDLE);
    return found;
}

std::string Emulator::describe(const Stream& stream, const std::string& what) const {
    const bool null = &stream == &devices[static_cast<std::size_t>(stream.device)].legacy;
    return what + " on " + (null ? "the null stream" : "stream " + std::to_string(stream.lane)) + " of device " +
           std::to_string(stream.device);
}

OperationPtr Emulator::enqueue(Stream& stream, const std::string& what, std::function<void(Accesses&)> body,
                               std::vector<OperationPtr> needs) {
    Device& home = device(stream.device);
    require(home.dead == CUDA_SUCCESS, home.dead);
    if (&stream == &home.legacy) {
        streams.forEach([&](const Stream& other) {
            if (other.device == home.ordinal && (other.flags & nonBlocking) == 0 && other.last) {
                needs.push_back(other.last);
            }
        });
    } else if ((stream.flags & nonBlocking) == 0 && home.legacy.last) {
        needs.push_back(home.legacy.last);
    }
    return timeline.enqueue(stream, describe(stream, what), std::move(needs), std::move(body));
}

void Emulator::execute(Operation& operation) {
    Device& home = device(operation.device);
    if (home.dead != CUDA_SUCCESS || !operation.body) {
        return;
    }
    Accesses accesses(*memory, home.reachable);
    try {
        operation.body(accesses);
    } catch (const DeviceFault& fault) {
        kill(home, fault, operation.name);
    } catch (const DriverError& error) {
        kill(home, DeviceFault(error.code, ""), operation.name);
    } catch (const Hang&) {
        operation.hangs = true;
        return;
    } catch (const Dropped&) {
        return;
    }
    if (const auto race = races.enter(operation, accesses)) {
        reports.add(*race);
    }
}

void Emulator::kill(Device& victim, const DeviceFault& fault, const std::string& during) {
    victim.dead = fault.code;
    const std::string why = fault.what();
    if (!why.empty()) {  // what a test asked for is no finding
        reports.add(during + ": " + why + " (" + errorName(fault.code) + ")");
    }
}

void Emulator::wait(const OperationPtr& operation) {
    timeline.finish(operation);
    if (operation) {
        const Device& home = device(operation->device);
        require(home.dead == CUDA_SUCCESS, home.dead);
    }
}

CUresult Emulator::waitForever(std::unique_lock<std::mutex>& lock) {
    const long before = restarts;
    restarted.wait(lock, [&] { return restarts != before; });
    return CUDA_ERROR_CONTEXT_IS_DESTROYED;
}

std::string plainName(const std::string& symbol) {
    const std::size_t version = symbol.rfind("_v");
    return version == std::string::npos ? symbol : symbol.substr(0, version);
}

}  // namespace emulator
