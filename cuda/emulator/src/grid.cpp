#include "grid.h"

#include <cstdio>

namespace emulator {
namespace {

std::string hexadecimal(Address address) {
    char digits[20];
    std::snprintf(digits, sizeof digits, "0x%llx", static_cast<unsigned long long>(address));
    return digits;
}

std::string describe(const Extent& place) {
    return "(" + std::to_string(place.x) + ", " + std::to_string(place.y) + ", " + std::to_string(place.z) + ")";
}

}  // namespace

Grid::Grid(const Launch& launch, Accesses& accesses, Multiprocessor& processor, std::uint64_t seed)
    : launch(launch),
      accesses(accesses),
      processor(processor),
      seed(seed),
      image(Image::holding(reinterpret_cast<Address>(launch.kernel->function))),
      shared(clocks),
      races(clocks, static_cast<unsigned>(launch.block.count())) {
    for (const std::vector<std::byte>& argument : launch.arguments) {
        values.push_back(argument.data());
    }
}

void Grid::run() {
    for (blockNumber = 0; blockNumber < launch.grid.count(); blockNumber++) {
        runBlock();
    }
}

void Grid::runBlock() {
    shared.clear();
    processor.dynamicShared.poison(launch.dynamicShared);
    block.emplace(static_cast<unsigned>(launch.block.count()), processor.fibers, clocks, seed + blockNumber);
    if (const auto misdeed = block->run(&Grid::enterThread, this)) {
        throw DeviceFault(misdeed->code, "thread " + describe(launch.block.at(misdeed->thread)) + " of block " +
                                             describe(blockIndex()) + ": " + misdeed->why);
    }
}

void Grid::meet(const EmulatorSite& site) {
    if (!isOmitted(site)) {
        block->meet(site);
    }
}

std::uint64_t Grid::meet(const EmulatorWarpCall& call) {
    return isOmitted(call.site) ? answerAlone(call, block->now().thread % lanesPerWarp) : block->meet(call);
}

bool Grid::isOmitted(const EmulatorSite& site) {
    const std::optional<bool> omitted = processor.sites.reach(site);
    if (!omitted) {
        block->stop(CUDA_ERROR_UNKNOWN, "comes to " + emulator::describe(site) + ", which kernel-source did not find");
    }
    return *omitted;
}

void Grid::misaligned(Address address, unsigned alignment) {
    block->stop(CUDA_ERROR_MISALIGNED_ADDRESS, "address " + hexadecimal(address) + " is not aligned to " +
                                                   std::to_string(alignment) + " bytes");
}

void Grid::touch(Address begin, unsigned bytes, bool writes) {
    const std::string wrong = check(begin, bytes, writes);
    if (!wrong.empty()) {
        block->stop(CUDA_ERROR_ILLEGAL_ADDRESS, wrong);
    }
}

std::string Grid::check(Address begin, unsigned bytes, bool writes) {
    if (block->owns(begin)) {
        return "";
    }
    if (processor.dynamicShared.concerns(begin)) {
        return checkDynamicShared(begin, bytes, writes);
    }
    if (!holds(image.all, begin)) {
        return checkDevice(begin, bytes, writes);
    }
    if (holds(image.writable, begin)) {
        return checkShared(begin, bytes, writes);
    }
    return writes ? "writes a constant" : "";
}

std::string Grid::checkShared(Address begin, unsigned bytes, bool writes) {
    return writes ? shared.write(begin, bytes, block->now()) : shared.read(begin, bytes, block->now());
}

std::string Grid::checkDynamicShared(Address begin, unsigned bytes, bool writes) {
    const Address first = processor.dynamicShared.begin();
    if (begin < first || begin + bytes > first + launch.dynamicShared) {
        return std::string(writes ? "writes " : "reads ") + std::to_string(bytes) + " bytes at " +
               std::to_string(static_cast<std::int64_t>(begin - first)) +
               " of the dynamic shared memory, of which the launch asked for " + std::to_string(launch.dynamicShared);
    }
    return checkShared(begin, bytes, writes);
}

std::string Grid::checkDevice(Address begin, unsigned bytes, bool writes) {
    const Moment now = block->now();
    races.add(begin, bytes, blockNumber * launch.block.count() + now.thread, now.time, writes);
    return writes ? accesses.tryWrite(begin, bytes) : accesses.tryRead(begin, bytes);
}

void Grid::enterThread(void* grid) {
    auto& self = *static_cast<Grid*>(grid);
    self.launch.kernel->invoke(self.launch.kernel->function, self.values.data());
}

}  // namespace emulator
