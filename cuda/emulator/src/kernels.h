// The kernels whose source was compiled into the emulator.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace emulator {

/** A kernel's function and how to call it. */
struct Kernel {
    std::string name;
    std::vector<std::size_t> parameters;
    void (*function)();
    /** Calls the function with the values that the pointers lead to. */
    void (*invoke)(void (*function)(), const void* const* values);
};

/** Kernels by name. */
class Kernels {
public:
    void add(Kernel kernel) { byName[kernel.name] = std::move(kernel); }

    const Kernel* find(const std::string& name) const {
        const auto found = byName.find(name);
        return found == byName.end() ? nullptr : &found->second;
    }

private:
    std::map<std::string, Kernel> byName;
};

}  // namespace emulator
