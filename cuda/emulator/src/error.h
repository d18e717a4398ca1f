// How a call of the driver fails.
#pragma once

#include "driver_types.h"

#include <cstdint>
#include <stdexcept>
#include <string>

namespace emulator {

/** Thrown inside a driver call, which then answers the code. */
struct DriverError : std::runtime_error {
    explicit DriverError(CUresult answer, const std::string& why = "") : std::runtime_error(why), code(answer) {}
    CUresult code;
};

/** Thrown inside a call that is given what is alive nowhere. Hardware need not notice: it may crash, or take it for
 * something else's. */
struct UnknownHandle : DriverError {
    using DriverError::DriverError;
};

/** Thrown by an operation while it runs: its device is dead from then on, and every later call answers the code. */
struct DeviceFault : std::runtime_error {
    DeviceFault(CUresult answer, const std::string& why) : std::runtime_error(why), code(answer) {}
    CUresult code;
};

/** Thrown by an operation that never ends, and inside a call that waits for one: it does not return. */
struct Hang : std::runtime_error {
    Hang() : std::runtime_error("waits for what never ends") {}
};

inline void require(bool condition, CUresult otherwise) {
    if (!condition) {
        throw DriverError(otherwise);
    }
}

/** Throws UnknownHandle: this is no handle of such a thing. For null, which drivers look for, a mere DriverError. */
[[noreturn]] void refuseHandle(CUresult answer, const std::string& thing, std::uintptr_t handle);

/** "CUDA_ERROR_..." of a code, or null. */
const char* errorName(CUresult code);

/** One sentence for people, or null. */
const char* errorText(CUresult code);

}  // namespace emulator
