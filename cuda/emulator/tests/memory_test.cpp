// Device and pinned memory: poison, bounds, lifetimes, who reaches what.

#include "machine.h"

using namespace testing;

TEST(new_memory_is_nan) {
    Machine machine;
    for (const float value : machine.download<float>(machine.memory(4096 * 3 + 4), 3073)) {
        EXPECT(value != value);
    }
    void* host = nullptr;
    OK(cuMemAllocHost_v2(&host, 8));
    EXPECT(*static_cast<double*>(host) != *static_cast<double*>(host));
}

TEST(addresses_are_aligned_to_256_bytes_and_no_more) {
    Machine machine;
    CUdeviceptr common = 0;
    for (int number = 0; number < 20; number++) {
        common |= machine.memory(256);
    }
    EXPECT(common % 256 == 0 && common % 512 != 0);
}

TEST(a_copy_past_the_end_is_refused_and_reported) {
    Machine machine;
    const CUdeviceptr memory = machine.memory(16);
    EXPECT_CODE(CUDA_ERROR_INVALID_VALUE, cuMemsetD8_v2(memory, 0, 17));
    EXPECT(reported("1 bytes past the end of device memory #"));
    EXPECT_CODE(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoD_v2(memory, machine.memory(17), 17));
    EXPECT(reported("past the end"));
    OK(cuMemsetD8_v2(memory, 0, 16));
    EXPECT(reports().empty());
}

TEST(a_copy_of_freed_memory_is_refused) {
    Machine machine;
    const CUdeviceptr memory = machine.memory(16);
    OK(cuMemFree_v2(memory));
    EXPECT_CODE(CUDA_ERROR_INVALID_VALUE, cuMemsetD8_v2(memory, 0, 16));
    EXPECT(reported("which were freed"));
    EXPECT_CODE(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(memory));
    EXPECT(reported("freed twice"));
}

TEST(memory_freed_before_its_copy_runs_kills_the_device) {
    Machine machine("lazy");
    const CUstream stream = machine.stream();
    const CUdeviceptr memory = machine.memory(16);
    OK(cuMemsetD8Async(memory, 0, 16, stream));
    OK(cuMemFree_v2(memory));
    EXPECT_CODE(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(stream));
    EXPECT(reported("which were freed"));
}

TEST(a_freed_address_does_not_come_back_soon) {
    Machine machine;
    const CUdeviceptr memory = machine.memory(1 << 20);
    OK(cuMemFree_v2(memory));
    for (int number = 0; number < 100; number++) {
        EXPECT(machine.memory(1 << 20) != memory);
    }
}

TEST(addresses_come_back_once_all_were_given_out) {
    Machine machine;
    const CUdeviceptr kept = machine.upload(count(4));
    for (int number = 0; number < 120; number++) {
        const CUdeviceptr memory = machine.memory(std::size_t{1} << 30 >> (number % 2 == 0 ? 0 : 2));
        OK(cuMemsetD8_v2(memory, 0, 16));
        OK(cuCtxSynchronize());
        OK(cuMemFree_v2(memory));
    }
    EXPECT(machine.download<float>(kept, 4) == count(4));
    EXPECT(reports().empty());
}

TEST(memory_can_be_given_out_and_taken_back_any_number_of_times) {
    const Machine machine;
    for (int number = 0; number < 100000; number++) {
        const CUdeviceptr memory = machine.memory(4096);
        OK(cuMemsetD8_v2(memory, 0, 4096));
        OK(cuCtxSynchronize());
        OK(cuMemFree_v2(memory));
    }
}

TEST(very_many_small_allocations_live_side_by_side) {
    const Machine machine;
    for (int number = 0; number < 70000; number++) {
        machine.memory(256);
    }
    EXPECT(emulatorCount("allocations") == 70000);
}

TEST(a_device_has_only_so_much_memory) {
    configure("memory=16");
    Machine machine;
    CUdeviceptr memory = 0;
    EXPECT_CODE(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&memory, (16 << 20) + 1));
    OK(cuMemAlloc_v2(&memory, 16 << 20));
    CUdeviceptr more = 0;
    EXPECT_CODE(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&more, 1));
    std::size_t free = 1;
    std::size_t total = 0;
    OK(cuMemGetInfo_v2(&free, &total));
    EXPECT(free == 0 && total == 16 << 20);
    OK(cuMemFree_v2(memory));
    OK(cuMemAlloc_v2(&more, 1));
}

TEST(another_devices_memory_needs_peer_access) {
    Machine first("eager", 0);
    const CUdeviceptr theirs = first.upload(count(4));
    Machine second("eager", 1);
    const CUdeviceptr ours = second.memory(16);
    int can = 0;
    OK(cuDeviceCanAccessPeer(&can, 1, 0));
    EXPECT(can == 1);
    EXPECT_CODE(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoD_v2(ours, theirs, 16));
    OK(cuCtxEnablePeerAccess(first.context, 0));
    EXPECT_CODE(CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED, cuCtxEnablePeerAccess(first.context, 0));
    OK(cuMemcpyDtoD_v2(ours, theirs, 16));
    OK(second.launch("add", nullptr, 1, 4, theirs, theirs, ours, 4));
    EXPECT(second.download<float>(ours, 4)[3] == 6);
    OK(cuCtxDisablePeerAccess(first.context));
    OK(second.launch("add", nullptr, 1, 4, theirs, theirs, ours, 4));
    EXPECT_CODE(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    EXPECT(reported("without peer access"));
}

TEST(a_peer_copy_names_the_memorys_own_contexts) {
    const Machine first("eager", 0);
    const CUdeviceptr theirs = first.upload(count(4));
    const Machine second("eager", 1);
    const CUdeviceptr ours = second.memory(16);
    EXPECT_CODE(CUDA_ERROR_INVALID_VALUE, cuMemcpyPeer(ours, first.context, theirs, second.context, 16));
}

TEST(strided_copies_take_the_rows_that_they_name) {
    Machine machine;
    const CUdeviceptr from = machine.upload(count(12));                 // (3, 4)
    const CUdeviceptr to = machine.upload(std::vector<float>(15, -1));  // (3, 5)
    CUDA_MEMCPY2D copy{};
    copy.srcMemoryType = copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.srcDevice = from;
    copy.srcXInBytes = 4;
    copy.srcY = 1;
    copy.srcPitch = 16;
    copy.dstDevice = to;
    copy.dstXInBytes = 8;
    copy.dstPitch = 20;
    copy.WidthInBytes = 12;
    copy.Height = 2;
    OK(cuMemcpy2DAsync_v2(&copy, machine.stream()));
    const std::vector<float> expected = {-1, -1, 5, 6, 7, -1, -1, 9, 10, 11, -1, -1, -1, -1, -1};
    EXPECT(machine.download<float>(to, 15) == expected);
    copy.Height = 3;
    EXPECT_CODE(CUDA_ERROR_INVALID_VALUE, cuMemcpy2DAsync_v2(&copy, machine.stream()));
}

TEST(strided_peer_copies_take_the_planes_that_they_name) {
    const Machine first("lazy", 0);
    const CUdeviceptr from = first.upload(count(24));  // (2, 3, 4)
    const Machine second("lazy", 1);
    const CUdeviceptr to = second.upload(std::vector<float>(8, -1));  // (2, 2, 2)
    CUDA_MEMCPY3D_PEER copy{};
    copy.srcMemoryType = copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.srcDevice = from;
    copy.srcContext = first.context;
    copy.srcXInBytes = 8;
    copy.srcY = 1;
    copy.srcPitch = 16;
    copy.srcHeight = 3;
    copy.dstDevice = to;
    copy.dstContext = second.context;
    copy.dstPitch = 8;
    copy.dstHeight = 2;
    copy.WidthInBytes = 8;
    copy.Height = 2;
    copy.Depth = 2;
    OK(cuMemcpy3DPeerAsync(&copy, second.stream()));
    const std::vector<float> expected = {6, 7, 10, 11, 18, 19, 22, 23};
    EXPECT(second.download<float>(to, 8) == expected);
}

TEST(registered_memory_is_pinned_until_it_is_given_back) {
    Machine machine("lazy");
    std::vector<float> host(4, 1);
    OK(cuMemHostRegister_v2(host.data(), 16, 0));
    EXPECT_CODE(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, cuMemHostRegister_v2(host.data(), 16, 0));
    const CUdeviceptr memory = machine.memory(16);
    const CUstream stream = machine.stream();
    OK(cuMemcpyHtoDAsync_v2(memory, host.data(), 16, stream));
    host[0] = 5;
    EXPECT(machine.download<float>(memory, 4)[0] == 5);
    OK(cuMemHostUnregister(host.data()));
    EXPECT_CODE(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, cuMemHostUnregister(host.data()));
}
