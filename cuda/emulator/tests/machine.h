// What the tests do to the emulator, in few words.
#pragma once

#include "control.h"
#include "cublas_api.h"
#include "driver_api.h"
#include "testing.h"

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace testing {

inline void configure(const std::string& setting) {
    const char* wrong = emulatorConfigure(setting.c_str());
    EXPECT(wrong == nullptr);
}

/** What the emulator found since this was last asked. */
inline std::string reports() {
    return emulatorTakeReports();
}

inline bool reported(const std::string& text) {
    return reports().find(text) != std::string::npos;
}

/** A device with its context current, and what a test makes on it. */
class Machine {
public:
    explicit Machine(const std::string& schedule = "eager", int ordinal = 0) : ordinal(ordinal) {
        configure("schedule=" + schedule);
        OK(cuInit(0));
        OK(cuDevicePrimaryCtxRetain(&context, ordinal));
        use();
    }

    void use() const { OK(cuCtxSetCurrent(context)); }

    CUstream stream() const {
        use();
        CUstream made = nullptr;
        OK(cuStreamCreate(&made, 1));
        return made;
    }

    CUevent event() const {
        use();
        CUevent made = nullptr;
        OK(cuEventCreate(&made, 2));
        return made;
    }

    CUdeviceptr memory(std::size_t bytes) const {
        use();
        CUdeviceptr made = 0;
        OK(cuMemAlloc_v2(&made, bytes));
        return made;
    }

    /** Device memory that holds these values. */
    template <typename Value>
    CUdeviceptr upload(const std::vector<Value>& values) const {
        const CUdeviceptr made = memory(values.size() * sizeof(Value));
        OK(cuMemcpyHtoD_v2(made, values.data(), values.size() * sizeof(Value)));
        OK(cuCtxSynchronize());
        return made;
    }

    template <typename Value>
    std::vector<Value> download(CUdeviceptr from, std::size_t count) const {
        use();
        std::vector<Value> values(count);
        OK(cuCtxSynchronize());
        OK(cuMemcpyDtoH_v2(values.data(), from, count * sizeof(Value)));
        return values;
    }

    /** One of tests/kernels.cu or tests/bugs.cu. */
    CUfunction kernel(const char* name) {
        use();
        CUfunction found = nullptr;
        if (module == nullptr) {
            module = load("tests/kernels.ptx");
        }
        if (cuModuleGetFunction(&found, module, name) == CUDA_SUCCESS) {
            return found;
        }
        if (bugs == nullptr) {
            bugs = load("tests/bugs.ptx");
        }
        OK(cuModuleGetFunction(&found, bugs, name));
        return found;
    }

    template <typename... Arguments>
    CUresult launch(const char* name, CUstream on, unsigned blocks, unsigned threads, Arguments... arguments) {
        return launchWithShared(0, name, on, blocks, threads, arguments...);
    }

    template <typename... Arguments>
    CUresult launchWithShared(unsigned sharedBytes, const char* name, CUstream on, unsigned blocks, unsigned threads,
                              Arguments... arguments) {
        void* pointers[] = {&arguments...};
        return cuLaunchKernel(kernel(name), blocks, 1, 1, threads, 1, 1, sharedBytes, on, pointers, nullptr);
    }

    const int ordinal;
    CUcontext context = nullptr;
    CUmodule module = nullptr;

private:
    static CUmodule load(const char* path) {
        std::ifstream file(path);
        std::ostringstream text;
        text << file.rdbuf();
        CUmodule loaded = nullptr;
        OK(cuModuleLoadData(&loaded, text.str().c_str()));
        return loaded;
    }

    CUmodule bugs = nullptr;
};

/** 0, 1, 2, ... */
inline std::vector<float> count(std::size_t size) {
    std::vector<float> values(size);
    for (std::size_t index = 0; index < size; index++) {
        values[index] = static_cast<float>(index);
    }
    return values;
}

}  // namespace testing
