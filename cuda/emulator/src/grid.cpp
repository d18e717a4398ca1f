#include "grid.h"

#include <algorithm>

namespace emulator {

Grid::Grid(const Launch& launch, Accesses& accesses, Fibers& pool)
    : launch(launch),
      accesses(accesses),
      pool(pool),
      image(Image::holding(reinterpret_cast<Address>(launch.kernel->function))),
      races(static_cast<unsigned>(launch.block.count())) {
    for (const std::vector<std::byte>& argument : launch.arguments) {
        values.push_back(argument.data());
    }
}

// Threads that never ended are abandoned where they stand.
Grid::~Grid() {
    for (Fiber* fiber : fibers) {
        if (fiber != nullptr) {
            pool.giveBack(*fiber);
        }
    }
}

void Grid::run() {
    for (block = 0; block < launch.grid.count(); block++) {
        runBlock();
    }
}

void Grid::runBlock() {
    const auto count = static_cast<unsigned>(launch.block.count());
    phase = 0;
    shared.clear();
    fibers.assign(count, nullptr);
    for (unsigned which = 0; which < count; which++) {
        fibers[which] = &pool.take();
        fibers[which]->prepare(&Grid::enterThread, this);
        step(which);
    }
    while (std::any_of(fibers.begin(), fibers.end(), [](const Fiber* fiber) { return fiber != nullptr; })) {
        meetAll();
    }
}

void Grid::step(unsigned which) {
    thread = which;
    fibers[which]->resume();
    if (fault) {
        throw *fault;
    }
    if (fibers[which]->finished()) {
        pool.giveBack(*fibers[which]);
        fibers[which] = nullptr;
    }
}

void Grid::meetAll() {
    const auto gone = std::find(fibers.begin(), fibers.end(), nullptr);
    if (gone != fibers.end()) {
        throw DeviceFault(CUDA_ERROR_LAUNCH_FAILED,
                          "thread " + std::to_string(gone - fibers.begin()) +
                              " ended while others of its block wait for it in __syncthreads");
    }
    phase++;
    for (unsigned which = 0; which < fibers.size(); which++) {
        step(which);
    }
}

void Grid::meet() {
    fibers[thread]->yield();
}

void Grid::misaligned(Address address, unsigned alignment) {
    fail(
        CUDA_ERROR_MISALIGNED_ADDRESS, "address 0x" +
                                           [&] {
                                               char digits[20];
                                               std::snprintf(digits, sizeof digits, "%llx",
                                                             static_cast<unsigned long long>(address));
                                               return std::string(digits);
                                           }() +
                                           " is not aligned to " + std::to_string(alignment) + " bytes");
}

void Grid::touch(Address begin, unsigned bytes, bool writes) {
    const std::string wrong = check(begin, bytes, writes);
    if (!wrong.empty()) {
        fail(CUDA_ERROR_ILLEGAL_ADDRESS, wrong);
    }
}

std::string Grid::check(Address begin, unsigned bytes, bool writes) {
    if (fibers[thread]->owns(begin)) {
        return "";
    }
    if (!holds(image.all, begin)) {
        return checkDevice(begin, bytes, writes);
    }
    if (holds(image.writable, begin)) {
        return writes ? shared.write(begin, bytes, thread, phase) : shared.read(begin, bytes, thread, phase);
    }
    return writes ? "writes a constant" : "";
}

std::string Grid::checkDevice(Address begin, unsigned bytes, bool writes) {
    races.add(begin, bytes, block * launch.block.count() + thread, phase, writes);
    return writes ? accesses.tryWrite(begin, bytes) : accesses.tryRead(begin, bytes);
}

void Grid::fail(CUresult code, const std::string& why) {
    const Extent inBlock = threadIndex();
    const Extent inGrid = blockIndex();
    const auto place = [](const Extent& at) {
        return "(" + std::to_string(at.x) + ", " + std::to_string(at.y) + ", " + std::to_string(at.z) + ")";
    };
    fault.emplace(code, "thread " + place(inBlock) + " of block " + place(inGrid) + ": " + why);
    for (;;) {
        fibers[thread]->yield();
    }
}

void Grid::enterThread(void* grid) {
    auto& self = *static_cast<Grid*>(grid);
    self.launch.kernel->invoke(self.launch.kernel->function, self.values.data());
}

}  // namespace emulator
