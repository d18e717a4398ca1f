// Products: right to the last bit where the numbers allow it, and no kinder than hardware where they do not.

#include "gemm.h"
#include "machine.h"
#include "numbers.h"

#include <cmath>
#include <cstring>
#include <random>
#include <tuple>

using namespace testing;

namespace {

struct Shape {
    int m;
    int n;
    int k;
};

/** A handle on a stream with a workspace of its own. */
struct Blas {
    explicit Blas(const Machine& machine, std::size_t workspaceBytes = 1 << 20)
        : machine(machine), stream(machine.stream()) {
        OK(cublasCreate_v2(&handle));
        OK(cublasSetStream_v2(handle, stream));
        workspace = machine.memory(workspaceBytes);
        OK(cublasSetWorkspace_v2(handle, reinterpret_cast<void*>(workspace), workspaceBytes));
        OK(cublasSetMathMode(handle, CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION));
    }

    const Machine& machine;
    CUstream stream;
    cublasHandle_t handle = nullptr;
    CUdeviceptr workspace;
};

std::vector<std::byte> encode(cudaDataType_t type, const std::vector<double>& values) {
    std::vector<std::byte> bytes(values.size() * emulator::bytesOf(type));
    for (std::size_t index = 0; index < values.size(); index++) {
        std::byte* at = bytes.data() + index * emulator::bytesOf(type);
        const auto single = static_cast<float>(values[index]);
        const std::uint16_t half = type == CUDA_R_16F ? emulator::toFloat16(single) : emulator::toBFloat16(single);
        const void* from = type == CUDA_R_64F   ? static_cast<const void*>(&values[index])
                           : type == CUDA_R_32F ? static_cast<const void*>(&single)
                                                : static_cast<const void*>(&half);
        std::memcpy(at, from, emulator::bytesOf(type));
    }
    return bytes;
}

double decode(cudaDataType_t type, const std::byte* at) {
    if (type == CUDA_R_64F) {
        double value;
        std::memcpy(&value, at, 8);
        return value;
    }
    if (type == CUDA_R_32F) {
        float value;
        std::memcpy(&value, at, 4);
        return static_cast<double>(value);
    }
    std::uint16_t half;
    std::memcpy(&half, at, 2);
    return static_cast<double>(type == CUDA_R_16F ? emulator::fromFloat16(half) : emulator::fromBFloat16(half));
}

std::vector<double> integers(std::mt19937& random, std::size_t count) {
    std::vector<double> values(count);
    for (double& value : values) {
        value = static_cast<double>(random() % 5) - 2;
    }
    return values;
}

cublasStatus_t product(const Blas& blas, const Shape& shape, bool transposeA, bool transposeB, CUdeviceptr a, int lda,
                       CUdeviceptr b, int ldb, CUdeviceptr c, int ldc, cudaDataType_t in, cudaDataType_t out,
                       cublasComputeType_t compute = CUBLAS_COMPUTE_32F_PEDANTIC, double scale = 1, double keep = 0) {
    const bool wide = in == CUDA_R_64F;
    const float alpha = static_cast<float>(scale);
    const float beta = static_cast<float>(keep);
    return cublasGemmEx(blas.handle, transposeA ? CUBLAS_OP_T : CUBLAS_OP_N, transposeB ? CUBLAS_OP_T : CUBLAS_OP_N,
                        shape.m, shape.n, shape.k, wide ? static_cast<void*>(&scale) : const_cast<float*>(&alpha),
                        reinterpret_cast<void*>(a), in, lda, reinterpret_cast<void*>(b), in, ldb,
                        wide ? static_cast<void*>(&keep) : const_cast<float*>(&beta), reinterpret_cast<void*>(c), out,
                        ldc, wide ? CUBLAS_COMPUTE_64F : compute, -1);
}

/** Small integers, of which every sum is exact: compares each element with its definition. */
void checkExact(const Blas& blas, const Shape& shape, bool transposeA, bool transposeB, cudaDataType_t in,
                cudaDataType_t out) {
    std::mt19937 random(static_cast<unsigned>(shape.m * 7 + shape.n * 5 + shape.k));
    const int lda = (transposeA ? shape.k : shape.m) + 3;
    const int ldb = (transposeB ? shape.n : shape.k) + 2;
    const int ldc = shape.m + 1;
    const auto sizeA = static_cast<std::size_t>(lda * std::max(transposeA ? shape.m : shape.k, 1));
    const auto sizeB = static_cast<std::size_t>(ldb * std::max(transposeB ? shape.k : shape.n, 1));
    const std::vector<double> a = integers(random, sizeA);
    const std::vector<double> b = integers(random, sizeB);
    const std::vector<double> c = integers(random, static_cast<std::size_t>(ldc * shape.n));
    const CUdeviceptr deviceC = blas.machine.upload(encode(out, c));
    OK(product(blas, shape, transposeA, transposeB, blas.machine.upload(encode(in, a)), lda,
               blas.machine.upload(encode(in, b)), ldb, deviceC, ldc, in, out, CUBLAS_COMPUTE_32F_PEDANTIC, 2, 3));
    const auto bytes = blas.machine.download<std::byte>(deviceC, c.size() * emulator::bytesOf(out));
    for (int column = 0; column < shape.n; column++) {
        for (int row = 0; row < ldc; row++) {
            const auto place = static_cast<std::size_t>(column * ldc + row);
            double expected = 0;
            for (int at = 0; at < shape.k; at++) {
                expected +=
                    a[static_cast<std::size_t>(transposeA ? std::min(row, shape.m - 1) * lda + at : at * lda + row)] *
                    b[static_cast<std::size_t>(transposeB ? at * ldb + column : column * ldb + at)];
            }
            expected = row < shape.m ? 2 * expected + 3 * c[place] : c[place];
            EXPECT(decode(out, &bytes[place * emulator::bytesOf(out)]) == expected);
        }
    }
}

/** f32 products of the same random numbers; what the plan depends on is varied around it. */
struct Reals {
    explicit Reals(const Machine& machine) {
        std::mt19937 random(1);
        std::uniform_real_distribution<float> even(-1, 1);
        std::vector<float> values(64 * 700);
        for (float& value : values) {
            value = even(random);
        }
        a = machine.upload(values);
        b = machine.upload(values);
    }
    CUdeviceptr a;
    CUdeviceptr b;
};

std::vector<float> realProduct(const Blas& blas, const Reals& reals, const Shape& shape, int offset = 0) {
    const CUdeviceptr c =
        blas.machine.memory(static_cast<std::size_t>(shape.m * shape.n) * 4 + 256) + static_cast<CUdeviceptr>(offset);
    OK(product(blas, shape, true, false, reals.a, 700, reals.b, 700, c, shape.m, CUDA_R_32F, CUDA_R_32F));
    return blas.machine.download<float>(c, static_cast<std::size_t>(shape.m * shape.n));
}

}  // namespace

TEST(products_of_integers_are_exact) {
    const Machine machine;
    const Blas blas(machine);
    const std::pair<cudaDataType_t, cudaDataType_t> types[] = {{CUDA_R_64F, CUDA_R_64F}, {CUDA_R_32F, CUDA_R_32F},
                                                               {CUDA_R_16F, CUDA_R_32F}, {CUDA_R_16BF, CUDA_R_32F},
                                                               {CUDA_R_16F, CUDA_R_16F}, {CUDA_R_16BF, CUDA_R_16BF}};
    for (const auto& [in, out] : types) {
        for (const Shape& shape : {Shape{1, 1, 1}, Shape{5, 3, 7}, Shape{16, 9, 33}, Shape{2, 17, 0}}) {
            for (const bool transposeA : {false, true}) {
                for (const bool transposeB : {false, true}) {
                    checkExact(blas, shape, transposeA, transposeB, in, out);
                }
            }
        }
    }
    EXPECT(reports().empty());
}

TEST(a_batch_is_many_products) {
    const Machine machine;
    const Blas blas(machine);
    const CUdeviceptr a = machine.upload(count(12));  // two of (2, 3), column-major
    const CUdeviceptr b = machine.upload(count(3));   // one of (3, 1), for both
    const CUdeviceptr c = machine.memory(16);
    const float one = 1;
    const float zero = 0;
    OK(cublasGemmStridedBatchedEx(blas.handle, CUBLAS_OP_N, CUBLAS_OP_N, 2, 1, 3, &one, reinterpret_cast<void*>(a),
                                  CUDA_R_32F, 2, 6, reinterpret_cast<void*>(b), CUDA_R_32F, 3, 0, &zero,
                                  reinterpret_cast<void*>(c), CUDA_R_32F, 2, 2, 2, CUBLAS_COMPUTE_32F, -1));
    const std::vector<float> expected = {10, 13, 28, 31};
    EXPECT(machine.download<float>(c, 4) == expected);
}

TEST(equal_calls_give_equal_bits_and_others_need_not) {
    const Machine machine;
    const Blas blas(machine);
    const Reals reals(machine);
    const Shape shape{8, 8, 699};
    const std::vector<float> first = realProduct(blas, reals, shape);
    EXPECT(realProduct(blas, reals, shape) == first);
    int others = 0;
    for (int offset = 4; offset <= 128; offset *= 2) {
        others += realProduct(blas, reals, shape, offset) != first;
    }
    EXPECT(others > 0);  // the alignment of one pointer decides
    others = 0;
    for (std::size_t workspace = 1024; workspace < 1 << 19; workspace *= 2) {
        others += realProduct(Blas(machine, workspace), reals, shape) != first;
    }
    EXPECT(others > 0);  // the size of the workspace decides
    others = 0;
    for (int more = 1; more < 8; more++) {
        std::vector<float> wider = realProduct(blas, reals, {8, 8 + more, 699});
        wider.resize(first.size());
        others += wider != first;
    }
    EXPECT(others > 0);  // how many columns beside these there are decides
}

namespace {

/** How many of some products differ in a bit between two devices. */
int differences(int one, int other) {
    int differing = 0;
    std::vector<std::vector<float>> results[2];
    for (const bool second : {false, true}) {
        const Machine machine("eager", second ? other : one);
        const Blas blas(machine);
        const Reals reals(machine);
        for (int m = 1; m <= 12; m++) {
            results[second].push_back(realProduct(blas, reals, {m, 8, 699}));
        }
    }
    for (std::size_t each = 0; each < results[0].size(); each++) {
        differing += results[0][each] != results[1][each];
    }
    return differing;
}

}  // namespace

TEST(like_devices_give_equal_bits_and_unlike_ones_do_not) {
    configure("capability=80;80;89;80");
    configure("multiprocessors=108;108;108;64");
    EXPECT(differences(0, 1) == 0);
    EXPECT(differences(0, 2) > 0);
    EXPECT(differences(0, 3) > 0);
}

TEST(the_order_of_a_sum_depends_on_where_in_the_result_it_is) {
    const Machine machine;
    const Blas blas(machine);
    const Reals reals(machine);
    constexpr int k = 699;
    const CUdeviceptr row = reals.a;
    int differing = 0;
    for (int n = 65; n <= 72; n++) {
        // All rows of A are one row, and all columns of B one column: all elements are one sum.
        std::vector<float> all(static_cast<std::size_t>(130 * k));
        const std::vector<float> one = machine.download<float>(row, k);
        for (std::size_t at = 0; at < all.size(); at++) {
            all[at] = one[at % k];
        }
        const CUdeviceptr factor = machine.upload(all);
        const CUdeviceptr c = machine.memory(static_cast<std::size_t>(130 * n) * 4);
        OK(product(blas, {130, n, k}, true, false, factor, k, factor, k, c, 130, CUDA_R_32F, CUDA_R_32F));
        const std::vector<float> result = machine.download<float>(c, static_cast<std::size_t>(130 * n));
        for (int column = 0; column < n; column++) {
            for (int at = 0; at < 130; at++) {
                const int first = at / 64 * 64 + column / 64 * 64 * 130;
                const auto place = static_cast<std::size_t>(column * 130 + at);
                EXPECT(result[place] == result[static_cast<std::size_t>(first)]);  // within a tile none differs
                differing += result[place] != result[0];
            }
        }
    }
    EXPECT(differing > 0);
}

TEST(a_cublas_that_loads_need_not_multiply) {
    const Machine machine;
    const Blas blas(machine);
    const CUdeviceptr a = machine.upload(count(16));
    const auto answer = [&] {
        return product(blas, {4, 4, 4}, true, false, a, 4, a, 4, machine.memory(64), 4, CUDA_R_32F, CUDA_R_32F);
    };
    cublasHandle_t handle = nullptr;
    configure("cublas=not-initialized");
    EXPECT_CODE(CUBLAS_STATUS_NOT_INITIALIZED, cublasCreate_v2(&handle));
    configure("cublas=not-supported");
    OK(cublasCreate_v2(&handle));
    EXPECT_CODE(CUBLAS_STATUS_NOT_SUPPORTED, answer());
    configure("cublas=execution-failed");
    EXPECT_CODE(CUBLAS_STATUS_EXECUTION_FAILED, answer());
    configure("cublas=ok");
    OK(answer());
}

TEST(cublas_says_the_version_that_it_is_told_and_needs_a_driver_as_new) {
    const Machine machine;
    for (const auto& [set, major, minor, patch] :
         {std::tuple{"120301", 12, 3, 1}, {"120603", 12, 6, 3}, {"130000", 13, 0, 0}}) {
        configure("cublas-version=" + std::string(set));
        int version = 0;
        OK(cublasGetVersion_v2(nullptr, &version));
        EXPECT(version == std::stoi(set));
        const int parts[] = {major, minor, patch};
        for (const auto property : {MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL}) {
            int value = -1;
            OK(cublasGetProperty(property, &value));
            EXPECT(value == parts[property]);
        }
        EXPECT(cublasGetCudartVersion() == static_cast<std::size_t>(major * 1000 + minor * 10));
        cublasHandle_t handle = nullptr;
        configure("driver=12000");
        EXPECT_CODE(major == 12 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_INITIALIZED, cublasCreate_v2(&handle));
        configure("driver=13000");
        OK(cublasCreate_v2(&handle));
    }
}

TEST(a_shared_workspace_is_a_race) {
    for (const bool shared : {false, true}) {
        const Machine machine("eager");
        const Blas first(machine);
        const Blas second(machine);
        if (shared) {
            OK(cublasSetWorkspace_v2(second.handle, reinterpret_cast<void*>(first.workspace), 1 << 20));
        }
        const CUdeviceptr a = machine.upload(count(64));
        OK(product(first, {4, 4, 4}, true, false, a, 4, a, 4, machine.memory(64), 4, CUDA_R_32F, CUDA_R_32F));
        OK(product(second, {4, 4, 4}, true, false, a, 4, a, 4, machine.memory(64), 4, CUDA_R_32F, CUDA_R_32F));
        EXPECT(reported("race") == shared);
    }
}

TEST(setting_the_stream_takes_the_workspace_away) {
    const Machine machine("eager");
    const Blas blas(machine);
    OK(cublasSetStream_v2(blas.handle, blas.stream));
    OK(cuMemFree_v2(blas.workspace));
    const CUdeviceptr a = machine.upload(count(64));
    OK(product(blas, {4, 4, 4}, true, false, a, 4, a, 4, machine.memory(64), 4, CUDA_R_32F, CUDA_R_32F));
    OK(cuStreamSynchronize(blas.stream));
    EXPECT(reports().empty());
}

TEST(partial_sums_are_rounded_to_the_output_unless_that_is_disallowed) {
    const Machine machine;
    int differing = 0;
    for (int k = 64; k < 80; k++) {
        const Blas blas(machine);
        // 2048 + 1 + 1 ...: in f16 every 1 is lost to a partial sum above 2048, in f32 none is.
        std::vector<double> ones(static_cast<std::size_t>(k), 1);
        std::vector<double> row = ones;
        row[0] = 2048;
        const CUdeviceptr a = machine.upload(encode(CUDA_R_16F, row));
        const CUdeviceptr b = machine.upload(encode(CUDA_R_16F, ones));
        std::vector<std::uint16_t> results[2];
        for (const bool disallow : {true, false}) {
            OK(cublasSetMathMode(blas.handle,
                                 disallow ? CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION : CUBLAS_DEFAULT_MATH));
            const CUdeviceptr c = machine.memory(2);
            OK(product(blas, {1, 1, k}, true, false, a, k, b, k, c, 1, CUDA_R_16F, CUDA_R_16F, CUBLAS_COMPUTE_32F));
            results[disallow] = machine.download<std::uint16_t>(c, 1);
        }
        EXPECT(results[1][0] == emulator::toFloat16(static_cast<float>(2047 + k)));
        differing += results[0] != results[1];
    }
    EXPECT(differing > 0);
}

TEST(tf32_is_used_where_it_is_allowed_only) {
    const Machine machine;
    const Blas blas(machine);
    const CUdeviceptr a = machine.upload(std::vector<float>{4097});
    const CUdeviceptr b = machine.upload(std::vector<float>{1});
    const CUdeviceptr c = machine.memory(4);
    for (const auto& [compute, expected] : {std::pair{CUBLAS_COMPUTE_32F_PEDANTIC, 4097.0f},
                                            {CUBLAS_COMPUTE_32F, 4097.0f},
                                            {CUBLAS_COMPUTE_32F_FAST_TF32, 4096.0f}}) {
        OK(product(blas, {1, 1, 1}, false, false, a, 1, b, 1, c, 1, CUDA_R_32F, CUDA_R_32F, compute));
        EXPECT(machine.download<float>(c, 1)[0] == expected);
    }
}

TEST(bad_calls_are_refused) {
    const Machine machine;
    const Blas blas(machine);
    const CUdeviceptr a = machine.upload(count(64));
    const auto answer = [&](const Shape& shape, int lda, int ldb, int ldc, CUdeviceptr from) {
        return product(blas, shape, true, false, from, lda, a, ldb, machine.memory(256), ldc, CUDA_R_32F, CUDA_R_32F);
    };
    OK(answer({4, 4, 4}, 4, 4, 4, a));
    EXPECT_CODE(CUBLAS_STATUS_INVALID_VALUE, answer({4, 4, 4}, 3, 4, 4, a));
    EXPECT_CODE(CUBLAS_STATUS_INVALID_VALUE, answer({4, 4, 4}, 4, 3, 4, a));
    EXPECT_CODE(CUBLAS_STATUS_INVALID_VALUE, answer({4, 4, 4}, 4, 4, 3, a));
    EXPECT_CODE(CUBLAS_STATUS_INVALID_VALUE, answer({4, 4, 0}, 0, 1, 4, a));
    EXPECT_CODE(CUBLAS_STATUS_INVALID_VALUE, answer({-1, 4, 4}, 4, 4, 4, a));
    EXPECT_CODE(CUBLAS_STATUS_INVALID_VALUE, answer({4, 4, 4}, 4, 4, 4, a + 2));
    EXPECT_CODE(CUBLAS_STATUS_INVALID_VALUE,
                cublasSetWorkspace_v2(blas.handle, reinterpret_cast<void*>(blas.workspace + 16), 256));
    EXPECT_CODE(CUBLAS_STATUS_NOT_SUPPORTED,
                product(blas, {4, 4, 4}, true, false, a, 4, a, 4, machine.memory(64), 4, CUDA_R_32F, CUDA_R_16F));
    EXPECT(reports().empty());
    OK(cublasDestroy_v2(blas.handle));
    EXPECT_CODE(CUBLAS_STATUS_NOT_INITIALIZED, answer({4, 4, 4}, 4, 4, 4, a));
    EXPECT(reported("is no cuBLAS handle"));
}

TEST(a_product_past_the_end_kills_the_device) {
    const Machine machine;
    const Blas blas(machine);
    const CUdeviceptr a = machine.upload(count(16));
    OK(product(blas, {4, 4, 5}, true, false, a, 5, a, 5, machine.memory(64), 4, CUDA_R_32F, CUDA_R_32F));
    EXPECT_CODE(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    EXPECT(reported("past the end"));
}

TEST(halves_convert_both_ways) {
    for (unsigned bits = 0; bits < 0x10000; bits++) {
        const auto half = static_cast<std::uint16_t>(bits);
        const float f16 = emulator::fromFloat16(half);
        const float bf16 = emulator::fromBFloat16(half);
        EXPECT(f16 != f16 || emulator::toFloat16(f16) == half);
        EXPECT(bf16 != bf16 || emulator::toBFloat16(bf16) == half);
    }
    EXPECT(emulator::toFloat16(2049) == emulator::toFloat16(2048));  // ties go to even
    EXPECT(emulator::toFloat16(2051) == emulator::toFloat16(2052));
    EXPECT(emulator::toFloat16(65519.996f) == 0x7bff && emulator::toFloat16(65520) == 0x7c00);
    EXPECT(emulator::toFloat16(0x1p-25f) == 0 && emulator::toFloat16(0x1.8p-25f) == 1);
    EXPECT(emulator::toBFloat16(257) == emulator::toBFloat16(256) &&
           emulator::toBFloat16(259) == emulator::toBFloat16(260));
}
