// Between kernels compiled by g++ and the emulator that runs them: plain C, so that kernel files, whose code is
// instrumented, share no inline function with the emulator's.
#pragma once

#include <cstddef>

struct EmulatorIndex {
    unsigned x, y, z;
};

extern "C" {
void emulatorRegisterKernel(const char* name, void (*function)(), void (*invoke)(void (*)(), const void* const*),
                            const std::size_t* sizes, std::size_t count);
EmulatorIndex emulatorThreadIndex();
EmulatorIndex emulatorBlockIndex();
EmulatorIndex emulatorBlockExtent();
EmulatorIndex emulatorGridExtent();
void emulatorSynchronizeThreads();
double emulatorErfc(double x);
double emulatorExp(double x);
}
