// Sums of matrices over the binary tree, rounded once into every destination.
//
//   reduce_f64   parts f64, destinations f64        reduce_f16    parts f32, destinations f16
//   reduce_f32   parts f32, destinations f32        reduce_bf16   parts f32, destinations bf16
//
// A thread takes the elements [4 i, 4 i + 4) of the matrices (2 of f64: 16 bytes of each part) that lie in the range, and
// from there every so many as the grid has threads. It reads all that it adds before it writes, so that a destination
// may be a part or the residual.
//
// Launch: blocks of 256 threads, one thread for each of those groups of elements, at most 16 blocks for each
// multiprocessor, no shared memory; no launch for an empty range. More than 8 parts, or 8 destinations, take several
// launches through scratch memory of the accumulator's dtype.

#include "numeric.cuh"

namespace {

constexpr int MOST_POINTERS = 8;

// Mirrored by org.tp4j.device.cuda.ReduceKernel.
struct Reduction {
    const void* parts[MOST_POINTERS];
    void* destinations[MOST_POINTERS];
    const void* bias;      // (1, columns), or null
    const void* residual;  // (rows, columns), its rows residualStride elements apart, or null
    std::int64_t from;
    std::int64_t to;
    std::int64_t columns;
    std::int64_t residualStride;
    std::int32_t partCount;
    std::int32_t destinationCount;
    std::int32_t biasIsWide;  // of the accumulator's dtype, not the destination's
    std::int32_t residualIsWide;
};

template <typename T>
__device__ Wide<T> addend(const void* source, bool wide, std::int64_t at) {
    return wide ? static_cast<const Wide<T>*>(source)[at] : widen(static_cast<const T*>(source)[at]);
}

// Neighbours first, an odd last part moves up unchanged: a binary counter whose digit l holds the sum of 2^l parts.
template <typename W, typename Load>
__device__ W treeSum(int count, Load load) {
    W digits[4];
#pragma unroll
    for (int part = 0; part < MOST_POINTERS; part++) {
        if (part < count) {
            W sum = load(part);
            int level = 0;
#pragma unroll
            for (; level < 3 && ((part >> level) & 1) != 0; level++) {
                sum = digits[level] + sum;
            }
            digits[level] = sum;
        }
    }
    bool first = true;
    W sum = 0;
#pragma unroll
    for (int level = 0; level < 4; level++) {
        if (((count >> level) & 1) != 0) {
            sum = first ? digits[level] : digits[level] + sum;
            first = false;
        }
    }
    return sum;
}

// Adds to the sums, which are those of the elements from `at` on, what is added to them.
template <typename T, int COUNT>
__device__ void addAddends(const Reduction& task, std::int64_t at, Pack<Wide<T>, COUNT>& sums) {
    if (task.bias == nullptr && task.residual == nullptr) {
        return;
    }
    std::int64_t row = at / task.columns;
    std::int64_t column = at - row * task.columns;
    for (int i = 0; i < COUNT; i++) {
        if (task.bias != nullptr) {
            sums.at[i] = sums.at[i] + addend<T>(task.bias, task.biasIsWide != 0, column);
        }
        if (task.residual != nullptr) {
            sums.at[i] =
                sums.at[i] + addend<T>(task.residual, task.residualIsWide != 0, row * task.residualStride + column);
        }
        if (++column == task.columns) {
            column = 0;
            row++;
        }
    }
}

template <typename T, int COUNT>
__device__ void reduceGroup(const Reduction& task, std::int64_t at) {
    using W = Wide<T>;
    Pack<W, COUNT> parts[MOST_POINTERS];
#pragma unroll
    for (int part = 0; part < MOST_POINTERS; part++) {
        if (part < task.partCount) {
            parts[part].load(static_cast<const W*>(task.parts[part]) + at);
        }
    }
    Pack<W, COUNT> sums;
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
        sums.at[i] = treeSum<W>(task.partCount, [&](int part) { return parts[part].at[i]; });
    }
    addAddends<T>(task, at, sums);
    Pack<T, COUNT> results;
    for (int i = 0; i < COUNT; i++) {
        results.at[i] = narrow<T>(sums.at[i]);
    }
    for (int i = 0; i < task.destinationCount; i++) {
        results.store(static_cast<T*>(task.destinations[i]) + at);
    }
}

template <typename T, int COUNT>
__device__ bool isAligned(const Reduction& task) {
    bool aligned = true;
    for (int i = 0; i < task.partCount; i++) {
        aligned = aligned && Pack<Wide<T>, COUNT>::fits(task.parts[i]);
    }
    for (int i = 0; i < task.destinationCount; i++) {
        aligned = aligned && Pack<T, COUNT>::fits(task.destinations[i]);
    }
    return aligned;
}

template <typename T>
__device__ void reduce(const Reduction& task) {
    constexpr int COUNT = 16 / sizeof(Wide<T>);
    const bool aligned = isAligned<T, COUNT>(task);
    const std::int64_t threads = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
    const std::int64_t thread = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    const std::int64_t firstGroup = task.from / COUNT;
    for (std::int64_t at = (firstGroup + thread) * COUNT; at < task.to; at += threads * COUNT) {
        if (aligned && at >= task.from && at + COUNT <= task.to) {
            reduceGroup<T, COUNT>(task, at);
            continue;
        }
        for (std::int64_t each = at; each < at + COUNT; each++) {
            if (each >= task.from && each < task.to) {
                reduceGroup<T, 1>(task, each);
            }
        }
    }
}

}  // namespace

extern "C" __global__ void reduce_f64(Reduction task) {
    reduce<double>(task);
}

extern "C" __global__ void reduce_f32(Reduction task) {
    reduce<float>(task);
}

extern "C" __global__ void reduce_f16(Reduction task) {
    reduce<Half>(task);
}

extern "C" __global__ void reduce_bf16(Reduction task) {
    reduce<Bfloat>(task);
}
