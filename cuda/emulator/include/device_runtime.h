// What a .cu file finds when g++ compiles it for the emulator: CUDA's words, as far as the kernels use them. Included
// before the file itself; see the Makefile for the flags.
#pragma once

#include "kernel_interface.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(bytes) alignas(bytes)
// One block runs at a time, so what its threads share can be static.
#define __shared__ static

#define threadIdx (emulatorThreadIndex())
#define blockIdx (emulatorBlockIndex())
#define blockDim (emulatorBlockExtent())
#define gridDim (emulatorGridExtent())
#define warpSize 32

// What the kernels call of CUDA's mathematical functions that is not exact.
#define erfc(x) (emulatorErfc(x))
#define exp(x) (emulatorExp(x))

inline void __syncthreads() {
    emulatorSynchronizeThreads();
}

namespace emulated {

/** How to call a kernel with values that pointers lead to. Reading those is the launch's business, not the kernel's. */
template <typename... Parameters>
struct Invocation {
    using Kernel = void (*)(Parameters...);

    __attribute__((no_sanitize("thread"))) static void run(void (*kernel)(), const void* const* values) {
        spread(reinterpret_cast<Kernel>(kernel), values, std::index_sequence_for<Parameters...>());
    }

private:
    template <std::size_t... Index>
    __attribute__((no_sanitize("thread"))) static void spread(Kernel kernel, [[maybe_unused]] const void* const* values,
                                                              std::index_sequence<Index...>) {
        kernel(*static_cast<const Parameters*>(values[Index])...);
    }
};

/** Makes a kernel known to the emulator under the name that its PTX has. */
struct Registration {
    template <typename... Parameters>
    Registration(const char* name, void (*kernel)(Parameters...)) {
        const std::size_t sizes[] = {sizeof(Parameters)..., 0};
        emulatorRegisterKernel(name, reinterpret_cast<void (*)()>(kernel), &Invocation<Parameters...>::run, sizes,
                               sizeof...(Parameters));
    }
};

}  // namespace emulated
