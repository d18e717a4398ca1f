// The happens-before check fires on a missing wait whatever the schedule, and on nothing else.

#include "machine.h"

using namespace testing;

namespace {

/** One stream writes, another reads; they are ordered by an event, or not. */
void produceAndConsume(const std::string& schedule, bool waits) {
    Machine machine(schedule);
    const CUstream producer = machine.stream();
    const CUstream consumer = machine.stream();
    const CUevent ready = machine.event();
    const CUdeviceptr from = machine.upload(count(16));
    const CUdeviceptr middle = machine.memory(64);
    const CUdeviceptr to = machine.memory(64);
    OK(cuMemcpyDtoDAsync_v2(middle, from, 64, producer));
    OK(cuEventRecord(ready, producer));
    if (waits) {
        OK(cuStreamWaitEvent(consumer, ready, 0));
    }
    OK(cuMemcpyDtoDAsync_v2(to, middle, 64, consumer));
    OK(cuStreamSynchronize(consumer));
    OK(cuStreamSynchronize(producer));
    EXPECT(reported("race") == !waits);
}

/** Two streams write this many bytes each, the second this far from the first. */
bool racesAt(std::size_t distance, std::size_t bytes) {
    Machine machine("eager");
    const CUdeviceptr memory = machine.memory(256);
    OK(cuMemsetD8Async(memory, 1, bytes, machine.stream()));
    OK(cuMemsetD8Async(memory + distance, 1, bytes, machine.stream()));
    return reported("race");
}

}  // namespace

TEST(a_missing_wait_is_reported_under_every_schedule) {
    for (const char* schedule : {"eager", "lazy", "random:1", "random:2"}) {
        produceAndConsume(schedule, false);
        produceAndConsume(schedule, true);
    }
}

TEST(a_missing_wait_shows_in_the_bits_under_lazy) {
    Machine machine("lazy");
    const CUdeviceptr from = machine.upload(count(16));
    const CUdeviceptr middle = machine.memory(64);
    const CUdeviceptr to = machine.memory(64);
    const CUstream consumer = machine.stream();
    OK(cuMemcpyDtoDAsync_v2(middle, from, 64, machine.stream()));
    OK(cuMemcpyDtoDAsync_v2(to, middle, 64, consumer));
    OK(cuStreamSynchronize(consumer));
    std::vector<float> back(16);
    OK(cuMemcpyDtoHAsync_v2(back.data(), to, 64, consumer));
    EXPECT(back[1] != back[1]);  // still the poison, a NaN
}

TEST(neighbors_do_not_race_and_one_shared_byte_does) {
    EXPECT(!racesAt(16, 16));
    EXPECT(racesAt(15, 16));
    EXPECT(!racesAt(1, 1));
}

TEST(strided_rows_between_each_other_do_not_race) {
    Machine machine("eager");
    const CUdeviceptr memory = machine.memory(1024);
    OK(cuMemsetD2D8Async(memory, 32, 1, 16, 32, machine.stream()));
    OK(cuMemsetD2D8Async(memory + 16, 32, 1, 16, 32, machine.stream()));
    EXPECT(reports().empty());
    OK(cuMemsetD2D8Async(memory + 8, 32, 1, 16, 32, machine.stream()));
    EXPECT(reported("race"));
}

TEST(two_readers_do_not_race_and_a_writer_races_with_both) {
    Machine machine("eager");
    const CUdeviceptr from = machine.upload(count(4));
    const CUstream first = machine.stream();
    const CUstream second = machine.stream();
    OK(cuMemcpyDtoDAsync_v2(machine.memory(16), from, 16, first));
    OK(cuMemcpyDtoDAsync_v2(machine.memory(16), from, 16, second));
    EXPECT(reports().empty());
    OK(cuMemsetD8Async(from, 0, 16, first));
    EXPECT(reported("race"));
}

TEST(the_host_orders_what_it_waited_for) {
    Machine machine("eager");
    const CUdeviceptr memory = machine.memory(16);
    const CUstream first = machine.stream();
    const CUstream second = machine.stream();
    OK(cuMemsetD8Async(memory, 1, 16, first));
    OK(cuStreamSynchronize(first));
    OK(cuMemsetD8Async(memory, 2, 16, second));
    EXPECT(reports().empty());
    OK(cuMemsetD8Async(memory, 3, 16, first));
    EXPECT(reported("race"));
}

TEST(an_event_orders_only_what_came_before_its_record) {
    Machine machine("eager");
    const CUdeviceptr memory = machine.memory(32);
    const CUstream first = machine.stream();
    const CUstream second = machine.stream();
    const CUevent event = machine.event();
    OK(cuMemsetD8Async(memory, 1, 16, first));
    OK(cuEventRecord(event, first));
    OK(cuMemsetD8Async(memory + 16, 1, 16, first));
    OK(cuStreamWaitEvent(second, event, 0));
    OK(cuMemsetD8Async(memory, 2, 16, second));
    EXPECT(reports().empty());
    OK(cuMemsetD8Async(memory + 16, 2, 16, second));
    EXPECT(reported("race"));
}

TEST(kernels_race_by_the_bytes_that_their_threads_touch) {
    Machine machine("eager");
    const CUdeviceptr a = machine.upload(count(64));
    const CUdeviceptr sum = machine.memory(256);
    OK(machine.launch("add", machine.stream(), 1, 32, a, a, sum, 32));
    OK(machine.launch("add", machine.stream(), 1, 32, a + 128, a + 128, sum + 128, 32));
    EXPECT(reports().empty());
    OK(machine.launch("add", machine.stream(), 1, 1, a, a, sum + 252, 1));
    EXPECT(reported("race"));
}

TEST(freeing_what_the_host_never_waited_for_is_reported) {
    for (const bool waits : {false, true}) {
        Machine machine("eager");
        const CUstream stream = machine.stream();
        const CUdeviceptr memory = machine.memory(16);
        OK(cuMemsetD8Async(memory, 1, 16, stream));
        if (waits) {
            OK(cuStreamSynchronize(stream));
        }
        OK(cuMemFree_v2(memory));
        EXPECT(reported("never waited for") == !waits);
    }
}
