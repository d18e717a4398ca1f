#include "crossing.h"

namespace emulator {
namespace {

void invert(const Allocation& allocation) {
    for (Address address = allocation.begin; address < allocation.end(); address++) {
        *reinterpret_cast<unsigned char*>(address) ^= 0xFF;
    }
}

}  // namespace

Crossing::Crossing(const Links& links, int device, Accesses& accesses) : links(links), home(device) {
    accesses.onFirst([this](const Allocation& allocation) { return touch(allocation); });
}

Crossing::~Crossing() {
    for (const Allocation* each : garbled) {
        invert(*each);
    }
}

// A kernel cannot be left by throwing: it is told that the access is wrong, and run() says in what way.
std::string Crossing::touch(const Allocation& allocation) {
    if (allocation.owner == hostOwner || allocation.owner == home) {
        return "";
    }
    const Fate due = links.between(home, allocation.owner).kernels;
    if (due == Fate::garbled && garbled.insert(&allocation).second) {
        invert(allocation);
    }
    if (due != Fate::hangs && due != Fate::faults) {
        return "";
    }
    fate = due;
    return "goes over a broken link";
}

void Crossing::run(const std::function<void()>& kernel) {
    try {
        kernel();
    } catch (const DeviceFault&) {
        if (fate == Fate::hangs) {
            throw Hang();
        }
        if (fate == Fate::faults) {
            throw DeviceFault(CUDA_ERROR_LAUNCH_FAILED, "");
        }
        throw;
    }
}

}  // namespace emulator
