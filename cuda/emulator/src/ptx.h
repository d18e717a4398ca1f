// The little of PTX that a launch depends on: entry names, parameter layouts and shared memory.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace emulator {

/** One `.entry`, the sizes of its parameters in bytes, and the bytes of the shared variables that its body
 * mentions. */
struct PtxEntry {
    std::string name;
    std::vector<std::size_t> parameters;
    std::size_t shared = 0;
};

/** A module's text as far as it matters here. */
struct Ptx {
    /** `.version 8.0` is 80. */
    int version;
    /** `.target sm_75` is 75. */
    int target;
    std::vector<PtxEntry> entries;

    /** @throws DriverError 218 if this is no PTX */
    static Ptx parse(const std::string& text);
};

}  // namespace emulator
