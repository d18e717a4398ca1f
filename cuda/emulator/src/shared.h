// What the threads of a block did to its shared memory, byte by byte.
#pragma once

#include "ranges.h"

#include <cstdint>
#include <string>
#include <unordered_map>

namespace emulator {

/** Shared memory of one block. Between two meetings of all threads, a byte that one writes is no other's. */
class SharedMemory {
public:
    /** A new block: nothing was written yet. */
    void clear() { bytes.clear(); }

    /** What is wrong with this access, or an empty string. The phase counts the meetings so far. */
    std::string read(Address begin, unsigned size, unsigned thread, unsigned phase);
    std::string write(Address begin, unsigned size, unsigned thread, unsigned phase);

private:
    static constexpr unsigned nobody = ~0u;
    static constexpr unsigned several = ~0u - 1;
    struct Byte {
        unsigned writer = nobody;
        unsigned written = 0;
        unsigned reader = nobody;
        unsigned readIn = 0;
    };
    std::unordered_map<Address, Byte> bytes;
};

}  // namespace emulator
