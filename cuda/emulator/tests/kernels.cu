// Kernels for the emulator's own tests that are right: no barrier, shuffle or vote can be missing from them.

struct Scale {
    float* values;
    float factor;
    int count;
};

struct __align__(16) Four {
    float at[4];
};

static __device__ int globalThread() {
    return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
}

extern "C" __global__ void scale(Scale task) {
    const int index = globalThread();
    if (index < task.count) {
        task.values[index] *= task.factor;
    }
}

extern "C" __global__ void add(const float* a, const float* b, float* sum, int count) {
    const int index = globalThread();
    if (index < count) {
        sum[index] = a[index] + b[index];
    }
}

extern "C" __global__ void copy_fours(const Four* source, Four* destination) {
    destination[threadIdx.x] = source[threadIdx.x];
}

// Each block reverses 64 values.
extern "C" __global__ void reverse(float* values) {
    __shared__ float tile[64];
    tile[threadIdx.x] = values[threadIdx.x];
    __syncthreads();
    values[threadIdx.x] = tile[63 - threadIdx.x];
}

// Right within a block; two blocks get in each other's way.
extern "C" __global__ void reverse_in_place(float* values) {
    const float mine = values[threadIdx.x];
    __syncthreads();
    values[63 - threadIdx.x] = mine;
}

// Where each thread stands, as x, y, z of the block in the grid and of the thread in the block.
extern "C" __global__ void places(unsigned* out) {
    const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    unsigned* mine = out + 6 * (block * blockDim.x * blockDim.y * blockDim.z + thread);
    mine[0] = blockIdx.x;
    mine[1] = blockIdx.y;
    mine[2] = blockIdx.z;
    mine[3] = threadIdx.x;
    mine[4] = threadIdx.y;
    mine[5] = threadIdx.z;
}

// The sum of a value of each thread, the same in all of them; blocks of any whole number of warps.
static __device__ float sumOverBlock(float value) {
    __shared__ float sums[32];
    for (int distance = 16; distance > 0; distance /= 2) {
        value = value + __shfl_xor_sync(0xffffffff, value, distance);
    }
    if (threadIdx.x % warpSize == 0) {
        sums[threadIdx.x / warpSize] = value;
    }
    __syncthreads();
    float sum = 0;
    for (unsigned warp = 0; warp < blockDim.x / warpSize; warp++) {
        sum = sum + sums[warp];
    }
    __syncthreads();  // the next sum takes the same memory
    return sum;
}

// Each block takes its values' mean from them, twice.
extern "C" __global__ void center(const float* values, float* centered) {
    const float value = values[globalThread()];
    const float once = value - sumOverBlock(value) / static_cast<float>(blockDim.x);
    centered[globalThread()] = once - sumOverBlock(once) / static_cast<float>(blockDim.x);
}

// Each warp turns its square of 8 x 8 values over, in halves: its lower lanes fetch what its upper lanes brought.
extern "C" __global__ void transpose(const float* squares, float* turned) {
    __shared__ float tiles[4][8][9];
    const unsigned warp = threadIdx.x / warpSize;
    const unsigned lane = threadIdx.x % warpSize;
    for (unsigned at = lane; at < 64; at += warpSize) {
        tiles[warp][at / 8][at % 8] = squares[64 * warp + at];
    }
    __syncwarp();
    for (unsigned at = lane; at < 64; at += warpSize) {
        turned[64 * warp + at] = tiles[warp][at % 8][at / 8];
    }
}

// Half of a warp: lanes 0 to 15 pass a value round by way of device memory.
extern "C" __global__ void rotate_half(float* values) {
    const unsigned lane = threadIdx.x % warpSize;
    if (lane < 16) {
        const float mine = values[threadIdx.x];
        __syncwarp(0x0000ffff);
        values[threadIdx.x - lane + (lane + 1) % 16] = mine;
    }
}

// Divides each row by the root of the sum of its squares; a block for each row, with the row's bytes of shared memory.
extern "C" __global__ void normalize(const float* rows, float* normal, int columns) {
    extern __shared__ float row[];
    float squares = 0;
    for (int column = static_cast<int>(threadIdx.x); column < columns; column += static_cast<int>(blockDim.x)) {
        const float value = rows[static_cast<int>(blockIdx.x) * columns + column];
        row[columns - 1 - column] = value;
        squares = __fmaf_rn(value, value, squares);
    }
    const float root = sqrtf(sumOverBlock(squares));
    for (int column = static_cast<int>(threadIdx.x); column < columns; column += static_cast<int>(blockDim.x)) {
        normal[static_cast<int>(blockIdx.x) * columns + column] = row[columns - 1 - column] / root;
    }
}

// What 32 lanes get of each shuffle and vote, one row of 32 for each.
extern "C" __global__ void shuffles(const int* values, int* got, int operand, int width) {
    const int value = values[threadIdx.x];
    const unsigned all = 0xffffffff;
    int* mine = got + threadIdx.x;
    mine[0] = __shfl_sync(all, value, operand, width);
    mine[32] = __shfl_up_sync(all, value, static_cast<unsigned>(operand), width);
    mine[64] = __shfl_down_sync(all, value, static_cast<unsigned>(operand), width);
    mine[96] = __shfl_xor_sync(all, value, operand, width);
}

extern "C" __global__ void votes(const int* values, int* got) {
    const int value = values[threadIdx.x];
    int* mine = got + threadIdx.x;
    mine[0] = static_cast<int>(__ballot_sync(0xffffffff, value));
    mine[32] = __any_sync(0xffffffff, value);
    mine[64] = __all_sync(0xffffffff, value);
    mine[96] = static_cast<int>(__activemask() >> threadIdx.x & 1);
}

// Values of every type that can be shuffled, and whether the neighbor's came whole.
extern "C" __global__ void shuffle_types(int* right) {
    const unsigned all = 0xffffffff;
    const int lane = static_cast<int>(threadIdx.x);
    const int next = (lane + 1) % 32;
    const unsigned odd = __shfl_sync(all, 0x80000001u * static_cast<unsigned>(lane), lane + 1);
    const long long far = __shfl_sync(all, -(1LL << 40) * lane, lane + 1);
    const unsigned long long high = __shfl_sync(all, 0xffffffff00000000ull + static_cast<unsigned>(lane), lane + 1);
    const float tenth = __shfl_sync(all, 0.1f * static_cast<float>(lane), lane + 1);
    const double third = __shfl_sync(all, static_cast<double>(lane) / 3, lane + 1);
    right[lane] = odd == 0x80000001u * static_cast<unsigned>(next) && far == -(1LL << 40) * next &&
                  high == 0xffffffff00000000ull + static_cast<unsigned>(next) &&
                  tenth == 0.1f * static_cast<float>(next) && third == static_cast<double>(next) / 3;
}

// What CUDA rounds once, and what it does not; of floats and of doubles.
extern "C" __global__ void arithmetic(const float* operands, float* results, double* wide) {
    const float a = operands[0];
    const float b = operands[1];
    const float c = operands[2];
    results[0] = __fmaf_rn(a, b, c);
    results[1] = fma(a, b, c);
    results[2] = a * b + c;
    results[3] = __fadd_rn(__fmul_rn(a, b), c);
    results[4] = sqrtf(a);
    results[5] = sqrt(a);
    results[6] = __fsqrt_rn(a);
    results[7] = rsqrtf(a);
    results[8] = exp(a);
    results[9] = __expf(a);
    results[10] = fmaxf(a, fminf(b, c));
    wide[0] = __fma_rn(static_cast<double>(a), 1.0 + 0x1p-52, -static_cast<double>(a));
    wide[1] = sqrt(static_cast<double>(a));
}
