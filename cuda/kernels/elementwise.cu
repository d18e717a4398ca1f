// Functions of one element at a time, over matrices whose rows may lie apart.
//
//   apply_f64, apply_f32, apply_f16, apply_bf16   destination = f(source)
//   gate_f64, gate_f32, gate_f16, gate_bf16       destination = f(gate) * up
//
// Named by the destination's dtype; a source has that or its accumulator's. GELU, SiLU and the gate's product are taken
// in f64 and rounded once. A thread takes 16 bytes of the destination's row at a time. Sources may be the destination.
//
// Launch: a matrix whose rows all follow each other without a gap is passed as one row. Blocks of 256 threads; the
// grid's x runs over a row's groups of elements, y over rows, both in strides; at most 16 blocks for each
// multiprocessor, no shared memory; no launch for an empty matrix.

#include "numeric.cuh"

namespace {

enum Function { NONE = 0, RELU = 1, GELU = 2, GELU_TANH = 3, SILU = 4 };

// Rows `stride` elements apart. Mirrored by org.tp4j.device.cuda.ElementwiseKernels.
struct Source {
    const void* elements;
    std::int64_t stride;
    std::int64_t isWide;  // of the accumulator's dtype, not the destination's
};

struct Target {
    void* elements;
    std::int64_t stride;
    std::int64_t rows;
    std::int64_t columns;
};

struct Apply {
    Source source;
    Target target;
    std::int64_t function;
};

struct Gate {
    Source gate;
    Source up;
    Target target;
    std::int64_t function;
};

constexpr double SQRT_HALF = 0.70710678118654757;
constexpr double SQRT_TWO_OVER_PI = 0.79788456080286541;

// As org.tp4j.device.Nonlinearity. At -infinity the limit, -0, which the formulas would make NaN.
// Not inlined: each of the kernels would hold it eight times.
__device__ __attribute__((noinline)) double valueAt(std::int64_t function, double x) {
    if (function >= GELU && x == -HUGE_VAL) {
        return -0.0;
    }
    switch (function) {
        case RELU:
            return x > 0.0 || x != x ? x : 0.0;
        case GELU:
            return 0.5 * x * erfc(-x * SQRT_HALF);
        case GELU_TANH:
            return x / (1.0 + exp(-2.0 * SQRT_TWO_OVER_PI * (x + 0.044715 * x * x * x)));
        case SILU:
            return x / (1.0 + exp(-x));
        default:
            return x;
    }
}

template <typename T, int COUNT>
__device__ Pack<Wide<T>, COUNT> load(const Source& source, std::int64_t row, std::int64_t column) {
    const std::int64_t at = row * source.stride + column;
    Pack<Wide<T>, COUNT> values;
    if (source.isWide != 0) {
        values.load(static_cast<const Wide<T>*>(source.elements) + at);
        return values;
    }
    Pack<T, COUNT> narrow;
    narrow.load(static_cast<const T*>(source.elements) + at);
    for (int i = 0; i < COUNT; i++) {
        values.at[i] = widen(narrow.at[i]);
    }
    return values;
}

// Whether every row of the matrix starts where a pack may.
template <typename T, int COUNT>
__device__ bool isAligned(const void* elements, std::int64_t stride) {
    return Pack<T, COUNT>::fits(elements) && stride * static_cast<std::int64_t>(sizeof(T)) % Pack<T, COUNT>::STEP == 0;
}

template <typename T, int COUNT>
__device__ bool isAligned(const Source& source) {
    return source.isWide != 0 ? isAligned<Wide<T>, COUNT>(source.elements, source.stride)
                              : isAligned<T, COUNT>(source.elements, source.stride);
}

template <typename T>
__device__ T applied(const Apply& task, Wide<T> x) {
    if (task.function == NONE) {
        return narrow<T>(x);
    }
    if (task.function == RELU) {
        return narrow<T>(x > 0 || x != x ? x : Wide<T>(0));
    }
    return narrow<T>(valueAt(task.function, x));
}

template <typename T, int COUNT>
__device__ void run(const Apply& task, std::int64_t row, std::int64_t column) {
    const Pack<Wide<T>, COUNT> source = load<T, COUNT>(task.source, row, column);
    Pack<T, COUNT> results;
    for (int i = 0; i < COUNT; i++) {
        results.at[i] = applied<T>(task, source.at[i]);
    }
    results.store(static_cast<T*>(task.target.elements) + row * task.target.stride + column);
}

template <typename T, int COUNT>
__device__ void run(const Gate& task, std::int64_t row, std::int64_t column) {
    const Pack<Wide<T>, COUNT> gate = load<T, COUNT>(task.gate, row, column);
    const Pack<Wide<T>, COUNT> up = load<T, COUNT>(task.up, row, column);
    Pack<T, COUNT> results;
    for (int i = 0; i < COUNT; i++) {
        const double value = valueAt(task.function, gate.at[i]);
        results.at[i] = narrow<T>(value * static_cast<double>(up.at[i]));
    }
    results.store(static_cast<T*>(task.target.elements) + row * task.target.stride + column);
}

template <typename T, int COUNT>
__device__ bool sourcesAreAligned(const Apply& task) {
    return isAligned<T, COUNT>(task.source);
}

template <typename T, int COUNT>
__device__ bool sourcesAreAligned(const Gate& task) {
    return isAligned<T, COUNT>(task.gate) && isAligned<T, COUNT>(task.up);
}

template <typename T, typename Task>
__device__ void forEachElement(const Task& task) {
    constexpr int COUNT = 16 / sizeof(T);
    const Target& target = task.target;
    const bool aligned = isAligned<T, COUNT>(target.elements, target.stride) && sourcesAreAligned<T, COUNT>(task);
    const std::int64_t threads = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
    const std::int64_t thread = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    for (std::int64_t row = blockIdx.y; row < target.rows; row += gridDim.y) {
        for (std::int64_t column = thread * COUNT; column < target.columns; column += threads * COUNT) {
            if (aligned && column + COUNT <= target.columns) {
                run<T, COUNT>(task, row, column);
                continue;
            }
            for (std::int64_t each = column; each < column + COUNT && each < target.columns; each++) {
                run<T, 1>(task, row, each);
            }
        }
    }
}

}  // namespace

#define KERNELS(dtype, T)                                  \
    extern "C" __global__ void apply_##dtype(Apply task) { \
        forEachElement<T>(task);                           \
    }                                                      \
    extern "C" __global__ void gate_##dtype(Gate task) {   \
        forEachElement<T>(task);                           \
    }

KERNELS(f64, double)
KERNELS(f32, float)
KERNELS(f16, Half)
KERNELS(bf16, Bfloat)
