// Between kernels compiled by g++ and the emulator that runs them: plain C, so that kernel files, whose code is
// instrumented, share no inline function with the emulator's.
#pragma once

#include <cstddef>
#include <cstdint>

struct EmulatorIndex {
    unsigned x, y, z;
};

/** Where a kernel's source calls one of the functions by which threads wait for each other. */
struct EmulatorSite {
    const char* file;
    int line;
};

/** What the lanes of a warp do together. */
enum EmulatorWarpOperation {
    emulatorSyncWarp,
    emulatorShuffle,
    emulatorShuffleUp,
    emulatorShuffleDown,
    emulatorShuffleXor,
    emulatorBallot,
    emulatorAny,
    emulatorAll,
};

/** One lane's part in it. */
struct EmulatorWarpCall {
    EmulatorWarpOperation operation;
    unsigned mask;
    /** What it gives: a value's bits, or a vote that is 0 or not. */
    std::uint64_t value;
    /** Of a shuffle: the lane, the distance or the lanes' mask, and the width. */
    unsigned operand;
    int width;
    EmulatorSite site;
};

extern "C" {
void emulatorRegisterKernel(const char* name, void (*function)(), void (*invoke)(void (*)(), const void* const*),
                            const std::size_t* sizes, std::size_t count);
void emulatorRegisterSite(const char* file, int line, const char* function);
EmulatorIndex emulatorThreadIndex();
EmulatorIndex emulatorBlockIndex();
EmulatorIndex emulatorBlockExtent();
EmulatorIndex emulatorGridExtent();
void* emulatorDynamicShared();
void emulatorSynchronizeThreads(EmulatorSite site);
std::uint64_t emulatorCallWarp(EmulatorWarpCall call);
unsigned emulatorActiveMask();
double emulatorErfc(double x);
double emulatorExp(double x);
float emulatorExpf(float x);
float emulatorFastExpf(float x);
float emulatorRsqrtf(float x);
float emulatorFmaxf(float a, float b);
float emulatorFminf(float a, float b);
}
