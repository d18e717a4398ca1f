// What a call answers that the emulator does not know.
#pragma once

#include <cstdio>

/** Prints the name, so that a missing call is seen, and answers the status. */
inline int unsupported(const char* name, int status) {
    std::fprintf(stderr, "emulator: %s is not emulated\n", name);
    return status;
}
