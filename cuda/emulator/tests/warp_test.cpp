// What lanes of a warp do together, and what they may not.

#include "machine.h"

#include <numeric>

using namespace testing;

namespace {

/** Seeds in which threads run in various orders. */
const std::vector<std::string> orders = {"eager", "random:1", "random:2", "random:3"};

std::vector<int> lanes(unsigned count = 32) {
    std::vector<int> values(count);
    std::iota(values.begin(), values.end(), 0);
    return values;
}

/** Runs a kernel of one block on 0, 1, 2, ...; fails unless the device dies of it. */
template <typename Value, typename... Arguments>
void expectMisdeed(const char* kernel, const std::vector<Value>& values, Arguments... arguments) {
    Machine machine;
    OK(machine.launch(kernel, nullptr, 1, static_cast<unsigned>(values.size()), machine.upload(values), arguments...));
    EXPECT_CODE(CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
}

/** What a device says that died of a race in shared memory. */
void expectSharedRace(const char* kernel, unsigned threads) {
    Machine machine;
    const CUdeviceptr values = machine.upload(count(threads));
    OK(machine.launch(kernel, nullptr, 1, threads, values));
    EXPECT(cuCtxSynchronize() != CUDA_SUCCESS);
    const std::string found = reports();
    EXPECT(found.find("shared-memory race") != std::string::npos ||
           found.find("reads shared memory that no thread of its block wrote") != std::string::npos);
}

void expectDeviceRace(const char* kernel, unsigned threads) {
    Machine machine;
    OK(machine.launch(kernel, nullptr, 1, threads, machine.upload(count(threads))));
    OK(cuCtxSynchronize());
    EXPECT(reported("race: thread"));
}

/** The lane that a lane's value comes from, by the words of the programming guide. */
int source(int which, int lane, int operand, int width) {
    const int first = lane / width * width;
    switch (which) {
        case 0:
            return first + operand % width;
        case 1:
            return lane - operand < first ? lane : lane - operand;
        case 2:
            return lane + operand >= first + width ? lane : lane + operand;
        default:
            return (lane ^ operand) >= first + width ? lane : lane ^ operand;
    }
}

}  // namespace

TEST(shuffles_fetch_what_the_guide_says) {
    Machine machine;
    std::vector<int> values(32);
    for (int lane = 0; lane < 32; lane++) {
        values[static_cast<std::size_t>(lane)] = 1000 + 7 * lane;
    }
    const CUdeviceptr from = machine.upload(values);
    const CUdeviceptr to = machine.memory(4 * 128);
    for (int width = 1; width <= 32; width *= 2) {
        for (int operand = 0; operand < 32; operand++) {
            OK(machine.launch("shuffles", nullptr, 1, 32, from, to, operand, width));
            const std::vector<int> got = machine.download<int>(to, 128);
            for (int each = 0; each < 128; each++) {
                EXPECT(got[static_cast<std::size_t>(each)] ==
                       1000 + 7 * source(each / 32, each % 32, operand, width));
            }
        }
    }
    EXPECT(reports().empty());
}

TEST(a_distance_is_less_than_a_warp) {
    Machine machine;
    expectMisdeed("shuffles", lanes(), machine.memory(512), 37, 8);
    EXPECT(reported("with a distance of 37"));
}

TEST(a_width_is_a_power_of_two) {
    for (const int width : {0, 3, 64, -8}) {
        Machine machine;
        expectMisdeed("shuffles", lanes(), machine.memory(512), 1, width);
        EXPECT(reported("with width " + std::to_string(width)));
        configure("restart=now");
    }
}

TEST(every_type_is_shuffled_whole) {
    Machine machine;
    const CUdeviceptr right = machine.memory(128);
    OK(machine.launch("shuffle_types", nullptr, 1, 32, right));
    EXPECT(machine.download<int>(right, 32) == std::vector<int>(32, 1));
    EXPECT(reports().empty());
}

TEST(votes_count_what_the_lanes_say) {
    Machine machine;
    const CUdeviceptr to = machine.memory(512);
    const auto vote = [&](unsigned ballot) {
        std::vector<int> values(32);
        for (unsigned lane = 0; lane < 32; lane++) {
            values[lane] = (ballot >> lane & 1) != 0 ? -5 : 0;
        }
        OK(machine.launch("votes", nullptr, 1, 32, machine.upload(values), to));
        const std::vector<int> got = machine.download<int>(to, 128);
        for (std::size_t lane = 0; lane < 32; lane++) {
            EXPECT(static_cast<unsigned>(got[lane]) == ballot);
            EXPECT(got[32 + lane] == (ballot != 0) && got[64 + lane] == (ballot == 0xffffffff));
            EXPECT(got[96 + lane] == 1);  // whoever asks is active
        }
    };
    for (const unsigned ballot : {0u, 1u, 0x80000000u, 0xdeadbeefu, 0xffffffffu}) {
        vote(ballot);
    }
    EXPECT(reports().empty());
}

TEST(right_programs_give_the_same_in_every_order) {
    for (const std::string& order : orders) {
        Machine machine(order);
        const CUdeviceptr values = machine.upload(count(256));
        const CUdeviceptr to = machine.memory(1024);
        OK(machine.launch("center", nullptr, 2, 128, values, to));
        std::vector<float> got = machine.download<float>(to, 256);
        for (std::size_t index = 0; index < 256; index++) {
            EXPECT(got[index] == static_cast<float>(index % 128) - 63.5f);
        }
        OK(machine.launch("transpose", nullptr, 1, 128, values, to));
        got = machine.download<float>(to, 256);
        for (std::size_t index = 0; index < 256; index++) {
            EXPECT(got[index] == static_cast<float>(index / 64 * 64 + index % 8 * 8 + index / 8 % 8));
        }
        OK(machine.launch("rotate_half", nullptr, 1, 64, values));
        got = machine.download<float>(values, 64);
        EXPECT(got[0] == 15 && got[1] == 0 && got[16] == 16 && got[32] == 47 && got[33] == 32);
        OK(cuCtxSynchronize());
        EXPECT(reports().empty());
    }
}

TEST(lanes_do_not_keep_step_and_their_order_differs) {
    std::vector<std::string> found;
    for (const std::string& order : orders) {
        Machine machine(order);
        OK(machine.launch("all_write_one", nullptr, 1, 64, machine.memory(4)));
        OK(cuCtxSynchronize());
        found.push_back(reports());
        EXPECT(found.back().find("race: thread") != std::string::npos);
    }
    EXPECT(found[1] != found[2] || found[2] != found[3]);
}

TEST(what_only_lockstep_would_order_is_reported) {
    expectSharedRace("transpose_without_syncwarp", 128);
}

TEST(a_shuffle_orders_no_memory) {
    expectSharedRace("shuffle_for_a_fence", 32);
}

TEST(a_vote_orders_no_memory) {
    expectDeviceRace("vote_for_a_fence", 32);
}

TEST(a_syncwarp_orders_no_other_warp) {
    expectDeviceRace("syncwarp_between_warps", 64);
}

TEST(a_syncwarp_orders_no_lane_that_it_does_not_name) {
    expectSharedRace("syncwarp_of_halves", 32);
}

TEST(a_lane_names_itself) {
    expectMisdeed("unnamed_lane", lanes(), 0x7fffffffu);
    EXPECT(reported("which does not name its lane 31"));
}

TEST(a_lane_that_has_ended_is_not_waited_for) {
    expectMisdeed("absent_lane", lanes(), 31);
    EXPECT(reported("for lane 31, which has ended"));
}

TEST(a_lane_that_a_block_lacks_is_not_waited_for) {
    expectMisdeed("absent_lane", lanes(40), 40);
    EXPECT(reported("for lane 8, which does not exist"));
}

TEST(a_lane_that_waits_in_a_barrier_is_not_waited_for) {
    expectMisdeed("lane_in_a_barrier", lanes(), 20);
    EXPECT(reported("which waits in __syncthreads (bugs.cu:"));
}

TEST(lanes_come_with_the_same_mask) {
    expectMisdeed("unlike_masks", lanes());
    const std::string found = reports();
    EXPECT(found.find("__shfl_sync with mask 0x") != std::string::npos);
    EXPECT(found.find("which names it") != std::string::npos || found.find("for lane") != std::string::npos);
}

TEST(lanes_come_to_the_same_call) {
    expectMisdeed("unlike_calls", lanes());
    EXPECT(reported("which names it"));
}

TEST(a_block_comes_to_the_same_barrier) {
    expectMisdeed("unlike_barriers", lanes(64));
    EXPECT(reported("the block must meet in one"));
}

TEST(a_lane_that_takes_no_part_is_not_read) {
    expectMisdeed("inactive_source", lanes());
    EXPECT(reported("which does not name it"));
}

TEST(the_active_lanes_are_no_mask_for_others) {
    expectMisdeed("mask_of_the_active", lanes());
    EXPECT(reported("reads lane 0 in __shfl_sync"));
}
