// Functions that are only nearly right.

#include "../include/kernel_interface.h"
#include "machine.h"

#include <cmath>

using namespace testing;

namespace {

/** How far a function is from the rounded value, at worst of those from an argument on, in units in the last place. */
template <typename Value, typename Exact>
double worst(Value (*function)(Value), Exact exact, Value from = -5) {
    double most = 0;
    for (Value x = from; x < 20; x += Value(0.01)) {
        const auto right = static_cast<Value>(exact(static_cast<long double>(x)));
        const Value ulp = std::nextafter(right, Value(HUGE_VAL)) - right;
        most = std::fmax(most, static_cast<double>(std::fabs(function(x) - right) / ulp));
    }
    return most;
}

/** What `arithmetic` of tests/kernels.cu makes of three numbers. */
struct Results {
    Results(float a, float b, float c) {
        Machine machine;
        const CUdeviceptr narrow = machine.memory(11 * sizeof(float));
        const CUdeviceptr wide = machine.memory(2 * sizeof(double));
        OK(machine.launch("arithmetic", nullptr, 1, 1, machine.upload(std::vector<float>{a, b, c}), narrow, wide));
        floats = machine.download<float>(narrow, 11);
        doubles = machine.download<double>(wide, 2);
    }

    std::vector<float> floats;
    std::vector<double> doubles;
};

}  // namespace

TEST(functions_are_as_far_off_as_cuda_s_may_be) {
    EXPECT(worst(emulatorErfc, [](long double x) { return std::erfc(x); }) == 5);
    EXPECT(worst(emulatorExp, [](long double x) { return std::exp(x); }) == 1);
    EXPECT(worst(emulatorExpf, [](long double x) { return std::exp(x); }) == 2);
    EXPECT(worst(emulatorRsqrtf, [](long double x) { return 1 / std::sqrt(x); }, 0.01f) == 2);
    const double fast = worst(emulatorFastExpf, [](long double x) { return std::exp(x); });
    EXPECT(fast > 20 && fast <= 2 + std::floor(1.173 * 20));
}

TEST(what_is_exact_is_rounded_once) {
    const float a = 1 + 0x1p-12f;
    const Results results(a, a, -(1 + 0x1p-11f));
    EXPECT(results.floats[0] == 0x1p-24f && results.floats[1] == 0x1p-24f);
    EXPECT(results.floats[2] == 0 && results.floats[3] == 0);  // the product's last bit is lost
    for (const std::size_t root : {4, 5, 6}) {
        EXPECT(results.floats[root] == static_cast<float>(std::sqrt(static_cast<double>(a))));
    }
    EXPECT(results.doubles[0] == static_cast<double>(a) * 0x1p-52);
    EXPECT(results.doubles[1] == std::sqrt(static_cast<double>(a)));
}

TEST(kernels_call_the_functions_that_are_off) {
    const Results results(3.7f, 2, 5);
    EXPECT(results.floats[7] == emulatorRsqrtf(3.7f));
    EXPECT(results.floats[8] == emulatorExpf(3.7f));
    EXPECT(results.floats[9] == emulatorFastExpf(3.7f));
    EXPECT(results.floats[10] == 3.7f);
}

TEST(the_larger_of_a_number_and_none_is_the_number) {
    EXPECT(emulatorFmaxf(NAN, 1) == 1 && emulatorFmaxf(1, NAN) == 1 && emulatorFminf(NAN, 1) == 1);
    EXPECT(std::isnan(emulatorFmaxf(NAN, NAN)));
    for (const float other : {0.0f, -0.0f}) {
        EXPECT(!std::signbit(emulatorFmaxf(other, 0.0f)) && !std::signbit(emulatorFmaxf(0.0f, other)));
        EXPECT(std::signbit(emulatorFminf(other, -0.0f)) && std::signbit(emulatorFminf(-0.0f, other)));
    }
}

TEST(functions_give_equal_values_for_equal_arguments_and_exact_ones_at_the_ends) {
    EXPECT(emulatorErfc(0.7) == emulatorErfc(0.7));
    EXPECT(emulatorErfc(0) == 1 && emulatorErfc(-HUGE_VAL) == 2 && emulatorErfc(HUGE_VAL) == 0);
    EXPECT(emulatorExp(0) == 1 && emulatorExp(-HUGE_VAL) == 0 && emulatorExp(HUGE_VAL) == HUGE_VAL);
    EXPECT(std::isnan(emulatorErfc(NAN)) && std::isnan(emulatorExp(NAN)));
    EXPECT(emulatorExpf(0) == 1 && emulatorExpf(-HUGE_VALF) == 0 && emulatorExpf(HUGE_VALF) == HUGE_VALF);
    EXPECT(emulatorRsqrtf(0) == HUGE_VALF && emulatorRsqrtf(HUGE_VALF) == 0 && std::isnan(emulatorRsqrtf(-1)));
}
