// What lies between two devices: promised, kept, or broken, for each pair and each way.

#include "machine.h"

#include <thread>

using namespace testing;

namespace {

const std::vector<float> doubled = {0, 2, 4, 6};

/** Two devices with memory on each, and what one does to the other's. */
struct Pair {
    explicit Pair(const std::string& peers, int a = 0, int b = 1, const std::string& schedule = "eager")
        : near(restarted(schedule, peers), a), far(schedule, b), ours(near.upload(count(4))),
          theirs(far.upload(count(4))) {}

    /** Kernels of the near device reach the far one's memory, or those of the far one the near's. */
    void enable(bool fromNear = true) const {
        (fromNear ? near : far).use();
        OK(cuCtxEnablePeerAccess((fromNear ? far : near).context, 0));
    }

    bool pushArrives() const {
        const CUdeviceptr to = far.memory(16);
        near.use();
        OK(cuMemcpyPeer(to, far.context, ours, near.context, 16));
        OK(cuCtxSynchronize());
        return far.download<float>(to, 4) == count(4);
    }

    bool pullArrives() const {
        const CUdeviceptr to = near.memory(16);
        near.use();
        OK(cuMemcpyPeer(to, near.context, theirs, far.context, 16));
        return near.download<float>(to, 4) == count(4);
    }

    CUresult add(CUdeviceptr x, CUdeviceptr sum, CUstream stream = nullptr) {
        near.use();
        return near.launch("add", stream, 1, 4, x, x, sum, 4);
    }

    bool readArrives() {
        const CUdeviceptr sum = near.memory(16);
        OK(add(theirs, sum));
        return near.download<float>(sum, 4) == doubled;
    }

    bool writeArrives() {
        const CUdeviceptr sum = far.memory(16);
        OK(add(ours, sum));
        near.use();
        OK(cuCtxSynchronize());
        return far.download<float>(sum, 4) == doubled;
    }

    int promised() const {
        int can = -1;
        OK(cuDeviceCanAccessPeer(&can, near.ordinal, far.ordinal));
        return can;
    }

    int attribute(int which) const {
        int value = -1;
        OK(cuDeviceGetP2PAttribute(&value, which, near.ordinal, far.ordinal));
        return value;
    }

    Machine near;
    Machine far;
    CUdeviceptr ours;
    CUdeviceptr theirs;

private:
    static std::string restarted(const std::string& schedule, const std::string& peers) {
        configure("restart=now");
        configure("peers=" + peers);
        return schedule;
    }
};

/** How many calls were made that wait for a device. */
long waits() {
    return emulatorCount("calls:cuCtxSynchronize") + emulatorCount("calls:cuMemFree") +
           emulatorCount("calls:cuDevicePrimaryCtxRelease");
}

void untilMoreThan(long calls) {
    while (waits() <= calls) {
        std::this_thread::yield();
    }
}

}  // namespace

TEST(without_access_copies_go_through_the_host_and_arrive) {
    for (const char* peers : {"all", "none", "broken-copies", "broken", "hang", "fault"}) {
        const Pair pair(peers);
        EXPECT(pair.pushArrives() && pair.pullArrives());
    }
}

TEST(access_in_either_direction_makes_copies_direct) {
    for (const char* peers : {"broken-copies", "broken"}) {
        for (const bool fromNear : {true, false}) {
            const Pair pair(peers);
            EXPECT(pair.pushArrives() && pair.pullArrives());
            pair.enable(fromNear);
            EXPECT(!pair.pushArrives() && !pair.pullArrives());
            (fromNear ? pair.near : pair.far).use();
            OK(cuCtxDisablePeerAccess((fromNear ? pair.far : pair.near).context));
            EXPECT(pair.pushArrives() && pair.pullArrives());
        }
    }
}

TEST(peers_can_be_out_of_reach) {
    const Pair pair("none");
    EXPECT(pair.promised() == 0);
    pair.near.use();
    EXPECT_CODE(CUDA_ERROR_PEER_ACCESS_UNSUPPORTED, cuCtxEnablePeerAccess(pair.far.context, 0));
}

TEST(each_rule_breaks_what_it_names) {
    struct Case {
        const char* peers;
        bool copies;
        bool kernels;
    };
    for (const Case& each : {Case{"all", true, true}, {"broken-copies", false, true}, {"broken-kernels", true, false},
                             {"broken", false, false}, {"broken;all@0-1", true, true},
                             {"all;broken@1-0", false, false}, {"broken@0-2;broken@1-2", true, true}}) {
        Pair pair(each.peers);
        EXPECT(pair.promised() == 1);
        pair.enable();
        EXPECT(pair.pushArrives() == each.copies);
        EXPECT(pair.pullArrives() == each.copies);
        EXPECT(pair.readArrives() == each.kernels);
        EXPECT(pair.writeArrives() == each.kernels);
        EXPECT(pair.far.download<float>(pair.theirs, 4) == count(4));
    }
    EXPECT(reports().empty());
}

TEST(a_rule_can_name_one_way) {
    Pair forth("broken@0>1");
    forth.enable();
    EXPECT(!forth.pushArrives() && forth.pullArrives() && !forth.readArrives());
    Pair back("broken@1>0");
    back.enable();
    EXPECT(back.pushArrives() && !back.pullArrives() && back.readArrives());
    const Pair none("none@1>0");
    EXPECT(none.promised() == 1);
    none.far.use();
    EXPECT_CODE(CUDA_ERROR_PEER_ACCESS_UNSUPPORTED, cuCtxEnablePeerAccess(none.near.context, 0));
}

TEST(small_copies_can_arrive_where_large_ones_do_not) {
    const Pair at("broken-copies:16");
    at.enable();
    EXPECT(at.pushArrives());
    const Pair above("broken-copies@0-1:15");
    above.enable();
    EXPECT(!above.pushArrives());
}

TEST(what_hangs_is_never_ready_and_holds_up_what_comes_after) {
    for (const char* schedule : {"eager", "lazy", "random:1"}) {
        Pair pair("hang@0>1", 0, 1, schedule);
        pair.enable();
        const CUstream stuck = pair.near.stream();
        const CUstream behind = pair.near.stream();
        const CUstream free = pair.near.stream();
        const CUevent event = pair.near.event();
        OK(pair.add(pair.theirs, pair.near.memory(16), stuck));
        OK(cuEventRecord(event, stuck));
        OK(cuStreamWaitEvent(behind, event, 0));
        OK(cuMemsetD8Async(pair.near.memory(16), 1, 16, behind));
        OK(cuMemsetD8Async(pair.near.memory(16), 1, 16, free));
        for (int asked = 0; asked < 3; asked++) {
            EXPECT_CODE(CUDA_ERROR_NOT_READY, cuStreamQuery(stuck));
            EXPECT_CODE(CUDA_ERROR_NOT_READY, cuEventQuery(event));
            EXPECT_CODE(CUDA_ERROR_NOT_READY, cuStreamQuery(behind));
        }
        OK(cuStreamSynchronize(free));
        EXPECT(emulatorConfigure("run=all") != nullptr);
        EXPECT(reports().empty());
    }
}

TEST(a_copy_can_hang) {
    const Pair pair("hang@1>0");
    pair.enable();
    const CUstream stream = pair.near.stream();
    OK(cuMemcpyPeerAsync(pair.theirs, pair.far.context, pair.ours, pair.near.context, 16, stream));
    OK(cuStreamSynchronize(stream));
    OK(cuMemcpyPeerAsync(pair.ours, pair.near.context, pair.theirs, pair.far.context, 16, stream));
    EXPECT_CODE(CUDA_ERROR_NOT_READY, cuStreamQuery(stream));
    EXPECT_CODE(CUDA_ERROR_NOT_READY, cuStreamQuery(stream));
}

TEST(who_waits_for_what_hangs_is_freed_by_a_restart_alone) {
    Pair pair("hang");
    pair.enable();
    OK(pair.add(pair.theirs, pair.near.memory(16), pair.near.stream()));
    const long before = waits();
    int answers[3] = {-1, -1, -1};
    std::vector<std::thread> blocked;
    blocked.emplace_back([&] {
        pair.near.use();
        answers[0] = cuCtxSynchronize();
    });
    blocked.emplace_back([&] {
        pair.near.use();
        answers[1] = cuMemFree_v2(pair.ours);
    });
    untilMoreThan(before + 1);
    blocked.emplace_back([&] { answers[2] = cuDevicePrimaryCtxRelease_v2(0); });
    untilMoreThan(before + 2);
    EXPECT(pair.far.download<float>(pair.theirs, 4) == count(4));  // the other device is free
    EXPECT(answers[0] == -1 && answers[1] == -1 && answers[2] == -1);
    configure("restart=now");
    for (std::thread& thread : blocked) {
        thread.join();
    }
    for (const int answer : answers) {
        EXPECT_CODE(CUDA_ERROR_CONTEXT_IS_DESTROYED, answer);
    }
}

TEST(a_process_that_waits_for_what_hangs_can_end) {
    Pair pair("hang");
    pair.enable();
    OK(pair.add(pair.theirs, pair.near.memory(16)));
    const long before = waits();
    std::thread([&] {
        pair.near.use();
        cuCtxSynchronize();
    }).detach();
    untilMoreThan(before);
}

TEST(what_faults_kills_the_device_that_does_it) {
    Pair pair("fault@0>1");
    pair.enable();
    EXPECT(pair.pushArrives());
    OK(pair.add(pair.ours, pair.theirs));
    EXPECT_CODE(CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
    EXPECT_CODE(CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
    EXPECT(pair.far.download<float>(pair.theirs, 4) == count(4));
    EXPECT(emulatorCount("dead") == 1);
    EXPECT(reports().empty());
}

TEST(products_and_fills_go_over_the_same_links_as_kernels) {
    Pair pair("fault@0>1;hang@1>0");
    pair.enable();
    pair.enable(false);
    pair.far.use();
    const CUstream stream = pair.far.stream();
    OK(cuMemsetD8Async(pair.ours, 1, 16, stream));
    EXPECT_CODE(CUDA_ERROR_NOT_READY, cuStreamQuery(stream));
    pair.near.use();
    cublasHandle_t handle = nullptr;
    OK(cublasCreate_v2(&handle));
    const float one = 1;
    OK(cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, &one, reinterpret_cast<void*>(pair.theirs), CUDA_R_32F,
                    2, reinterpret_cast<void*>(pair.ours), CUDA_R_32F, 2, &one, reinterpret_cast<void*>(pair.ours),
                    CUDA_R_32F, 2, CUBLAS_COMPUTE_32F, -1));
    EXPECT_CODE(CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
}

TEST(the_driver_tells_of_a_pair_what_it_believes) {
    for (const auto& [peers, rank, access, atomics] :
         {std::tuple{"all", 1, 1, 0}, {"none", 1, 0, 0}, {"broken", 1, 1, 0}, {"nvlink", 0, 1, 1},
          {"nvlink@0-1;broken@0-1", 0, 1, 1}, {"nvlink@1>0", 1, 1, 0}, {"none;nvlink", 1, 0, 0}}) {
        const Pair pair(peers);
        EXPECT(pair.attribute(1) == rank);
        EXPECT(pair.attribute(2) == access);
        EXPECT(pair.attribute(3) == atomics);
        EXPECT(pair.attribute(4) == access);
    }
    int value = 0;
    EXPECT_CODE(CUDA_ERROR_INVALID_VALUE, cuDeviceGetP2PAttribute(&value, 5, 0, 1));
    EXPECT_CODE(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetP2PAttribute(&value, 3, 1, 1));
}

TEST(bad_rules_are_named) {
    for (const char* peers : {"", "sometimes", "broken@1", "broken@0=1", "broken:x", "all;", "all,none", "hang@0>"}) {
        EXPECT(std::string(emulatorConfigure(("peers=" + std::string(peers)).c_str())).find("expected RULE") !=
               std::string::npos);
    }
}
