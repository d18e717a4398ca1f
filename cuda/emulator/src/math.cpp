// CUDA's mathematical functions: right, but as far off as its manual allows.

#include "../include/kernel_interface.h"

#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#mathematical-functions-appendix, in units in the last place of
// the correctly rounded value.
constexpr int erfcError = 5;
constexpr int expError = 1;

/** Moves a value by up to `most` units in its last place, always by as many for the same argument. */
double nudge(double value, double argument, int most) {
    if (!std::isnormal(value) || !std::isfinite(argument) || argument == 0) {
        return value;
    }
    std::uint64_t bits;
    std::memcpy(&bits, &argument, sizeof bits);
    bits = (bits ^ (bits >> 29)) * 0x9e3779b97f4a7c15u;
    const int choices = 2 * most + 1;
    const int steps = static_cast<int>((bits >> 32) % static_cast<unsigned>(choices)) - most;
    return value + steps * (std::nextafter(value, HUGE_VAL) - value);
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
}
