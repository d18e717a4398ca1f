// The little of PTX that a launch depends on: entry names and parameter layouts.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace emulator {

/** One `.entry` and the sizes of its parameters in bytes. */
struct PtxEntry {
    std::string name;
    std::vector<std::size_t> parameters;
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
