#include "accesses.h"

#include "error.h"

#include <algorithm>

namespace emulator {

void Accesses::read(Address begin, std::uint64_t bytes) {
    const std::string wrong = tryRead(begin, bytes);
    if (!wrong.empty()) {
        throw DeviceFault(CUDA_ERROR_ILLEGAL_ADDRESS, wrong);
    }
}

void Accesses::write(Address begin, std::uint64_t bytes) {
    const std::string wrong = tryWrite(begin, bytes);
    if (!wrong.empty()) {
        throw DeviceFault(CUDA_ERROR_ILLEGAL_ADDRESS, wrong);
    }
}

bool Accesses::holds(const Allocation& allocation, Address begin, std::uint64_t bytes) const {
    return allocation.live && begin >= allocation.begin && begin + bytes <= allocation.end();
}

std::string Accesses::note(Ranges& ranges, const char* verb, Address begin, std::uint64_t bytes) {
    if (bytes == 0) {
        return "";
    }
    const auto known = std::find_if(recent.begin(), recent.end(), [&](const Allocation* each) {
        return each != nullptr && holds(*each, begin, bytes);
    });
    if (known == recent.end()) {
        const std::string wrong = memory.complaint(begin, bytes);
        if (!wrong.empty()) {
            return verb + (" " + wrong);
        }
        const Allocation* found = memory.find(begin);
        if (!inReach(found->owner)) {
            return std::string(verb) + " " + found->describe() + " without peer access";
        }
        const std::string refused = first(*found);
        if (!refused.empty()) {
            return verb + (" " + found->describe()) + ", which " + refused;
        }
        recent[next++ % recent.size()] = found;
    }
    ranges.add(begin, bytes);
    return "";
}

}  // namespace emulator
