// What the lanes of a warp do together: the rules of
// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#warp-shuffle-functions and of its neighbors.
#pragma once

#include "../include/kernel_interface.h"

#include "clocks.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace emulator {

/** "__shfl_sync with mask 0x000000ff (attend.cu:12)". */
std::string describe(const EmulatorWarpCall& call);

/** "reduce.cu:12". */
std::string describe(const EmulatorSite& site);

/** Whether two calls are the same one in the source. */
bool sameSite(const EmulatorSite& a, const EmulatorSite& b);

/** Whether two lanes' calls are parts of one. */
bool sameCall(const EmulatorWarpCall& a, const EmulatorWarpCall& b);

/** What is wrong with a lane's call by itself; empty if nothing is. */
std::string complaint(const EmulatorWarpCall& call, unsigned lane);

/** What a lane would get if it were alone: its own value, or its own vote. */
std::uint64_t answerAlone(const EmulatorWarpCall& call, unsigned lane);

/** The lane whose value a lane gets in a shuffle: its own where there is none. */
unsigned sourceLane(const EmulatorWarpCall& call, unsigned lane);

/** What a lane gets once all that its mask names have come with these calls. */
std::uint64_t answer(const std::array<EmulatorWarpCall, lanesPerWarp>& calls, unsigned lane);

}  // namespace emulator
