// What include/device_runtime.h declares: how kernels register themselves and ask for their place.

#include "../include/kernel_interface.h"

#include "emulator.h"

namespace {

emulator::Grid& running() {
    return *emulator::Emulator::root().running;
}

EmulatorIndex index(const emulator::Extent& extent) {
    return {extent.x, extent.y, extent.z};
}

}  // namespace

extern "C" {

void emulatorRegisterKernel(const char* name, void (*function)(), void (*invoke)(void (*)(), const void* const*),
                            const std::size_t* sizes, std::size_t count) {
    emulator::Emulator::root().kernels.add({name, std::vector<std::size_t>(sizes, sizes + count), function, invoke});
}

void emulatorRegisterSite(const char* file, int line, const char* function) {
    emulator::Emulator::root().processor.sites.add({file, line}, function);
}

EmulatorIndex emulatorThreadIndex() {
    return index(running().threadIndex());
}

EmulatorIndex emulatorBlockIndex() {
    return index(running().blockIndex());
}

EmulatorIndex emulatorBlockExtent() {
    return index(running().threads());
}

EmulatorIndex emulatorGridExtent() {
    return index(running().blocks());
}

void* emulatorDynamicShared() {
    return reinterpret_cast<void*>(running().dynamicShared());
}

void emulatorSynchronizeThreads(EmulatorSite site) {
    running().meet(site);
}

std::uint64_t emulatorCallWarp(EmulatorWarpCall call) {
    return running().meet(call);
}

// Lanes need not keep step, so a device may answer any of those that have not ended: the caller alone is always right.
unsigned emulatorActiveMask() {
    return running().laneBit();
}

}  // extern "C"
