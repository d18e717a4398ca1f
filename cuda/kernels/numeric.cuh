// What all kernels share: number formats, and loads and stores of up to 16 bytes. Plain C++ but for __device__ and the
// two vector types, so that a host compiler takes it too. Every rounding is to nearest, ties to even, and happens in
// narrow() alone; bits are those of org.tp4j.tensor.Float16 and BFloat16.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
using Bytes16 = uint4;
using Bytes8 = uint2;
#else
using Bytes16 = std::uint32_t __attribute__((vector_size(16)));
using Bytes8 = std::uint32_t __attribute__((vector_size(8)));
#endif

// An f16 and a bf16 by their bit patterns.
struct Half {
    std::uint16_t bits;
};
struct Bfloat {
    std::uint16_t bits;
};

// The format in which sums of T are taken.
template <typename T>
struct Accumulator {
    using Type = float;
};
template <>
struct Accumulator<double> {
    using Type = double;
};
template <typename T>
using Wide = typename Accumulator<T>::Type;

__device__ inline std::uint32_t bitsOf(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

__device__ inline float floatOf(std::uint32_t bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

__device__ inline double widen(double value) {
    return value;
}

__device__ inline float widen(float value) {
    return value;
}

__device__ inline float widen(Half half) {
    std::uint32_t sign = (half.bits & 0x8000u) << 16;
    std::uint32_t magnitude = half.bits & 0x7fffu;
    if (magnitude >= 0x7c00u) {
        return floatOf(sign | 0x7f800000u | (magnitude << 13));
    }
    // Read as a float the magnitude is 2^112 times too small; the product is exact, for subnormals too.
    return floatOf(sign | bitsOf(floatOf(magnitude << 13) * 0x1p112f));
}

__device__ inline float widen(Bfloat bfloat) {
    return floatOf(static_cast<std::uint32_t>(bfloat.bits) << 16);
}

// The nearest float whose last bit also keeps whether anything was lost: rounding it to a format at least two bits
// narrower is rounding the double itself (Boldo and Melquiond 2008).
__device__ inline float roundToOdd(double value) {
    float nearest = static_cast<float>(value);
    if (static_cast<double>(nearest) == value || value != value) {
        return nearest;
    }
    std::uint32_t bits = bitsOf(nearest);
    if ((bits & 0x7fffffffu) == 0x7f800000u) {
        return floatOf(bits - 1);  // the largest finite float, which is odd
    }
    if ((bits & 1u) == 0) {
        bool away = std::fabs(static_cast<double>(nearest)) > std::fabs(value);
        bits = away ? bits - 1 : bits + 1;
    }
    return floatOf(bits);
}

template <typename T>
struct Narrow;

template <>
struct Narrow<double> {
    __device__ static double from(double value) {
        return value;
    }
};

template <>
struct Narrow<float> {
    __device__ static float from(float value) {
        return value;
    }
    __device__ static float from(double value) {
        return static_cast<float>(value);
    }
};

template <>
struct Narrow<Half> {
    __device__ static Half from(float value) {
        std::uint32_t bits = bitsOf(value);
        std::uint32_t sign = (bits >> 16) & 0x8000u;
        std::uint32_t magnitude = bits & 0x7fffffffu;
        std::uint32_t half;
        if (magnitude > 0x7f800000u) {
            half = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
        } else if (magnitude >= 0x477ff000u) {  // 65520: the midpoint above the largest finite half
            half = 0x7c00u;
        } else if (magnitude < 0x38800000u) {  // below the smallest normal half: a multiple of 2^-24
            half = static_cast<std::uint32_t>(std::rint(floatOf(magnitude) * 0x1p24f));
        } else {
            half = (magnitude + 0xfffu + ((magnitude >> 13) & 1u) - 0x38000000u) >> 13;
        }
        return Half{static_cast<std::uint16_t>(sign | half)};
    }
    __device__ static Half from(double value) {
        return from(roundToOdd(value));
    }
};

template <>
struct Narrow<Bfloat> {
    __device__ static Bfloat from(float value) {
        std::uint32_t bits = bitsOf(value);
        bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
        bits = nan ? (bits >> 16) | 0x40u : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
        return Bfloat{static_cast<std::uint16_t>(bits)};
    }
    __device__ static Bfloat from(double value) {
        return from(roundToOdd(value));
    }
};

// `value` rounded once to T.
template <typename T, typename W>
__device__ T narrow(W value) {
    return Narrow<T>::from(value);
}

// What one access moves: as many bytes as there are, at most 16.
template <int BYTES>
struct Access {
    using Type = Bytes16;
};
template <>
struct Access<8> {
    using Type = Bytes8;
};
template <>
struct Access<4> {
    using Type = std::uint32_t;
};
template <>
struct Access<2> {
    using Type = std::uint16_t;
};

// COUNT elements that lie in registers.
template <typename T, int COUNT>
struct Pack {
    T at[COUNT];

    // How many bytes at a time they are moved; their address in memory must be a multiple of it.
    static constexpr int STEP = sizeof(T) * COUNT < 16 ? sizeof(T) * COUNT : 16;

    __device__ static bool fits(const void* pointer) {
        return reinterpret_cast<std::uintptr_t>(pointer) % STEP == 0;
    }

    __device__ void load(const T* source) {
        using Step = typename Access<STEP>::Type;
        Step steps[sizeof at / STEP];
        for (unsigned i = 0; i < sizeof at / STEP; i++) {
            steps[i] = reinterpret_cast<const Step*>(source)[i];
        }
        std::memcpy(at, steps, sizeof at);
    }

    __device__ void store(T* destination) const {
        using Step = typename Access<STEP>::Type;
        Step steps[sizeof at / STEP];
        std::memcpy(steps, at, sizeof at);
        for (unsigned i = 0; i < sizeof at / STEP; i++) {
            reinterpret_cast<Step*>(destination)[i] = steps[i];
        }
    }
};
