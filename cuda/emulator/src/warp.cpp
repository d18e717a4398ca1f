#include "warp.h"

#include <cstdio>
#include <cstring>

namespace emulator {
namespace {

const char* nameOf(EmulatorWarpOperation operation) {
    switch (operation) {
        case emulatorSyncWarp:
            return "__syncwarp";
        case emulatorShuffle:
            return "__shfl_sync";
        case emulatorShuffleUp:
            return "__shfl_up_sync";
        case emulatorShuffleDown:
            return "__shfl_down_sync";
        case emulatorShuffleXor:
            return "__shfl_xor_sync";
        case emulatorBallot:
            return "__ballot_sync";
        case emulatorAny:
            return "__any_sync";
        case emulatorAll:
            return "__all_sync";
    }
    return "";
}

bool isShuffle(EmulatorWarpOperation operation) {
    return operation >= emulatorShuffle && operation <= emulatorShuffleXor;
}

bool names(unsigned mask, unsigned lane) {
    return (mask >> lane & 1) != 0;
}

std::uint32_t ballot(const std::array<EmulatorWarpCall, lanesPerWarp>& calls, unsigned mask) {
    std::uint32_t votes = 0;
    for (unsigned lane = 0; lane < lanesPerWarp; lane++) {
        if (names(mask, lane) && calls[lane].value != 0) {
            votes |= 1u << lane;
        }
    }
    return votes;
}

}  // namespace

std::string describe(const EmulatorSite& site) {
    const char* slash = std::strrchr(site.file, '/');
    return std::string(slash == nullptr ? site.file : slash + 1) + ":" + std::to_string(site.line);
}

std::string describe(const EmulatorWarpCall& call) {
    char mask[16];
    std::snprintf(mask, sizeof mask, "0x%08x", call.mask);
    return std::string(nameOf(call.operation)) + " with mask " + mask + " (" + describe(call.site) + ")";
}

bool sameSite(const EmulatorSite& a, const EmulatorSite& b) {
    return a.line == b.line && std::strcmp(a.file, b.file) == 0;
}

bool sameCall(const EmulatorWarpCall& a, const EmulatorWarpCall& b) {
    return a.operation == b.operation && a.mask == b.mask && sameSite(a.site, b.site);
}

std::string complaint(const EmulatorWarpCall& call, unsigned lane) {
    if (!names(call.mask, lane)) {
        return "calls " + describe(call) + ", which does not name its lane " + std::to_string(lane);
    }
    const bool powerOfTwo = call.width > 0 && (call.width & (call.width - 1)) == 0;
    if (!powerOfTwo || call.width > static_cast<int>(lanesPerWarp)) {
        return "calls " + describe(call) + " with width " + std::to_string(call.width) + ", no power of two up to 32";
    }
    const bool ofDistance = isShuffle(call.operation) && call.operation != emulatorShuffle;
    if (ofDistance && call.operand >= lanesPerWarp) {
        return "calls " + describe(call) + " with a distance of " + std::to_string(static_cast<int>(call.operand)) +
               ", of which a device takes the last five bits";
    }
    return "";
}

std::uint64_t answerAlone(const EmulatorWarpCall& call, unsigned lane) {
    switch (call.operation) {
        case emulatorBallot:
            return call.value != 0 ? 1u << lane : 0;
        case emulatorAny:
        case emulatorAll:
            return call.value != 0;
        default:
            return call.value;
    }
}

// As the PTX manual defines shfl.sync, with the operands that CUDA's headers give it.
unsigned sourceLane(const EmulatorWarpCall& call, unsigned lane) {
    const auto width = static_cast<unsigned>(call.width);
    const unsigned first = lane & ~(width - 1);
    const unsigned last = first + width - 1;
    switch (call.operation) {
        case emulatorShuffle:
            return first + (call.operand & (width - 1));
        case emulatorShuffleUp:
            return lane >= first + call.operand ? lane - call.operand : lane;
        case emulatorShuffleDown:
            return lane + call.operand <= last ? lane + call.operand : lane;
        case emulatorShuffleXor:
            return (lane ^ call.operand) <= last ? lane ^ call.operand : lane;
        default:
            return lane;
    }
}

std::uint64_t answer(const std::array<EmulatorWarpCall, lanesPerWarp>& calls, unsigned lane) {
    const EmulatorWarpCall& call = calls[lane];
    switch (call.operation) {
        case emulatorBallot:
            return ballot(calls, call.mask);
        case emulatorAny:
            return ballot(calls, call.mask) != 0;
        case emulatorAll:
            return ballot(calls, call.mask) == call.mask;
        default:
            return calls[sourceLane(call, lane)].value;
    }
}

}  // namespace emulator
