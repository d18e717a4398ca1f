// What a thread of the host knows: what it waited for, and what it was told by those after which it comes.

#include "machine.h"

#include <functional>
#include <thread>

using namespace testing;

namespace {

constexpr std::int64_t object = 1;

/** Does something as another thread of the host, and lets that end. */
template <typename Body>
void elsewhere(const Machine& machine, Body body) {
    std::thread([&] {
        machine.use();
        body();
    }).join();
}

/**
 * One thread of the host waits for a stream and does something, then another one does and writes the same on a second
 * stream; whether that is reported as a race.
 */
bool races(const std::string& host, const std::function<void()>& first, const std::function<void()>& second) {
    configure("host=" + host);
    Machine machine("lazy");
    const CUdeviceptr memory = machine.memory(16);
    const CUstream early = machine.stream();
    const CUstream late = machine.stream();
    OK(cuMemsetD8Async(memory, 1, 16, early));
    elsewhere(machine, [&] {
        OK(cuStreamSynchronize(early));
        first();
    });
    second();
    OK(cuMemsetD8Async(memory, 2, 16, late));
    OK(cuStreamSynchronize(late));
    return reported("race");
}

void nothing() {}

void release() {
    emulatorRelease(object, 0);
}

void acquire() {
    emulatorAcquire(object, 0);
}

}  // namespace

TEST(what_one_thread_waited_for_another_does_not_know) {
    EXPECT(races("threads", nothing, nothing));
}

TEST(threads_share_what_they_know_unless_told_otherwise) {
    EXPECT(!races("one", nothing, nothing));
}

TEST(a_thread_that_acquires_what_another_released_knows) {
    EXPECT(!races("threads", release, acquire));
    EXPECT(races("threads", release, nothing));
    EXPECT(races("threads", nothing, acquire));
}

TEST(another_key_tells_nothing) {
    EXPECT(races("threads", release, [] { emulatorAcquire(object, 1); }));
    EXPECT(races("threads", release, [] { emulatorAcquire(object + 1, 0); }));
}

TEST(a_key_whose_object_is_gone_tells_nothing) {
    EXPECT(races("threads", release, [] {
        emulatorForget(object);
        acquire();
    }));
    EXPECT(!races("threads", release, [] {
        emulatorForget(object - 1);
        emulatorForget(object + 1);
        acquire();
    }));
}

TEST(a_restart_leaves_nothing_known) {
    EXPECT(races("threads", release, nothing));
    configure("restart=now");
    EXPECT(races("threads", nothing, acquire));
}

TEST(what_was_waited_for_after_a_release_is_not_told) {
    configure("host=threads");
    Machine machine("lazy");
    const CUdeviceptr memory = machine.memory(16);
    const CUstream first = machine.stream();
    OK(cuMemsetD8Async(memory, 1, 16, first));
    elsewhere(machine, [&] {
        release();
        OK(cuStreamSynchronize(first));
    });
    acquire();
    OK(cuMemFree_v2(memory));
    EXPECT(reported("never waited for"));
}

TEST(a_thread_learns_from_a_query_that_is_answered_with_success) {
    configure("host=threads");
    Machine machine("lazy");
    const CUdeviceptr memory = machine.memory(16);
    const CUstream stream = machine.stream();
    OK(cuMemsetD8Async(memory, 1, 16, stream));
    elsewhere(machine, [&] { EXPECT_CODE(CUDA_ERROR_NOT_READY, cuStreamQuery(stream)); });
    OK(cuStreamQuery(stream));
    OK(cuMemFree_v2(memory));
    EXPECT(reports().empty());
}

TEST(who_frees_must_know_that_the_memory_is_out_of_use) {
    configure("host=threads");
    for (const bool own : {true, false}) {
        Machine machine("lazy");
        const CUdeviceptr memory = machine.memory(16);
        const CUstream stream = machine.stream();
        OK(cuMemsetD8Async(memory, 1, 16, stream));
        elsewhere(machine, [&] {
            OK(cuStreamSynchronize(stream));
            if (own) {
                OK(cuMemFree_v2(memory));
            }
        });
        if (!own) {
            OK(cuMemFree_v2(memory));
        }
        EXPECT(reported("never waited for") == !own);
    }
}

TEST(what_a_device_knows_its_threads_need_not) {
    configure("host=threads");
    Machine machine("lazy");
    const CUdeviceptr memory = machine.memory(16);
    const CUstream first = machine.stream();
    const CUstream second = machine.stream();
    const CUevent event = machine.event();
    elsewhere(machine, [&] {
        OK(cuMemsetD8Async(memory, 1, 16, first));
        OK(cuEventRecord(event, first));
    });
    OK(cuStreamWaitEvent(second, event, 0));
    OK(cuMemsetD8Async(memory, 2, 16, second));
    OK(cuStreamSynchronize(second));
    OK(cuMemFree_v2(memory));
    EXPECT(reports().empty());
}

TEST(when_all_has_run_every_thread_knows_threads_that_begin_later_included) {
    EXPECT(!races("threads", [] { configure("run=all"); }, nothing));
    Machine machine("lazy");
    const CUdeviceptr memory = machine.memory(16);
    OK(cuMemsetD8Async(memory, 1, 16, machine.stream()));
    configure("run=all");
    elsewhere(machine, [&] { OK(cuMemFree_v2(memory)); });
    EXPECT(reports().empty());
}

TEST(a_new_thread_knows_nothing_that_it_is_not_told) {
    configure("host=threads");
    for (const bool told : {true, false}) {
        Machine machine("lazy");
        const CUdeviceptr memory = machine.memory(16);
        const CUstream stream = machine.stream();
        OK(cuMemsetD8Async(memory, 1, 16, stream));
        OK(cuStreamSynchronize(stream));
        emulatorRelease(object, told ? 0 : 1);
        elsewhere(machine, [&] {
            acquire();
            OK(cuMemFree_v2(memory));
        });
        EXPECT(reported("never waited for") == !told);
    }
}
