// Bugs planted in the shipped kernels, and in ours where those do without what is to be broken, are reported; what is
// left as it is is not.

#include "machine.h"

#include <filesystem>

using namespace testing;

namespace {

/** As cuda/kernels/reduce.cu declares it. */
struct Reduction {
    CUdeviceptr parts[8];
    CUdeviceptr destinations[8];
    CUdeviceptr bias;
    CUdeviceptr residual;
    std::int64_t from;
    std::int64_t to;
    std::int64_t columns;
    std::int64_t residualStride;
    std::int32_t partCount;
    std::int32_t destinationCount;
    std::int32_t order;
    std::int32_t flags[3];
};

CUfunction planted(const std::string& bug, const std::string& kernel) {
    const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    std::ifstream file(here / ("planted_" + bug + ".ptx"));
    std::ostringstream text;
    text << file.rdbuf();
    CUmodule module = nullptr;
    CUfunction found = nullptr;
    OK(cuModuleLoadData(&module, text.str().c_str()));
    OK(cuModuleGetFunction(&found, module, (bug + "_" + kernel).c_str()));
    return found;
}

template <typename Argument>
CUresult run(CUfunction function, unsigned threads, Argument argument) {
    void* arguments[] = {&argument};
    OK(cuLaunchKernel(function, 1, 1, 1, threads, 1, 1, 0, nullptr, arguments, nullptr));
    return cuCtxSynchronize();
}

/** Adds two parts of so many floats that begin so many bytes into their memory and end where it ends. */
CUresult reduce(const std::string& bug, const Machine& machine, std::size_t floats, std::size_t offset) {
    const CUdeviceptr part = machine.upload(count(floats + offset / sizeof(float))) + offset;
    const CUdeviceptr sum = machine.memory(floats * sizeof(float));
    Reduction task{};
    task.parts[0] = task.parts[1] = part;
    task.destinations[0] = sum;
    task.to = task.columns = static_cast<std::int64_t>(floats);
    task.partCount = 2;
    task.destinationCount = 1;
    return run(planted(bug, "reduce_f32"), 32, task);
}

}  // namespace

TEST(sound_kernels_are_not_reported) {
    const Machine machine;
    for (const std::size_t offset : {0, 4, 16}) {
        OK(reduce("sound", machine, 5, offset));
    }
    EXPECT(reports().empty());
}

TEST(an_element_past_the_end_is_reported) {
    const Machine machine;
    EXPECT_CODE(CUDA_ERROR_ILLEGAL_ADDRESS, reduce("one_past", machine, 5, 0));
    EXPECT(reported("reads 4 bytes"));
}

TEST(a_misaligned_access_is_reported) {
    const Machine machine;
    OK(reduce("misaligned", machine, 8, 16));
    EXPECT(reports().empty());
    EXPECT_CODE(CUDA_ERROR_MISALIGNED_ADDRESS, reduce("misaligned", machine, 8, 4));
    EXPECT(reported("is not aligned to 16 bytes"));
}

TEST(a_barrier_taken_out_of_shared_memorys_way_is_reported) {
    const Machine machine;
    EXPECT(run(planted("no_barrier", "reverse"), 64, machine.upload(count(64))) != CUDA_SUCCESS);
    EXPECT(reported("reads shared memory that no thread of its block wrote"));
}

TEST(a_barrier_taken_out_of_device_memorys_way_is_reported) {
    const Machine machine;
    OK(run(planted("no_barrier", "reverse_in_place"), 64, machine.upload(count(64))));
    EXPECT(reported("race: thread"));
}
