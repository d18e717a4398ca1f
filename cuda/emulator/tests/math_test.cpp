// Functions that are only nearly right.

#include "../include/kernel_interface.h"
#include "machine.h"

#include <cmath>

using namespace testing;

namespace {

/** How far a function is from the rounded value, at worst, in units in the last place. */
template <typename Function, typename Exact>
double worst(Function function, Exact exact) {
    double most = 0;
    for (double x = -5; x < 20; x += 0.01) {
        const double right = static_cast<double>(exact(static_cast<long double>(x)));
        const double ulp = std::nextafter(right, HUGE_VAL) - right;
        most = std::fmax(most, std::fabs(function(x) - right) / ulp);
    }
    return most;
}

}  // namespace

TEST(functions_are_as_far_off_as_cuda_s_may_be) {
    EXPECT(worst(emulatorErfc, [](long double x) { return std::erfc(x); }) == 5);
    EXPECT(worst(emulatorExp, [](long double x) { return std::exp(x); }) == 1);
}

TEST(functions_give_equal_values_for_equal_arguments_and_exact_ones_at_the_ends) {
    EXPECT(emulatorErfc(0.7) == emulatorErfc(0.7));
    EXPECT(emulatorErfc(0) == 1 && emulatorErfc(-HUGE_VAL) == 2 && emulatorErfc(HUGE_VAL) == 0);
    EXPECT(emulatorExp(0) == 1 && emulatorExp(-HUGE_VAL) == 0 && emulatorExp(HUGE_VAL) == HUGE_VAL);
    EXPECT(std::isnan(emulatorErfc(NAN)) && std::isnan(emulatorExp(NAN)));
}
