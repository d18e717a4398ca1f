// What happens when the host itself touches device memory that it must not.
#pragma once

namespace emulator {

/** From now on a segmentation fault in the emulator's memory is explained on standard error; then, as every other one,
 * it goes to the handler that was there before: in a JVM, the JVM's own. */
void explainFaultsInGuardPages();

}  // namespace emulator
