// Kernels for the emulator's own tests with one bug each. Lanes keep no step: what the hardware of yesterday ordered,
// nothing orders.

extern "C" __global__ void read_one_past(const float* a, float* sum, int count) {
    const int index = static_cast<int>(threadIdx.x);
    if (index < count) {
        sum[index] = a[index + 1];
    }
}

extern "C" __global__ void reverse_without_barrier(float* values) {
    __shared__ float tile[64];
    tile[threadIdx.x] = values[threadIdx.x];
    values[threadIdx.x] = tile[63 - threadIdx.x];
}

// The second round overwrites what a slower thread may still read.
extern "C" __global__ void reverse_twice_without_second_barrier(float* values) {
    __shared__ float tile[64];
    for (int round = 0; round < 2; round++) {
        tile[threadIdx.x] = values[threadIdx.x];
        __syncthreads();
        values[threadIdx.x] = tile[63 - threadIdx.x];
    }
}

extern "C" __global__ void read_unwritten_shared(float* values) {
    __shared__ float tile[64];
    if (threadIdx.x == 0) {
        tile[0] = 1;
    }
    __syncthreads();
    values[threadIdx.x] = tile[threadIdx.x];
}

extern "C" __global__ void leave_before_barrier(float* values, int count) {
    if (static_cast<int>(threadIdx.x) >= count) {
        return;
    }
    __syncthreads();
    values[threadIdx.x] = 1;
}

extern "C" __global__ void shift_in_place(float* values) {
    values[threadIdx.x] = values[threadIdx.x + 1];
}

extern "C" __global__ void all_write_one(float* value) {
    *value = 1;
}

extern "C" __global__ void transpose_without_syncwarp(const float* squares, float* turned) {
    __shared__ float tiles[4][32];
    const unsigned warp = threadIdx.x / warpSize;
    const unsigned lane = threadIdx.x % warpSize;
    tiles[warp][lane] = squares[threadIdx.x];
    turned[threadIdx.x] = tiles[warp][31 - lane];
}

// A shuffle makes lanes meet, but orders no memory.
extern "C" __global__ void shuffle_for_a_fence(float* values) {
    __shared__ float tile[32];
    tile[threadIdx.x] = values[threadIdx.x];
    const int lane = __shfl_xor_sync(0xffffffff, static_cast<int>(threadIdx.x), 31);
    values[threadIdx.x] = tile[lane];
}

extern "C" __global__ void vote_for_a_fence(float* values) {
    const float mine = values[threadIdx.x];
    if (__any_sync(0xffffffff, 1)) {
        values[31 - threadIdx.x] = mine;
    }
}

// Two warps do not meet in a __syncwarp.
extern "C" __global__ void syncwarp_between_warps(float* values) {
    const float mine = values[threadIdx.x];
    __syncwarp();
    values[63 - threadIdx.x] = mine;
}

// The lanes that the masks leave out are not waited for.
extern "C" __global__ void syncwarp_of_halves(float* values) {
    __shared__ float tile[32];
    tile[threadIdx.x] = values[threadIdx.x];
    if (threadIdx.x < 16) {
        __syncwarp(0x0000ffff);
    } else {
        __syncwarp(0xffff0000);
    }
    values[threadIdx.x] = tile[31 - threadIdx.x];
}

extern "C" __global__ void unnamed_lane(int* values, unsigned mask) {
    values[threadIdx.x] = __shfl_sync(mask, values[threadIdx.x], 0);
}

extern "C" __global__ void absent_lane(int* values, int count) {
    if (static_cast<int>(threadIdx.x) < count) {
        __syncwarp();
        values[threadIdx.x] = 1;
    }
}

extern "C" __global__ void lane_in_a_barrier(int* values, int count) {
    if (static_cast<int>(threadIdx.x) < count) {
        values[threadIdx.x] = __shfl_sync(0xffffffff, values[threadIdx.x], 0);
    }
    __syncthreads();
}

extern "C" __global__ void unlike_masks(int* values) {
    const unsigned mask = threadIdx.x < 8 ? 0xffffffff : 0xffffff00 | threadIdx.x;
    values[threadIdx.x] = __shfl_sync(mask | 1u << threadIdx.x, values[threadIdx.x], static_cast<int>(threadIdx.x));
}

extern "C" __global__ void unlike_calls(int* values) {
    int value = values[threadIdx.x];
    if (threadIdx.x % 2 == 0) {
        value = __shfl_down_sync(0xffffffff, value, 1);
    } else {
        value = __shfl_up_sync(0xffffffff, value, 1);
    }
    values[threadIdx.x] = value;
}

extern "C" __global__ void unlike_barriers(int* values) {
    if (threadIdx.x < 32) {
        __syncthreads();
    } else {
        __syncthreads();
    }
    values[threadIdx.x] = 1;
}

// The lower half of a warp reads beyond itself.
extern "C" __global__ void inactive_source(int* values) {
    if (threadIdx.x < 16) {
        values[threadIdx.x] = __shfl_down_sync(0x0000ffff, values[threadIdx.x], 8);
    }
}

extern "C" __global__ void mask_of_the_active(int* values) {
    values[threadIdx.x] = __shfl_sync(__activemask(), values[threadIdx.x], 0);
}

extern "C" __global__ void dynamic_shared_past_its_end(float* values, int index) {
    extern __shared__ __align__(16) float few[];
    few[index] = values[0];
    values[0] = few[index];
}

extern "C" __global__ void dynamic_shared_unwritten(float* values) {
    extern __shared__ float few[];
    values[0] = few[threadIdx.x];
}

extern "C" __global__ void dynamic_shared_race(float* values) {
    extern __shared__ float few[];
    few[threadIdx.x] = values[threadIdx.x];
    values[threadIdx.x] = few[63 - threadIdx.x];
}

struct __align__(32) Eight {
    float at[8];
};

extern "C" __global__ void dynamic_shared_misaligned(float* values) {
    extern __shared__ float few[];
    Eight* eight = reinterpret_cast<Eight*>(few);
    eight->at[0] = values[0];
}

// Right, but for a barrier that orders nothing, so that nobody misses it.
extern "C" __global__ void needless_barrier(float* values) {
    const float mine = values[threadIdx.x];
    __syncthreads();
    values[threadIdx.x] = 2 * mine;
}
