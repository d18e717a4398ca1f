// convert_FROM_TO for any two of f64, f32, f16 and bf16: destination = source, each element rounded once. The rows of
// both may lie apart. What an upload into another dtype runs: its source is the host's bytes as they came.
//
// Launch: a matrix whose rows all follow each other without a gap is passed as one row. Blocks of 256 threads; the
// grid's x runs over a row's groups of 4 elements, y over rows, both in strides; at most 16 blocks for each
// multiprocessor, no shared memory; no launch for an empty matrix.

#include "numeric.cuh"

namespace {

constexpr int COUNT = 4;

// Mirrored by org.tp4j.device.cuda.ElementwiseKernels.
struct Conversion {
    const void* source;
    void* destination;
    std::int64_t sourceStride;
    std::int64_t destinationStride;
    std::int64_t rows;
    std::int64_t columns;
};

template <typename From, typename To>
__device__ bool isAligned(const Conversion& task) {
    return Pack<From, COUNT>::fits(task.source) && Pack<To, COUNT>::fits(task.destination) &&
           task.sourceStride * static_cast<std::int64_t>(sizeof(From)) % Pack<From, COUNT>::STEP == 0 &&
           task.destinationStride * static_cast<std::int64_t>(sizeof(To)) % Pack<To, COUNT>::STEP == 0;
}

template <typename From, typename To>
__device__ void convert(const Conversion& task) {
    const bool aligned = isAligned<From, To>(task);
    const std::int64_t threads = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
    const std::int64_t thread = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    for (std::int64_t row = blockIdx.y; row < task.rows; row += gridDim.y) {
        const From* source = static_cast<const From*>(task.source) + row * task.sourceStride;
        To* destination = static_cast<To*>(task.destination) + row * task.destinationStride;
        for (std::int64_t column = thread * COUNT; column < task.columns; column += threads * COUNT) {
            if (aligned && column + COUNT <= task.columns) {
                Pack<From, COUNT> from;
                Pack<To, COUNT> to;
                from.load(source + column);
                for (int i = 0; i < COUNT; i++) {
                    to.at[i] = narrow<To>(widen(from.at[i]));
                }
                to.store(destination + column);
                continue;
            }
            for (std::int64_t each = column; each < column + COUNT && each < task.columns; each++) {
                destination[each] = narrow<To>(widen(source[each]));
            }
        }
    }
}

}  // namespace

#define KERNEL(from, From, to, To)                                          \
    extern "C" __global__ void convert_##from##_##to(Conversion task) {     \
        convert<From, To>(task);                                            \
    }

KERNEL(f64, double, f32, float)
KERNEL(f64, double, f16, Half)
KERNEL(f64, double, bf16, Bfloat)
KERNEL(f32, float, f64, double)
KERNEL(f32, float, f16, Half)
KERNEL(f32, float, bf16, Bfloat)
KERNEL(f16, Half, f64, double)
KERNEL(f16, Half, f32, float)
KERNEL(f16, Half, bf16, Bfloat)
KERNEL(bf16, Bfloat, f64, double)
KERNEL(bf16, Bfloat, f32, float)
KERNEL(bf16, Bfloat, f16, Half)
