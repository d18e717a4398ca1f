// CUDA's mathematical functions: right, but as far off as its manual allows.

#include "../include/kernel_interface.h"

#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#mathematical-functions-appendix, in units in the last place of
// the correctly rounded value. Where editions of the manual differ, the larger.
constexpr int erfcError = 5;
constexpr int expError = 1;
constexpr int expfError = 2;
constexpr int rsqrtfError = 2;

/** That of __expf, which grows with its argument. */
int fastExpfError(float x) {
    return 2 + static_cast<int>(std::floor(std::fabs(1.173f * x)));
}

/** Moves a value by up to `most` units in its last place, always by as many for the same argument. */
template <typename Value>
Value nudge(Value value, Value argument, int most) {
    if (!std::isnormal(value) || !std::isfinite(argument) || argument == 0) {
        return value;
    }
    std::uint64_t bits = 0;
    std::memcpy(&bits, &argument, sizeof argument);
    bits *= 0x9e3779b97f4a7c15u;
    bits = (bits ^ (bits >> 29)) * 0x9e3779b97f4a7c15u;
    const int choices = 2 * most + 1;
    const int steps = static_cast<int>((bits >> 32) % static_cast<unsigned>(choices)) - most;
    const Value unit = std::nextafter(value, Value(HUGE_VAL)) - value;
    return value + static_cast<Value>(steps) * unit;
}

}  // namespace

extern "C" {

double emulatorErfc(double x) {
    const double value = nudge(static_cast<double>(std::erfc(static_cast<long double>(x))), x, erfcError);
    return value > 2 ? 2 : value;
}

double emulatorExp(double x) {
    return nudge(static_cast<double>(std::exp(static_cast<long double>(x))), x, expError);
}

float emulatorExpf(float x) {
    return nudge(static_cast<float>(std::exp(static_cast<long double>(x))), x, expfError);
}

float emulatorFastExpf(float x) {
    return nudge(static_cast<float>(std::exp(static_cast<long double>(x))), x, fastExpfError(x));
}

float emulatorRsqrtf(float x) {
    return nudge(static_cast<float>(1 / std::sqrt(static_cast<long double>(x))), x, rsqrtfError);
}

// As PTX defines max and min: a number if there is one, and -0 is less than +0.
float emulatorFmaxf(float a, float b) {
    return a == b ? (std::signbit(a) ? b : a) : std::fmax(a, b);
}

float emulatorFminf(float a, float b) {
    return a == b ? (std::signbit(a) ? a : b) : std::fmin(a, b);
}
}
