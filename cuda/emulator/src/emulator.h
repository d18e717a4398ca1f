// The root: all that the emulated machine consists of.
#pragma once

#include "accesses.h"
#include "driver_types.h"
#include "error.h"
#include "faults.h"
#include "grid.h"
#include "host.h"
#include "kernels.h"
#include "memory.h"
#include "ptx.h"
#include "races.h"
#include "reports.h"
#include "settings.h"
#include "table.h"
#include "timeline.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace emulator {

/** A device and its primary context. */
struct Device {
    int ordinal;
    /** How often the primary context is retained; it is gone at 0. */
    int retained = 0;
    /** What killed it, for the rest of the process; or success. */
    CUresult dead = CUDA_SUCCESS;
    /** The devices whose memory its kernels and copies reach, itself included. */
    DeviceSet reachable;
    bool reaches(int other) const { return (reachable >> other & 1) != 0; }
    /** The null stream. */
    Stream legacy;
};

struct Event {
    int device;
    unsigned flags;
    /** What its last record stands for; null if it was never recorded. */
    OperationPtr recorded;
    /** What a record since then would stand for, had it not been dropped; else null. */
    OperationPtr unrecorded;
};

/** A kernel of a loaded module. */
struct Function {
    CUmodule module;
    const Kernel* kernel;
    /** Bytes of shared memory that its source declares. */
    std::uint64_t ownShared;
    /** The most that a launch may ask for besides. */
    std::uint64_t mostDynamicShared;
};

struct Module {
    int device;
    std::vector<std::pair<std::string, CUfunction>> functions;
};

/** A cuBLAS handle. */
struct BlasHandle {
    int device;
    CUstream stream = nullptr;
    int mathMode = 0;
    /** The memory that its products may scribble in. */
    Address workspace = 0;
    std::uint64_t workspaceBytes = 0;
    /** What it falls back to when the program gives it none; its own. */
    Address ownWorkspace = 0;
};

using BlasHandlePtr = struct cublasContext*;

/**
 * The emulated machine: the one global object there is. Every driver call locks it for as long as it takes, so all that
 * is reached from here is used by one thread at a time.
 */
class Emulator {
public:
    static Emulator& root();

    std::mutex mutex;
    Settings settings = Settings::fromEnvironment();
    Reports reports;
    Faults faults;
    Kernels kernels;
    Multiprocessor processor;
    Races races;
    HostClocks host;
    Timeline timeline;
    /** Null before cuInit. */
    std::unique_ptr<Memory> memory;
    std::vector<Device> devices;
    Table<Stream, CUstream> streams{"stream"};
    Table<Event, CUevent> events{"event"};
    Table<Module, CUmodule> modules{"module"};
    Table<Function, CUfunction> functions{"kernel"};
    Table<BlasHandle, BlasHandlePtr> blasHandles{"cuBLAS handle"};
    /** The grid that a device is running now, for the hooks in its kernel; else null. */
    Grid* running = nullptr;
    /** Asked before every call that orders, by its plain name, whether to drop it; null if nobody is asked. */
    std::atomic<int (*)(const char*)> dropper = nullptr;
    /** How often somebody did not get to know what a dropped call would have told them. */
    long missed = 0;

    void initialize();

    /** Everything is gone, as if the process had begun anew; only handles are not given out again. */
    void restart();

    /** `key=value`: a setting, or `fault=`, `drop=`, `faults=none`, `omit=`, `run=all`, `restart=now`. */
    void configure(const std::string& key, const std::string& value);

    /** How many there are of `allocations`, `pinned`, `streams`, `events`, `modules`, `handles`, `contexts`, `reports`,
     * `dead`, `missed`, or `calls:NAME`. */
    long count(const std::string& what) const;

    /** A device by its ordinal; 101 if there is none. */
    Device& device(int ordinal);

    /** The device that a context is of; 201 if it is none. */
    Device& device(CUcontext context);

    /** The device of the calling thread's current context, alive; 201 if it has none, or what the device died of. */
    Device& current();

    /** A stream, the null stream's handles included. */
    Stream& stream(CUstream handle);

    /** As stream, of the current device: 400 if it is another's. */
    Stream& currentStream(CUstream handle);

    /** Enqueues an operation, in the null stream's order where that applies. */
    OperationPtr enqueue(Stream& stream, const std::string& what, std::function<void(Accesses&)> body,
                         std::vector<OperationPtr> needs = {});

    /** The device dies: every call on it answers the code from now on. */
    void kill(Device& device, const DeviceFault& fault, const std::string& during);

    /** The calling thread waits for an operation; throws what its device died of. */
    void wait(const OperationPtr& operation);

    /** The calling thread waits for what never ends, while others may call, until a restart: what its call then
     * answers. */
    CUresult waitForever(std::unique_lock<std::mutex>& lock);

private:
    Emulator();
    long restarts = 0;
    std::condition_variable restarted;

    void execute(Operation& operation);
    std::string describe(const Stream& stream, const std::string& what) const;
};

/** The calling thread's stack of current contexts, as device ordinals: state that the driver API defines per thread. */
std::vector<int>& currentContexts();

/** A device's primary context: the handle names the device, so that it is the same after every release and retain. */
CUcontext contextOf(const Device& device);

/** A call's name as plans for faults give it: without its version. */
std::string plainName(const std::string& symbol);

}  // namespace emulator
