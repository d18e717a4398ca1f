// Kernels: modules, launches, and the checks of every access.

#include "machine.h"

using namespace testing;

namespace {

const std::string head = ".version 8.0\n.target sm_75\n.address_size 64\n";

CUresult load(const std::string& ptx) {
    CUmodule module = nullptr;
    return cuModuleLoadData(&module, ptx.c_str());
}

/** Launches a block of 64 threads over 64 values; what the device says then. */
CUresult runOnValues(const char* kernel) {
    Machine machine;
    const CUdeviceptr values = machine.upload(count(64));
    OK(machine.launch(kernel, nullptr, 1, 64, values));
    return cuCtxSynchronize();
}

}  // namespace

TEST(a_kernel_computes) {
    Machine machine;
    const CUdeviceptr a = machine.upload(count(1000));
    const CUdeviceptr sum = machine.memory(4000);
    OK(machine.launch("add", machine.stream(), 4, 256, a, a, sum, 1000));
    const std::vector<float> sums = machine.download<float>(sum, 1000);
    for (std::size_t index = 0; index < sums.size(); index++) {
        EXPECT(sums[index] == 2 * static_cast<float>(index));
    }
    EXPECT(reports().empty());
}

TEST(every_thread_knows_its_place) {
    Machine machine;
    const unsigned count = 2 * 3 * 2 * 4 * 2 * 2;
    const CUdeviceptr out = machine.memory(count * 6 * 4);
    CUdeviceptr argument = out;
    void* arguments[] = {&argument};
    OK(cuLaunchKernel(machine.kernel("places"), 2, 3, 2, 4, 2, 2, 0, nullptr, arguments, nullptr));
    const std::vector<unsigned> places = machine.download<unsigned>(out, count * 6);
    for (unsigned index = 0; index < count; index++) {
        const unsigned* place = &places[6 * index];
        const unsigned block = place[0] + 2 * (place[1] + 3 * place[2]);
        const unsigned thread = place[3] + 4 * (place[4] + 2 * place[5]);
        EXPECT(block * 16 + thread == index);
    }
}

TEST(a_read_one_past_the_end_kills_the_device) {
    Machine machine;
    const CUdeviceptr a = machine.upload(count(5));
    const CUdeviceptr sum = machine.memory(20);
    OK(machine.launch("read_one_past", nullptr, 1, 32, a, sum, 4));
    OK(cuCtxSynchronize());
    EXPECT(reports().empty());
    OK(machine.launch("read_one_past", nullptr, 1, 32, a, sum, 5));
    EXPECT_CODE(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    EXPECT(reported("thread (4, 0, 0) of block (0, 0, 0): reads 4 bytes"));
    CUdeviceptr more = 0;
    EXPECT_CODE(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemAlloc_v2(&more, 4));
    CUcontext again = nullptr;
    EXPECT_CODE(CUDA_ERROR_ILLEGAL_ADDRESS, cuDevicePrimaryCtxRetain(&again, 0));
    Machine other("eager", 1);
    OK(cuCtxSynchronize());
}

TEST(a_kernel_may_not_touch_the_hosts_own_memory) {
    Machine machine;
    std::vector<float> host(4, 1);
    OK(machine.launch("add", nullptr, 1, 4, host.data(), host.data(), machine.memory(16), 4));
    EXPECT_CODE(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    EXPECT(reported("which no allocation holds"));
}

TEST(a_kernel_may_touch_pinned_memory) {
    Machine machine;
    void* host = nullptr;
    OK(cuMemAllocHost_v2(&host, 16));
    OK(machine.launch("add", nullptr, 1, 4, machine.upload(count(4)), machine.upload(count(4)), host, 4));
    OK(cuCtxSynchronize());
    EXPECT(static_cast<float*>(host)[3] == 6);
}

TEST(a_misaligned_vector_access_kills_the_device) {
    Machine machine;
    const CUdeviceptr from = machine.upload(count(16));
    const CUdeviceptr to = machine.memory(64);
    OK(machine.launch("copy_fours", nullptr, 1, 3, from + 16, to));
    EXPECT(machine.download<float>(to, 12)[11] == 15);
    OK(machine.launch("copy_fours", nullptr, 1, 2, from + 4, to));
    EXPECT_CODE(CUDA_ERROR_MISALIGNED_ADDRESS, cuCtxSynchronize());
    EXPECT(reported("is not aligned to 16 bytes"));
}

TEST(a_barrier_orders_shared_memory) {
    Machine machine;
    const CUdeviceptr values = machine.upload(count(64));
    OK(machine.launch("reverse", nullptr, 1, 64, values));
    EXPECT(machine.download<float>(values, 64)[0] == 63);
    EXPECT(reports().empty());
}

TEST(a_missing_barrier_is_reported) {
    EXPECT(runOnValues("reverse_without_barrier") != CUDA_SUCCESS);
    EXPECT(reported("reads shared memory that no thread of its block wrote"));
}

TEST(a_missing_second_barrier_is_reported) {
    EXPECT(runOnValues("reverse_twice_without_second_barrier") != CUDA_SUCCESS);
    EXPECT(reported("shared-memory race"));
}

TEST(shared_memory_is_not_zero) {
    EXPECT(runOnValues("read_unwritten_shared") != CUDA_SUCCESS);
    EXPECT(reported("reads shared memory that no thread of its block wrote"));
}

TEST(every_thread_comes_to_a_barrier) {
    Machine machine;
    const CUdeviceptr values = machine.memory(256);
    OK(machine.launch("leave_before_barrier", nullptr, 1, 64, values, 64));
    OK(cuCtxSynchronize());
    OK(machine.launch("leave_before_barrier", nullptr, 1, 64, values, 63));
    EXPECT_CODE(CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
    const std::string found = reports();
    EXPECT(found.find("waits in __syncthreads (bugs.cu:") != std::string::npos);
    EXPECT(found.find("for thread 63, which has ended") != std::string::npos);
}

TEST(threads_that_get_in_each_others_way_in_device_memory_are_reported) {
    Machine machine;
    const CUdeviceptr values = machine.upload(count(256));
    OK(machine.launch("reverse_in_place", nullptr, 1, 64, values));
    EXPECT(machine.download<float>(values, 64)[0] == 63);
    EXPECT(reports().empty());
    for (const auto& [kernel, blocks] :
         {std::pair{"shift_in_place", 1u}, {"all_write_one", 1u}, {"reverse_in_place", 2u}}) {
        OK(machine.launch(kernel, nullptr, blocks, 64, values));
        OK(cuCtxSynchronize());
        EXPECT(reported(std::string("kernel ") + kernel + ": race: thread"));
    }
}

TEST(threads_may_change_what_is_their_own) {
    Machine machine;
    struct {
        CUdeviceptr values;
        float factor;
        int count;
    } task{machine.upload(count(256)), 2, 256};
    OK(machine.launch("scale", nullptr, 4, 64, task));
    EXPECT(machine.download<float>(task.values, 256)[255] == 510);
    EXPECT(reports().empty());
}

TEST(launches_have_limits) {
    Machine machine;
    const CUdeviceptr a = machine.memory(16);
    EXPECT_CODE(CUDA_ERROR_INVALID_VALUE, machine.launch("reverse", nullptr, 0, 64, a));
    EXPECT_CODE(CUDA_ERROR_INVALID_VALUE, machine.launch("reverse", nullptr, 1, 0, a));
    EXPECT_CODE(CUDA_ERROR_INVALID_VALUE, machine.launch("reverse", nullptr, 1, 1025, a));
}

TEST(arguments_are_copied_at_the_launch) {
    Machine machine("lazy");
    const CUdeviceptr a = machine.upload(count(4));
    CUdeviceptr sum = machine.memory(16);
    const CUdeviceptr where = sum;
    int size = 4;
    CUdeviceptr from = a;
    void* arguments[] = {&from, &from, &sum, &size};
    OK(cuLaunchKernel(machine.kernel("add"), 1, 1, 1, 4, 1, 1, 0, nullptr, arguments, nullptr));
    sum = 0;
    size = 100;
    EXPECT(machine.download<float>(where, 4)[3] == 6);
}

TEST(a_kernel_runs_on_its_modules_device) {
    Machine first("eager", 0);
    const CUfunction function = first.kernel("reverse");
    const Machine second("eager", 1);
    CUdeviceptr values = second.memory(256);
    void* arguments[] = {&values};
    EXPECT_CODE(CUDA_ERROR_INVALID_HANDLE, cuLaunchKernel(function, 1, 1, 1, 64, 1, 1, 0, nullptr, arguments, nullptr));
}

TEST(ptx_has_to_fit_the_driver_the_device_and_the_source) {
    const Machine machine;
    OK(load(head));
    EXPECT_CODE(CUDA_ERROR_INVALID_PTX, load("no ptx"));
    EXPECT_CODE(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, load(".version 9.0\n.target sm_75\n"));
    configure("driver=13000");
    OK(load(".version 9.0\n.target sm_75\n"));
    configure("driver=12000");
    EXPECT_CODE(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, load(".version 8.1\n.target sm_75\n"));
    EXPECT_CODE(CUDA_ERROR_NO_BINARY_FOR_GPU, load(".version 8.0\n.target sm_90\n"));
    EXPECT(reports().empty());
    EXPECT_CODE(CUDA_ERROR_INVALID_PTX, load(head + ".visible .entry unheard_of()\n{\nret;\n}\n"));
    EXPECT(reported("unheard_of"));
    EXPECT_CODE(CUDA_ERROR_INVALID_PTX,
                load(head + ".visible .entry reverse(.param .u32 reverse_param_0)\n{\nret;\n}\n"));
    EXPECT(reported("other parameters"));
    OK(load(head + "// .entry commented()\n/* .entry as_well() */.visible .entry reverse(.param .u64 "
                   "reverse_param_0)\n{\nret;\n}\n"));
}

TEST(a_module_gives_its_kernels_until_it_is_unloaded) {
    Machine machine;
    const CUfunction function = machine.kernel("reverse");
    CUfunction missing = nullptr;
    EXPECT_CODE(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&missing, machine.module, "missing"));
    OK(cuModuleUnload(machine.module));
    CUdeviceptr values = machine.memory(256);
    void* arguments[] = {&values};
    EXPECT_CODE(CUDA_ERROR_INVALID_HANDLE, cuLaunchKernel(function, 1, 1, 1, 64, 1, 1, 0, nullptr, arguments, nullptr));
}
