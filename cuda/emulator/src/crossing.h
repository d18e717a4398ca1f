// How what runs on one device touches the memory of others.
#pragma once

#include "accesses.h"
#include "error.h"
#include "links.h"

#include <functional>
#include <set>

namespace emulator {

/** The links that one kernel's accesses go over. For as long as it lives, what it touches over a link that garbles is
 * inverted. */
class Crossing {
public:
    /** Of a kernel on a device, whose accesses are told here from now on. */
    Crossing(const Links& links, int device, Accesses& accesses);
    ~Crossing();
    Crossing(const Crossing&) = delete;
    Crossing& operator=(const Crossing&) = delete;

    /** @throws Hang or DeviceFault if that is what becomes of the kernel */
    void run(const std::function<void()>& kernel);

private:
    std::string touch(const Allocation& allocation);

    const Links& links;
    const int home;
    std::set<const Allocation*> garbled;
    Fate fate = Fate::arrives;
};

}  // namespace emulator
