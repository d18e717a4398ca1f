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
    std::vector<const Kernel*> kernels;
    for (const PtxEntry& entry : ptx.entries) {
        kernels.push_back(counterpart(machine, entry));
    }
    *handle = machine.modules.add(Module{device.ordinal, {}});
    for (const Kernel* kernel : kernels) {
        machine.modules.get(*handle).functions.emplace_back(kernel->name,
                                                            machine.functions.add(Function{*handle, kernel}));
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
    Grid grid(launch, accesses, machine.fibers);
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
    require(dynamicShared == 0, CUDA_ERROR_NOT_SUPPORTED);
    checkExtents(grid, block);
    const auto wanted =
        std::make_shared<Launch>(Launch{function.kernel, grid, block, copyArguments(*function.kernel, arguments)});
    const int device = stream.device;
    machine.enqueue(stream, "kernel " + function.kernel->name,
                    [&machine, wanted, device](Accesses& accesses) { runGrid(machine, *wanted, accesses, device); });
}

// https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html, CUfunction_attribute.
int attribute(int capability, int which) {
    switch (which) {
        case 0:  // the most threads in a block
            return 1024;
        case 1:  // bytes of shared, constant and local memory
        case 2:
        case 3:
        case 8:
            return 0;
        case 4:  // registers
            return 32;
        case 5:  // the versions it was compiled for
        case 6:
            return capability;
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
        const Module& home = machine.modules.get(machine.functions.get(handle).module);
        *value = attribute(machine.settings.capability.of(home.device), which);
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
