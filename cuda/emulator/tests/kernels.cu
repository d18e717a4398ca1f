// Kernels for the emulator's own tests: right ones, and ones with one bug each.

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

extern "C" __global__ void read_one_past(const float* a, float* sum, int count) {
    const int index = globalThread();
    if (index < count) {
        sum[index] = a[index + 1];
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
    values[globalThread()] = values[globalThread() + 1];
}

extern "C" __global__ void all_write_one(float* value) {
    *value = 1;
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
