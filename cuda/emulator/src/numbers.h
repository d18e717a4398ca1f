// 16-bit floating-point numbers, and the roundings that products make.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace emulator {

inline std::uint32_t bitsOf(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

inline float floatOf(std::uint32_t bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

/** Rounds to nearest, ties to even, keeping the upper 32 - dropped bits; NaN stays NaN. */
inline std::uint32_t roundBits(float value, int dropped) {
    const std::uint32_t bits = bitsOf(value);
    if (std::isnan(value)) {
        return (bits | 0x00400000u) >> dropped;
    }
    return (bits + ((1u << (dropped - 1)) - 1) + (bits >> dropped & 1)) >> dropped;
}

inline std::uint16_t toBFloat16(float value) {
    return static_cast<std::uint16_t>(roundBits(value, 16));
}

inline float fromBFloat16(std::uint16_t bits) {
    return floatOf(std::uint32_t{bits} << 16);
}

/** Ten bits of fraction, as a tensor core reads f32 when TF32 is allowed. */
inline float toTf32(float value) {
    return floatOf(roundBits(value, 13) << 13);
}

inline float fromFloat16(std::uint16_t half) {
    const std::uint32_t sign = std::uint32_t{half & 0x8000u} << 16;
    const std::uint32_t exponent = half >> 10 & 0x1fu;
    const std::uint32_t fraction = half & 0x3ffu;
    if (exponent == 0x1f) {
        return floatOf(sign | 0x7f800000u | fraction << 13);
    }
    if (exponent == 0) {
        const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
        return sign == 0 ? magnitude : -magnitude;
    }
    return floatOf(sign | (exponent + 112) << 23 | fraction << 13);
}

inline std::uint16_t toFloat16(float value) {
    const std::uint32_t bits = bitsOf(value);
    const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000u);
    const float magnitude = std::fabs(value);
    if (std::isnan(value)) {
        return static_cast<std::uint16_t>(sign | 0x7e00u);
    }
    if (magnitude >= 65520.0f) {
        return static_cast<std::uint16_t>(sign | 0x7c00u);
    }
    if (magnitude < 0x1p-14f) {  // subnormal: adding 2^-1 rounds to multiples of 2^-24
        return static_cast<std::uint16_t>(sign | (bitsOf(magnitude + 0.5f) & 0x7ffu));
    }
    return static_cast<std::uint16_t>(sign | (roundBits(magnitude, 13) - (112u << 10)));
}

}  // namespace emulator
