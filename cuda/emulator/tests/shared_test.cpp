// Shared memory whose size the launch decides.

#include "machine.h"

#include <cmath>

using namespace testing;

namespace {

constexpr int maxDynamicShared = 8;
constexpr int ownShared = 1;

/** What `normalize` itself declares. */
constexpr int own = 128;

int attribute(Machine& machine, const char* kernel, int which) {
    int value = -1;
    OK(cuFuncGetAttribute(&value, which, machine.kernel(kernel)));
    return value;
}

/** What a launch of `normalize` over 2 rows answers that asks for so many bytes and uses those of its columns. */
CUresult normalize(Machine& machine, unsigned bytes, int columns) {
    const CUdeviceptr rows = machine.upload(count(2 * static_cast<std::size_t>(columns)));
    const CUdeviceptr normal = machine.memory(8 * static_cast<std::size_t>(columns));
    return machine.launchWithShared(bytes, "normalize", nullptr, 2, 64, rows, normal, columns);
}

}  // namespace

TEST(a_launch_decides_how_much_there_is) {
    Machine machine;
    const std::vector<float> values = {3, 4, 0, 0, 6, 8, 0, 0};
    const CUdeviceptr normal = machine.memory(32);
    OK(machine.launchWithShared(16, "normalize", nullptr, 2, 32, machine.upload(values), normal, 4));
    EXPECT(machine.download<float>(normal, 8) == std::vector<float>({0.6f, 0.8f, 0, 0, 0.6f, 0.8f, 0, 0}));
    EXPECT(reports().empty());
}

TEST(more_than_was_asked_for_is_out_of_bounds) {
    for (const int index : {16, -1, 100000}) {
        Machine machine;
        const CUdeviceptr values = machine.upload(count(1));
        OK(machine.launchWithShared(64, "dynamic_shared_past_its_end", nullptr, 1, 1, values, 15));
        OK(cuCtxSynchronize());
        EXPECT(reports().empty());
        OK(machine.launchWithShared(64, "dynamic_shared_past_its_end", nullptr, 1, 1, values, index));
        EXPECT_CODE(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
        EXPECT(reported("writes 4 bytes at "));
        configure("restart=now");
    }
}

TEST(a_launch_that_asks_for_none_has_none) {
    Machine machine;
    OK(machine.launch("dynamic_shared_past_its_end", nullptr, 1, 1, machine.upload(count(1)), 0));
    EXPECT_CODE(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    EXPECT(reported("of which the launch asked for 0"));
}

TEST(dynamic_shared_memory_is_not_zero) {
    Machine machine;
    OK(machine.launchWithShared(256, "dynamic_shared_unwritten", nullptr, 1, 1, machine.memory(4)));
    EXPECT(cuCtxSynchronize() != CUDA_SUCCESS);
    EXPECT(reported("reads shared memory that no thread of its block wrote"));
}

TEST(threads_race_in_dynamic_shared_memory) {
    Machine machine;
    OK(machine.launchWithShared(256, "dynamic_shared_race", nullptr, 1, 64, machine.upload(count(64))));
    EXPECT(cuCtxSynchronize() != CUDA_SUCCESS);
    EXPECT(!reports().empty());
}

TEST(dynamic_shared_memory_is_aligned_to_16_bytes_and_no_more) {
    Machine machine;
    OK(machine.launchWithShared(256, "dynamic_shared_misaligned", nullptr, 1, 1, machine.upload(count(1))));
    EXPECT_CODE(CUDA_ERROR_MISALIGNED_ADDRESS, cuCtxSynchronize());
    EXPECT(reported("is not aligned to 32 bytes"));
}

TEST(more_than_48_kib_have_to_be_asked_for_in_time) {
    Machine machine;
    OK(normalize(machine, 48 * 1024 - own, 12 * 1024 - own / 4));
    EXPECT_CODE(CUDA_ERROR_INVALID_VALUE, normalize(machine, 48 * 1024 - own + 1, 100));
    OK(cuFuncSetAttribute(machine.kernel("normalize"), maxDynamicShared, 100 * 1024));
    EXPECT(attribute(machine, "normalize", maxDynamicShared) == 100 * 1024);
    OK(normalize(machine, 100 * 1024, 25 * 1024));
    EXPECT_CODE(CUDA_ERROR_INVALID_VALUE, normalize(machine, 100 * 1024 + 1, 100));
    OK(cuCtxSynchronize());
    EXPECT(reports().empty());
}

TEST(a_device_has_so_much_and_no_more) {
    Machine machine;
    for (const auto& [capability, most] : {std::pair{75, 64}, {80, 163}, {86, 99}, {90, 227}, {120, 99}}) {
        configure("capability=" + std::to_string(capability));
        OK(cuFuncSetAttribute(machine.kernel("normalize"), maxDynamicShared, most * 1024 - own));
        EXPECT_CODE(CUDA_ERROR_INVALID_VALUE,
                    cuFuncSetAttribute(machine.kernel("normalize"), maxDynamicShared, most * 1024 - own + 1));
    }
    EXPECT_CODE(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(machine.kernel("normalize"), maxDynamicShared, -1));
}

TEST(what_a_kernel_declares_counts) {
    Machine machine;
    EXPECT(attribute(machine, "reverse", ownShared) == 256);
    EXPECT(attribute(machine, "reverse", maxDynamicShared) == 48 * 1024 - 256);
    EXPECT(attribute(machine, "normalize", ownShared) == own);
    EXPECT(attribute(machine, "add", ownShared) == 0);
    EXPECT_CODE(CUDA_ERROR_INVALID_VALUE, machine.launchWithShared(48 * 1024 - 255, "reverse", nullptr, 1, 64,
                                                                   machine.upload(count(64))));
}
