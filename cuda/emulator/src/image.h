// The loaded library that holds a kernel's code.
#pragma once

#include "ranges.h"

namespace emulator {

/** Its addresses: constants and code, and the writable part, where `__shared__` variables lie. */
struct Image {
    Range all;
    Range writable;

    static Image holding(Address code);
};

inline bool holds(const Range& range, Address address) {
    return address >= range.begin && address < range.end;
}

}  // namespace emulator
