#include "shared.h"

#include <algorithm>

namespace emulator {
namespace {

std::string race(const char* verb, unsigned thread, const char* earlierVerb, unsigned earlier) {
    return "shared-memory race: thread " + std::to_string(thread) + " " + verb + " what thread " +
           std::to_string(earlier) + " " + earlierVerb + " with no " +
           (thread / lanesPerWarp == earlier / lanesPerWarp ? "__syncwarp or " : "") + "__syncthreads between";
}

}  // namespace

std::string SharedMemory::read(Address begin, unsigned size, const Moment& moment) {
    for (Address address = begin; address < begin + size; address++) {
        Byte& byte = bytes[address];
        if (!byte.written) {
            return "thread " + std::to_string(moment.thread) + " reads shared memory that no thread of its block wrote";
        }
        if (!clocks.ordered(*byte.written, moment)) {
            return race("reads", moment.thread, "writes", byte.written->thread);
        }
        addRead(byte, moment);
    }
    return "";
}

void SharedMemory::addRead(Byte& byte, const Moment& moment) const {
    std::vector<Moment>& reads = byte.reads;
    reads.erase(std::remove_if(reads.begin(), reads.end(),
                               [&](const Moment& each) { return clocks.ordered(each, moment); }),
                reads.end());
    const auto ofAnotherWarp = std::find_if(reads.begin(), reads.end(), [&](const Moment& each) {
        return each.thread / lanesPerWarp != moment.thread / lanesPerWarp;
    });
    if (ofAnotherWarp != reads.end()) {
        reads = {*ofAnotherWarp};
    }
    reads.push_back(moment);
}

std::string SharedMemory::write(Address begin, unsigned size, const Moment& moment) {
    for (Address address = begin; address < begin + size; address++) {
        Byte& byte = bytes[address];
        if (byte.written && !clocks.ordered(*byte.written, moment)) {
            return race("writes", moment.thread, "writes", byte.written->thread);
        }
        for (const Moment& read : byte.reads) {
            if (!clocks.ordered(read, moment)) {
                return race("writes", moment.thread, "reads", read.thread);
            }
        }
        byte.written = moment;
        byte.reads.clear();
    }
    return "";
}

DynamicShared::DynamicShared() : memory(std::make_unique<std::byte[]>(most + 2 * margin + 2 * alignment)) {
    const auto begins = reinterpret_cast<Address>(memory.get()) + margin;
    first = (begins + 2 * alignment - 1) / (2 * alignment) * (2 * alignment) + alignment;
}

}  // namespace emulator
