// What a .cu file finds when g++ compiles it for the emulator: CUDA's words, as far as the kernels use them. Included
// before the file itself; then kernel-source goes over both, which translates `__shared__`. See the Makefile for the
// flags.
#pragma once

#include "kernel_interface.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

// Not <cmath>: as in CUDA, a name without std:: has its overload for float.
#include <math.h>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(bytes) alignas(bytes)

#define threadIdx (emulatorThreadIndex())
#define blockIdx (emulatorBlockIndex())
#define blockDim (emulatorBlockExtent())
#define gridDim (emulatorGridExtent())
#define warpSize 32

// What the kernels call of CUDA's mathematical functions that is not exact, or that C lacks.
#define erfc(x) (emulated::complementaryError(x))
#define exp(x) (emulated::exponential(x))
#define expf(x) (emulatorExpf(x))
#define __expf(x) (emulatorFastExpf(x))
#define rsqrtf(x) (emulatorRsqrtf(x))
#define fmaxf(a, b) (emulatorFmaxf(a, b))
#define fminf(a, b) (emulatorFminf(a, b))

// What the host would compute more exactly than CUDA: src/math.cpp has to imitate it before a kernel may call it.
#pragma GCC poison sin cos tan sinf cosf tanf sincosf sincos tanh tanhf log logf log2 log2f log10 log10f log1p log1pf
#pragma GCC poison exp2 exp2f expm1 expm1f pow powf erf erff erfcf cbrt cbrtf rsqrt hypot hypotf

inline float __fadd_rn(float a, float b) {
    return a + b;
}

inline float __fmul_rn(float a, float b) {
    return a * b;
}

inline float __fmaf_rn(float a, float b, float c) {
    return fmaf(a, b, c);
}

inline double __fma_rn(double a, double b, double c) {
    return fma(a, b, c);
}

inline float __fsqrt_rn(float x) {
    return sqrtf(x);
}

// A default argument knows the line of the call.
#define EMULATED_SITE                     \
    EmulatorSite site = {                 \
        __builtin_FILE(), __builtin_LINE()}

inline void __syncthreads(EMULATED_SITE) {
    emulatorSynchronizeThreads(site);
}

inline void __syncwarp(unsigned mask = 0xffffffff, EMULATED_SITE) {
    emulatorCallWarp({emulatorSyncWarp, mask, 0, 0, warpSize, site});
}

inline unsigned __ballot_sync(unsigned mask, int predicate, EMULATED_SITE) {
    return static_cast<unsigned>(
        emulatorCallWarp({emulatorBallot, mask, static_cast<unsigned>(predicate), 0, warpSize, site}));
}

inline int __any_sync(unsigned mask, int predicate, EMULATED_SITE) {
    return static_cast<int>(
        emulatorCallWarp({emulatorAny, mask, static_cast<unsigned>(predicate), 0, warpSize, site}));
}

inline int __all_sync(unsigned mask, int predicate, EMULATED_SITE) {
    return static_cast<int>(
        emulatorCallWarp({emulatorAll, mask, static_cast<unsigned>(predicate), 0, warpSize, site}));
}

inline unsigned __activemask() {
    return emulatorActiveMask();
}

namespace emulated {

inline float exponential(float x) {
    return emulatorExpf(x);
}

inline double exponential(double x) {
    return emulatorExp(x);
}

inline double complementaryError(double x) {
    return emulatorErfc(x);
}

float complementaryError(float) = delete;

template <typename T>
T shuffle(EmulatorWarpOperation operation, unsigned mask, T value, unsigned operand, int width, EmulatorSite site) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    bits = emulatorCallWarp({operation, mask, bits, operand, width, site});
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

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

/** Makes known where the source calls a function by which threads wait for each other. */
struct SiteRegistration {
    SiteRegistration(const char* file, int line, const char* function) { emulatorRegisterSite(file, line, function); }
};

}  // namespace emulated

// No templates, so that an argument of another type is converted as CUDA's declarations have it.
#define EMULATED_SHUFFLES(T)                                                                                         \
    inline T __shfl_sync(unsigned mask, T value, int lane, int width = warpSize, EMULATED_SITE) {                    \
        return emulated::shuffle(emulatorShuffle, mask, value, static_cast<unsigned>(lane), width, site);            \
    }                                                                                                                \
    inline T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = warpSize, EMULATED_SITE) {        \
        return emulated::shuffle(emulatorShuffleUp, mask, value, distance, width, site);                             \
    }                                                                                                                \
    inline T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = warpSize, EMULATED_SITE) {      \
        return emulated::shuffle(emulatorShuffleDown, mask, value, distance, width, site);                           \
    }                                                                                                                \
    inline T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = warpSize, EMULATED_SITE) {               \
        return emulated::shuffle(emulatorShuffleXor, mask, value, static_cast<unsigned>(lanes), width, site);        \
    }

EMULATED_SHUFFLES(int)
EMULATED_SHUFFLES(unsigned)
EMULATED_SHUFFLES(long)
EMULATED_SHUFFLES(unsigned long)
EMULATED_SHUFFLES(long long)
EMULATED_SHUFFLES(unsigned long long)
EMULATED_SHUFFLES(float)
EMULATED_SHUFFLES(double)
