// What a user can ask of the emulator: `key=value`, in the environment as TP4J_EMULATOR_KEY, or while it runs.
#pragma once

#include "links.h"
#include "timeline.h"

#include <cstdint>
#include <string>

namespace emulator {

/** Numbers are decimal; an unknown key or a bad value throws std::invalid_argument naming it. */
struct Settings {
    /** `devices=4`: how many there are; read at cuInit. */
    int devices = 4;
    /** `memory=32768`: MiB of each device, which take real memory only once they are written. */
    std::uint64_t memoryMiB = 32768;
    /** `schedule=eager`, `lazy` or `random:SEED`. */
    Schedule schedule;
    /** `peers=...`: which devices reach each other's memory, as Links reads it. */
    Links links;
    /** `driver=12060`: the version of CUDA that the driver answers to, 1000 major + 10 minor. */
    int driver = 12060;
    /** `capability=80`: the devices' compute capability, 10 major + minor. */
    int capability = 80;

    /** Every setting that the environment names. */
    static Settings fromEnvironment();

    /** What the environment says of a key; empty if it says nothing. */
    static std::string variable(const std::string& key);

    void set(const std::string& key, const std::string& value);
};

}  // namespace emulator
