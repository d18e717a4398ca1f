// What a user can ask of the emulator: `key=value`, in the environment as TP4J_EMULATOR_KEY, or while it runs.
#pragma once

#include "links.h"
#include "timeline.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace emulator {

/** A value for each device: `V` for all, or `V0;V1;...`, of which the last is also that of all devices after it. */
template <typename Value>
class PerDevice {
public:
    explicit PerDevice(Value all) : values{std::move(all)} {}
    explicit PerDevice(std::vector<Value> each) : values(std::move(each)) {}

    const Value& of(int device) const {
        return values[std::min(static_cast<std::size_t>(device), values.size() - 1)];
    }

private:
    /** One at least. */
    std::vector<Value> values;
};

/** A cuBLAS that loads, and what it is good for. */
enum class Blas {
    ok,
    /** No handle can be created. */
    notInitialized,
    /** It has no product for what is asked. */
    notSupported,
    /** It has no code for the device that it starts. */
    executionFailed,
};

/** Numbers are decimal; an unknown key or a bad value throws std::invalid_argument naming it. */
struct Settings {
    /** `devices=4`: how many there are; read at cuInit. */
    int devices = 4;
    /** `memory=32768`: MiB of each device, which take real memory only once they are written. */
    std::uint64_t memoryMiB = 32768;
    /** `schedule=eager`, `lazy` or `random:SEED`. */
    Schedule schedule;
    /** `host=one`: what one of the program's threads waited for, all know; or `threads`: each knows what it waited for,
     * and what it is told by emulatorAcquire. */
    bool hostThreads = false;
    /** `peers=...`: which devices reach each other's memory, as Links reads it. */
    Links links;
    /** `driver=12060`: the version of CUDA that the driver answers to, 1000 major + 10 minor. */
    int driver = 12060;
    /** `capability=80`: the devices' compute capability, 10 major + minor. */
    PerDevice<int> capability{80};
    /** `multiprocessors=4`: how many each device has. */
    PerDevice<int> multiprocessors{4};
    /** `name=Emulated device`. */
    PerDevice<std::string> name{"Emulated device"};
    /** `cublas=ok`, `not-initialized`, `not-supported` or `execution-failed`. */
    Blas blas = Blas::ok;
    /** `cublas-version=120603`: what cuBLAS says that it is, 10000 major + 100 minor + patch; 0 for what it is. */
    int blasVersion = 0;

    /** Every setting that the environment names. */
    static Settings fromEnvironment();

    /** What the environment says of a key; empty if it says nothing. */
    static std::string variable(const std::string& key);

    void set(const std::string& key, const std::string& value);
};

}  // namespace emulator
