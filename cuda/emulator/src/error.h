// How a call of the driver fails.
#pragma once

#include "driver_types.h"

#include <stdexcept>
#include <string>

namespace emulator {

/** Thrown inside a driver call, which then answers the code. */
struct DriverError : std::runtime_error {
    explicit DriverError(CUresult answer, const std::string& why = "") : std::runtime_error(why), code(answer) {}
    CUresult code;
};

/** Thrown by an operation while it runs: its device is dead from then on, and every later call answers the code. */
struct DeviceFault : std::runtime_error {
    DeviceFault(CUresult answer, const std::string& why) : std::runtime_error(why), code(answer) {}
    CUresult code;
};

inline void require(bool condition, CUresult otherwise) {
    if (!condition) {
        throw DriverError(otherwise);
    }
}

/** "CUDA_ERROR_..." of a code, or null. */
const char* errorName(CUresult code);

/** One sentence for people, or null. */
const char* errorText(CUresult code);

}  // namespace emulator
