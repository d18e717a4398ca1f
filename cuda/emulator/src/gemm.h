// Matrix products as cuBLAS makes them: right, but in an order of its own.
#pragma once

#include "cublas_types.h"
#include "emulator.h"

#include <cstdint>

namespace emulator {

/** op(A) or op(B), column-major. */
struct Factor {
    Address begin;
    bool transposed;
    std::int64_t ld;
    std::int64_t stride;
};

/** C = alpha op(A) op(B) + beta C for each of a batch; all factors of one dtype. */
struct Gemm {
    std::int64_t m;
    std::int64_t n;
    std::int64_t k;
    std::int64_t batch;
    Factor a;
    Factor b;
    Address c;
    std::int64_t ldc;
    std::int64_t strideC;
    cudaDataType_t input;
    cudaDataType_t output;
    double alpha;
    double beta;
    /** f32 factors are read with ten bits of fraction. */
    bool tf32;
    /** Partial sums are rounded to the output's dtype before they are added. */
    bool roundPartials;
    Address workspace;
    std::uint64_t workspaceBytes;
    /** The device's. */
    int capability;
    int multiprocessors;
};

std::size_t bytesOf(cudaDataType_t type);

/** How the sums of a part of a product are cut: depends on the call's numbers, the kind of device and the part alone,
 * as hardware's choice does. */
struct Plan {
    /** Rows and columns of a part. */
    static constexpr std::int64_t tile = 64;


    /** Into how many pieces k is cut, each summed by itself. */
    int splits;
    /** Into how many interleaved sums each piece goes: a power of two up to 8. */
    int lanes;

    /** Of the part that an element of the result is in. */
    static Plan of(const Gemm& gemm, std::int64_t row, std::int64_t column);
};

/** Does the product, telling of every byte that it touches. */
void multiply(const Gemm& gemm, Accesses& accesses);

}  // namespace emulator
