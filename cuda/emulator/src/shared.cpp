#include "shared.h"

namespace emulator {
namespace {

std::string race(const char* verb, unsigned thread, const char* earlierVerb, unsigned earlier) {
    return "shared-memory race: thread " + std::to_string(thread) + " " + verb + " what thread " +
           std::to_string(earlier) + " " + earlierVerb + " with no __syncthreads between";
}

}  // namespace

std::string SharedMemory::read(Address begin, unsigned size, unsigned thread, unsigned phase) {
    for (Address address = begin; address < begin + size; address++) {
        Byte& byte = bytes[address];
        if (byte.writer == nobody) {
            return "thread " + std::to_string(thread) + " reads shared memory that no thread of its block wrote";
        }
        if (byte.writer != thread && byte.written == phase) {
            return race("reads", thread, "writes", byte.writer);
        }
        byte.reader = byte.readIn == phase && byte.reader != nobody && byte.reader != thread ? several : thread;
        byte.readIn = phase;
    }
    return "";
}

std::string SharedMemory::write(Address begin, unsigned size, unsigned thread, unsigned phase) {
    for (Address address = begin; address < begin + size; address++) {
        Byte& byte = bytes[address];
        if (byte.writer != nobody && byte.writer != thread && byte.written == phase) {
            return race("writes", thread, "writes", byte.writer);
        }
        if (byte.reader == several && byte.readIn == phase) {
            return "shared-memory race: thread " + std::to_string(thread) +
                   " writes what several threads read with no __syncthreads between";
        }
        if (byte.reader != nobody && byte.reader != thread && byte.readIn == phase) {
            return race("writes", thread, "reads", byte.reader);
        }
        byte.writer = thread;
        byte.written = phase;
    }
    return "";
}

}  // namespace emulator
