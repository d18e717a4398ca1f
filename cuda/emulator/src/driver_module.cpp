// Driver calls about modules and kernels.

#include "crossing.h"
#include "driver_api.h"
#include "driver_call.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>

using namespace emulator;

namespace {

// https://docs.nvidia.com/cuda/parallel-thread-execution/#release-notes: the PTX that a driver of a CUDA version knows.
int ptxOf(int driver) {
    const int major = driver / 1000;
    const int minor = driver % 1000 / 10;
    if (major >= 13) {
        return 90 + minor;
    }
    if (major == 12) {
        return 80 + (minor <= 5 ? minor : minor == 9 ? 8 : minor - 1);
    }
    return 70 + minor;
}

// What a block may have of shared memory unless more was asked for in time, and then.
// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#features-and-technical-specifications
constexpr std::uint64_t usualShared = 48 * 1024;

std::uint64_t mostShared(int capability) {
    switch (capability) {
        case 70:
        case 72:
            return 96 * 1024;
        case 75:
            return 64 * 1024;
        case 80:
        case 87:
            return 163 * 1024;
        case 90:
        case 100:
        case 103:
            return DynamicShared::most;
        default:
            return capability < 70 ? usualShared : 99 * 1024;
    }
}

/** The kernel whose source was compiled into the emulator, if it takes what the PTX says. */
const Kernel* counterpart(Emulator& machine, const PtxEntry& entry) {
    const Kernel* kernel = machine.kernels.find(entry.name);
    if (kernel == nullptr) {
        machine.reports.add("the PTX has a kernel " + entry.name + " whose source the emulator was not built with");
        throw DriverError(CUDA_ERROR_INVALID_PTX);
    }
    if (kernel->parameters != entry.parameters) {
        machine.reports.add("the kernel " + entry.name +
                            " has other parameters in the PTX than in its source: rebuild one of the two");
        throw DriverError(CUDA_ERROR_INVALID_PTX);
    }
    return kernel;
}

void load(Emulator& machine, CUmodule* handle, const std::string& text) {
    const Device& device = machine.current();
    const Ptx ptx = Ptx::parse(text);
    require(ptx.version <= ptxOf(machine.settings.driver), CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
    require(ptx.target <= machine.settings.capability.of(device.ordinal), CUDA_ERROR_NO_BINARY_FOR_GPU);
    std::vector<Function> functions;
    for (const PtxEntry& entry : ptx.entries) {
        const std::uint64_t most = usualShared - std::min(entry.shared, usualShared);
        functions.push_back({nullptr, counterpart(machine, entry), entry.shared, most});
    }
    *handle = machine.modules.add(Module{device.ordinal, {}});
    for (Function& function : functions) {
        function.module = *handle;
        machine.modules.get(*handle).functions.emplace_back(function.kernel->name, machine.functions.add(function));
    }
}

CUresult loadData(const char* call, CUmodule* module, const void* image) {
    return driverCall(call, Answers(module), [&](Emulator& machine) {
        require(image != nullptr, CUDA_ERROR_INVALID_VALUE);
        load(machine, module, static_cast<const char*>(image));
    });
}

std::vector<std::vector<std::byte>> copyArguments(const Kernel& kernel, void* const* arguments) {
    std::vector<std::vector<std::byte>> copies;
    for (std::size_t index = 0; index < kernel.parameters.size(); index++) {
        require(arguments != nullptr && arguments[index] != nullptr, CUDA_ERROR_INVALID_VALUE);
        const auto* begin = static_cast<const std::byte*>(arguments[index]);
        copies.emplace_back(begin, begin + kernel.parameters[index]);
    }
    return copies;
}

void checkExtents(const Extent& grid, const Extent& block) {
    require(grid.count() > 0 && block.count() > 0, CUDA_ERROR_INVALID_VALUE);
    require(grid.y <= 65535 && grid.z <= 65535 && grid.x <= 0x7fffffff, CUDA_ERROR_INVALID_VALUE);
    require(block.x <= 1024 && block.y <= 1024 && block.z <= 64 && block.count() <= 1024, CUDA_ERROR_INVALID_VALUE);
}

/** For as long as it lives, hooks find the grid. */
class Running {
public:
    Running(Emulator& machine, Grid& grid) : machine(machine) { machine.running = &grid; }
    ~Running() { machine.running = nullptr; }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

private:
    Emulator& machine;
};

void runGrid(Emulator& machine, const Launch& launch, Accesses& accesses, int device) {
    machine.faults.strike("kernel", device);
    Crossing crossing(machine.settings.links, device, accesses);
    Grid grid(launch, accesses, machine.processor, machine.settings.schedule.seed);
    const Running running(machine, grid);
    crossing.run([&] { grid.run(); });
    if (const auto race = grid.threadRace()) {
        machine.reports.add("kernel " + launch.kernel->name + ": " + *race);
    }
}

void launch(Emulator& machine, CUfunction handle, const Extent& grid, const Extent& block, unsigned dynamicShared,
            CUstream streamHandle, void* const* arguments) {
    Stream& stream = machine.currentStream(streamHandle);
    const Function& function = machine.functions.get(handle);
    require(machine.modules.get(function.module).device == stream.device, CUDA_ERROR_INVALID_HANDLE);
    require(dynamicShared <= function.mostDynamicShared, CUDA_ERROR_INVALID_VALUE);
    checkExtents(grid, block);
    const auto wanted = std::make_shared<Launch>(
        Launch{function.kernel, grid, block, dynamicShared, copyArguments(*function.kernel, arguments)});
    const int device = stream.device;
    machine.enqueue(stream, "kernel " + function.kernel->name,
                    [&machine, wanted, device](Accesses& accesses) { runGrid(machine, *wanted, accesses, device); });
}

// https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html, CUfunction_attribute.
enum FunctionAttribute {
    maxThreads = 0,
    sharedBytes = 1,
    constantBytes = 2,
    localBytes = 3,
    registers = 4,
    ptxVersion = 5,
    binaryVersion = 6,
    maxDynamicSharedBytes = 8,
    sharedCarveout = 9,
};

int capabilityOf(const Emulator& machine, const Function& function) {
    return machine.settings.capability.of(machine.modules.get(function.module).device);
}

int attribute(int capability, const Function& function, int which) {
    switch (which) {
        case maxThreads:
            return 1024;
        case sharedBytes:
            return static_cast<int>(function.ownShared);
        case constantBytes:
        case localBytes:
            return 0;
        case registers:
            return 32;
        case ptxVersion:
        case binaryVersion:
            return capability;
        case maxDynamicSharedBytes:
            return static_cast<int>(function.mostDynamicShared);
        default:
            throw DriverError(CUDA_ERROR_INVALID_VALUE);
    }
}

void setAttribute(int capability, Function& function, int which, int value) {
    switch (which) {
        case maxDynamicSharedBytes: {
            const auto bytes = static_cast<std::uint64_t>(value);
            require(value >= 0 && bytes + function.ownShared <= mostShared(capability),
                    CUDA_ERROR_INVALID_VALUE);
            function.mostDynamicShared = bytes;
            return;
        }
        case sharedCarveout:  // only a hint
            require(value >= -1 && value <= 100, CUDA_ERROR_INVALID_VALUE);
            return;
        default:
            throw DriverError(CUDA_ERROR_INVALID_VALUE);
    }
}

}  // namespace

DRIVER_CALL cuModuleLoadData(CUmodule* module, const void* image) {
    return loadData(__func__, module, image);
}

DRIVER_CALL cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned, int*, void**) {
    return loadData(__func__, module, image);
}

DRIVER_CALL cuModuleLoad(CUmodule* module, const char* path) {
    return driverCall(__func__, Answers(module), [&](Emulator& machine) {
        std::ifstream file(path);
        require(file.good(), CUDA_ERROR_FILE_NOT_FOUND);
        std::ostringstream text;
        text << file.rdbuf();
        load(machine, module, text.str());
    });
}

DRIVER_CALL cuModuleUnload(CUmodule handle) {
    return driverCall(__func__, [&](Emulator& machine) {
        for (const auto& [name, function] : machine.modules.get(handle).functions) {
            machine.functions.remove(function);
        }
        machine.modules.remove(handle);
    });
}

DRIVER_CALL cuModuleGetFunction(CUfunction* function, CUmodule handle, const char* name) {
    return driverCall(__func__, Answers(function), [&](Emulator& machine) {
        const auto& functions = machine.modules.get(handle).functions;
        const auto found =
            std::find_if(functions.begin(), functions.end(), [&](const auto& each) { return each.first == name; });
        require(found != functions.end(), CUDA_ERROR_NOT_FOUND);
        *function = found->second;
    });
}

DRIVER_CALL cuFuncGetModule(CUmodule* module, CUfunction handle) {
    return driverCall(__func__, Answers(module),
                      [&](Emulator& machine) { *module = machine.functions.get(handle).module; });
}

DRIVER_CALL cuFuncGetAttribute(int* value, int which, CUfunction handle) {
    return driverCall(__func__, Answers(value), [&](Emulator& machine) {
        const Function& function = machine.functions.get(handle);
        *value = attribute(capabilityOf(machine, function), function, which);
    });
}

DRIVER_CALL cuFuncSetAttribute(CUfunction handle, int which, int value) {
    return driverCall(__func__, [&](Emulator& machine) {
        Function& function = machine.functions.get(handle);
        setAttribute(capabilityOf(machine, function), function, which, value);
    });
}

DRIVER_CALL cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                           unsigned blockY, unsigned blockZ, unsigned sharedBytes, CUstream stream, void** arguments,
                           void** extra) {
    return driverCall(__func__, [&](Emulator& machine) {
        require(extra == nullptr, CUDA_ERROR_NOT_SUPPORTED);
        launch(machine, function, {gridX, gridY, gridZ}, {blockX, blockY, blockZ}, sharedBytes, stream, arguments);
    });
}
