// When operations run, and what the host knows of them.

#include "machine.h"

#include <cstring>
#include <thread>

using namespace testing;

namespace {

float* pinned(std::size_t floats, float value) {
    void* made = nullptr;
    OK(cuMemAllocHost_v2(&made, floats * sizeof(float)));
    auto* values = static_cast<float*>(made);
    for (std::size_t index = 0; index < floats; index++) {
        values[index] = value;
    }
    return values;
}

}  // namespace

TEST(eager_runs_at_once) {
    Machine machine("eager");
    const CUstream stream = machine.stream();
    float* host = pinned(4, 7);
    float* back = pinned(4, 0);
    const CUdeviceptr device = machine.memory(16);
    OK(cuMemcpyHtoDAsync_v2(device, host, 16, stream));
    OK(cuMemcpyDtoHAsync_v2(back, device, 16, stream));
    EXPECT(back[3] == 7);
}

TEST(lazy_runs_only_what_is_waited_for) {
    Machine machine("lazy");
    const CUstream wanted = machine.stream();
    const CUstream other = machine.stream();
    float* host = pinned(4, 7);
    float* back = pinned(8, 0);
    const CUdeviceptr device = machine.upload(count(8));
    OK(cuMemcpyDtoHAsync_v2(back, device, 16, wanted));
    OK(cuMemcpyDtoHAsync_v2(back + 4, device + 16, 16, other));
    OK(cuMemcpyHtoDAsync_v2(device, host, 16, wanted));
    EXPECT(back[1] == 0);
    OK(cuStreamSynchronize(wanted));
    EXPECT(back[1] == 1 && back[5] == 0);
    OK(cuStreamSynchronize(other));
    EXPECT(back[5] == 5);
}

TEST(lazy_runs_what_an_event_needs_across_devices) {
    Machine first("lazy", 0);
    Machine second("lazy", 1);
    const CUstream producer = first.stream();
    const CUdeviceptr source = first.upload(count(4));
    const CUevent ready = first.event();
    const CUstream consumer = second.stream();
    const CUdeviceptr destination = second.memory(16);
    first.use();
    OK(first.launch("scale", producer, 1, 4, [&] {
        struct {
            CUdeviceptr values;
            float factor;
            int count;
        } task{source, 2, 4};
        return task;
    }()));
    OK(cuEventRecord(ready, producer));
    second.use();
    OK(cuStreamWaitEvent(consumer, ready, 0));
    OK(cuMemcpyPeerAsync(destination, second.context, source, first.context, 16, consumer));
    OK(cuStreamSynchronize(consumer));
    EXPECT(second.download<float>(destination, 4)[3] == 6);
    EXPECT(reports().empty());
}

TEST(random_is_the_same_for_the_same_seed_and_right_for_all) {
    for (int seed = 0; seed < 20; seed++) {
        Machine machine("random:" + std::to_string(seed));
        const CUstream a = machine.stream();
        const CUstream b = machine.stream();
        const CUevent event = machine.event();
        const CUdeviceptr from = machine.upload(count(4));
        const CUdeviceptr middle = machine.memory(16);
        const CUdeviceptr to = machine.memory(16);
        OK(cuMemcpyDtoDAsync_v2(middle, from, 16, a));
        OK(cuEventRecord(event, a));
        OK(cuStreamWaitEvent(b, event, 0));
        OK(cuMemcpyDtoDAsync_v2(to, middle, 16, b));
        OK(cuStreamSynchronize(b));
        EXPECT(machine.download<float>(to, 4) == count(4));
    }
    EXPECT(reports().empty());
}

TEST(polling_gets_there_but_not_at_once) {
    Machine machine("lazy");
    const CUstream stream = machine.stream();
    const CUevent event = machine.event();
    float* back = pinned(4, 0);
    const CUdeviceptr device = machine.upload(count(4));
    OK(cuEventQuery(event));
    OK(cuMemcpyDtoHAsync_v2(back, device, 16, stream));
    OK(cuEventRecord(event, stream));
    EXPECT_CODE(CUDA_ERROR_NOT_READY, cuEventQuery(event));
    EXPECT(back[3] == 0);
    OK(cuEventQuery(event));
    EXPECT(back[3] == 3);
    OK(cuStreamQuery(stream));
}

TEST(what_ran_is_not_known_at_the_first_time_of_asking) {
    Machine machine("eager");
    const CUstream stream = machine.stream();
    OK(cuMemsetD8Async(machine.memory(16), 1, 16, stream));
    EXPECT_CODE(CUDA_ERROR_NOT_READY, cuStreamQuery(stream));
    OK(cuStreamQuery(stream));
    OK(cuStreamQuery(stream));
}

TEST(all_can_be_made_to_run) {
    Machine machine("lazy");
    float* back = pinned(4, 0);
    OK(cuMemcpyDtoHAsync_v2(back, machine.upload(count(4)), 16, machine.stream()));
    EXPECT(back[3] == 0);
    configure("run=all");
    EXPECT(back[3] == 3);
}

TEST(waiting_for_what_was_never_recorded_is_no_wait) {
    Machine machine("lazy");
    OK(cuStreamWaitEvent(machine.stream(), machine.event(), 0));
    OK(cuEventSynchronize(machine.event()));
}

TEST(an_event_stands_for_its_last_record) {
    Machine machine("lazy");
    const CUstream stream = machine.stream();
    const CUevent event = machine.event();
    float* back = pinned(8, 0);
    const CUdeviceptr device = machine.upload(count(8));
    OK(cuMemcpyDtoHAsync_v2(back, device, 16, stream));
    OK(cuEventRecord(event, stream));
    OK(cuMemcpyDtoHAsync_v2(back + 4, device + 16, 16, stream));
    OK(cuEventRecord(event, stream));
    OK(cuEventSynchronize(event));
    EXPECT(back[5] == 5);
}

TEST(pinned_memory_is_read_when_the_copy_runs_and_pageable_memory_before_the_call_returns) {
    Machine machine("lazy");
    const CUstream stream = machine.stream();
    float* host = pinned(4, 1);
    std::vector<float> pageable(4, 1);
    const CUdeviceptr fromPinned = machine.memory(16);
    const CUdeviceptr fromPageable = machine.memory(16);
    OK(cuMemcpyHtoDAsync_v2(fromPinned, host, 16, stream));
    OK(cuMemcpyHtoDAsync_v2(fromPageable, pageable.data(), 16, stream));
    host[0] = pageable[0] = 9;
    EXPECT(machine.download<float>(fromPinned, 4)[0] == 9);
    EXPECT(machine.download<float>(fromPageable, 4)[0] == 1);
}

TEST(a_destroyed_streams_work_still_runs) {
    Machine machine("lazy");
    const CUstream stream = machine.stream();
    float* back = pinned(4, 0);
    OK(cuMemcpyDtoHAsync_v2(back, machine.upload(count(4)), 16, stream));
    OK(cuStreamDestroy_v2(stream));
    EXPECT_CODE(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(stream));
    EXPECT(back[3] == 0);
    OK(cuCtxSynchronize());
    EXPECT(back[3] == 3);
}

TEST(the_null_stream_orders_blocking_streams_only) {
    Machine machine("lazy");
    CUstream blocking = nullptr;
    OK(cuStreamCreate(&blocking, 0));
    const CUdeviceptr device = machine.memory(16);
    OK(cuMemsetD32Async(device, 1, 4, blocking));
    OK(cuMemsetD32_v2(device, 2, 4));
    OK(cuMemsetD32Async(device, 3, 4, blocking));
    EXPECT(machine.download<int>(device, 4)[0] == 3);
    EXPECT(reports().empty());
    OK(cuMemsetD32_v2(device, 2, 4));
    OK(cuMemsetD32Async(device, 3, 4, machine.stream()));
    OK(cuCtxSynchronize());
    EXPECT(reported("race"));
}

TEST(elapsed_time_is_of_one_device) {
    Machine machine("eager");
    CUevent start = nullptr;
    CUevent end = nullptr;
    OK(cuEventCreate(&start, 0));
    OK(cuEventCreate(&end, 0));
    const CUstream stream = machine.stream();
    OK(cuEventRecord(start, stream));
    OK(cuEventRecord(end, stream));
    float milliseconds = -1;
    OK(cuEventElapsedTime(&milliseconds, start, end));
    EXPECT(milliseconds >= 0);
    const Machine other("eager", 1);
    CUevent elsewhere = nullptr;
    OK(cuEventCreate(&elsewhere, 0));
    OK(cuEventRecord(elsewhere, other.stream()));
    EXPECT_CODE(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&milliseconds, start, elsewhere));
    EXPECT_CODE(CUDA_ERROR_INVALID_HANDLE, cuEventRecord(start, other.stream()));
}

TEST(many_threads_use_it_at_once) {
    const Machine machine("random:5");
    std::vector<std::thread> threads;
    for (int ordinal = 0; ordinal < 4; ordinal++) {
        threads.emplace_back([ordinal] {
            const Machine mine("random:5", ordinal);
            const CUstream stream = mine.stream();
            const CUdeviceptr values = mine.memory(4000);
            for (int round = 0; round < 200; round++) {
                OK(cuMemsetD32Async(values, static_cast<unsigned>(round), 1000, stream));
                OK(cuStreamSynchronize(stream));
                EXPECT(mine.download<int>(values, 1000)[999] == round);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT(reports().empty());
}
