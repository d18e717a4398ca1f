// libcublas.so.12 and libcublas.so.13: the calls that the program makes. Everything they work on is libcuda.so.1's.

#include "crossing.h"
#include "cublas_api.h"
#include "emulator.h"
#include "garbage.h"
#include "gemm.h"
#include "settings.h"

#include <mutex>

using namespace emulator;

#ifndef CUBLAS_VERSION
#define CUBLAS_VERSION 120603
#endif

#define BLAS_CALL extern "C" __attribute__((visibility("default"))) cublasStatus_t

namespace {

constexpr std::uint64_t ownWorkspaceBytes = 1 << 20;
constexpr std::uint64_t workspaceAlignment = 256;

/** Thrown inside a call, which then answers the status. */
struct BlasError {
    cublasStatus_t status;
};

void demand(bool condition, cublasStatus_t otherwise) {
    if (!condition) {
        throw BlasError{otherwise};
    }
}

int versionOf(const Settings& settings) {
    return settings.blasVersion == 0 ? CUBLAS_VERSION : settings.blasVersion;
}

int version() {
    Emulator& machine = Emulator::root();
    const std::lock_guard<std::mutex> lock(machine.mutex);
    return versionOf(machine.settings);
}

/** The version of CUDA that a version of cuBLAS is part of, as a driver tells its own. */
int cudaOf(int version) {
    return version / 10000 * 1000 + version / 100 % 100 * 10;
}

// https://docs.nvidia.com/deploy/cuda-compatibility/: a driver serves what is of its own major version or older.
void checkDriver(const Settings& settings) {
    demand(cudaOf(versionOf(settings)) / 1000 <= settings.driver / 1000, CUBLAS_STATUS_NOT_INITIALIZED);
    demand(settings.blas != Blas::notInitialized, CUBLAS_STATUS_NOT_INITIALIZED);
}

cublasStatus_t statusOf(CUresult code) {
    switch (code) {
        case CUDA_ERROR_INVALID_HANDLE:
        case CUDA_ERROR_INVALID_CONTEXT:
        case CUDA_ERROR_NOT_INITIALIZED:
            return CUBLAS_STATUS_NOT_INITIALIZED;
        case CUDA_ERROR_OUT_OF_MEMORY:
            return CUBLAS_STATUS_ALLOC_FAILED;
        default:
            return CUBLAS_STATUS_EXECUTION_FAILED;
    }
}

const char* nameOf(cublasStatus_t status) {
    switch (status) {
        case CUBLAS_STATUS_SUCCESS:
            return "CUBLAS_STATUS_SUCCESS";
        case CUBLAS_STATUS_NOT_INITIALIZED:
            return "CUBLAS_STATUS_NOT_INITIALIZED";
        case CUBLAS_STATUS_ALLOC_FAILED:
            return "CUBLAS_STATUS_ALLOC_FAILED";
        case CUBLAS_STATUS_INVALID_VALUE:
            return "CUBLAS_STATUS_INVALID_VALUE";
        case CUBLAS_STATUS_ARCH_MISMATCH:
            return "CUBLAS_STATUS_ARCH_MISMATCH";
        case CUBLAS_STATUS_MAPPING_ERROR:
            return "CUBLAS_STATUS_MAPPING_ERROR";
        case CUBLAS_STATUS_EXECUTION_FAILED:
            return "CUBLAS_STATUS_EXECUTION_FAILED";
        case CUBLAS_STATUS_INTERNAL_ERROR:
            return "CUBLAS_STATUS_INTERNAL_ERROR";
        case CUBLAS_STATUS_NOT_SUPPORTED:
            return "CUBLAS_STATUS_NOT_SUPPORTED";
        case CUBLAS_STATUS_LICENSE_ERROR:
            return "CUBLAS_STATUS_LICENSE_ERROR";
    }
    return "unrecognized error code";
}

/** As the driver's frame of a call: the lock, planned faults (whose codes are statuses here), and codes from what is
 * thrown. */
template <typename Body>
cublasStatus_t blasCall(const char* symbol, Body body) noexcept {
    Emulator& machine = Emulator::root();
    std::unique_lock<std::mutex> lock(machine.mutex);
    try {
        try {
            machine.faults.strike(plainName(symbol), currentContexts().empty() ? -1 : currentContexts().back());
        } catch (const DriverError& planned) {
            return static_cast<cublasStatus_t>(planned.code);
        }
        body(machine);
        return CUBLAS_STATUS_SUCCESS;
    } catch (const BlasError& error) {
        return error.status;
    } catch (const Hang&) {
        return statusOf(machine.waitForever(lock));
    } catch (const UnknownHandle& error) {
        machine.reports.add(plainName(symbol) + ": " + error.what());
        return statusOf(error.code);
    } catch (const DriverError& error) {
        return statusOf(error.code);
    } catch (const Dropped&) {
        return CUBLAS_STATUS_SUCCESS;
    } catch (const std::exception& error) {
        machine.reports.add(std::string(symbol) + " failed in the emulator itself: " + error.what());
        return CUBLAS_STATUS_INTERNAL_ERROR;
    }
}

/** A call that answers more than a status, which holds garbage if it fails. */
template <typename Body, typename... Values>
cublasStatus_t blasCall(const char* symbol, const Answers<Values...>& answers, Body body) noexcept {
    const cublasStatus_t status = blasCall(symbol, body);
    if (status != CUBLAS_STATUS_SUCCESS) {
        answers.spoil();
    }
    return status;
}

void restoreOwnWorkspace(BlasHandle& handle) {
    handle.workspace = handle.ownWorkspace;
    handle.workspaceBytes = ownWorkspaceBytes;
}

bool allowedTypes(cudaDataType_t a, cudaDataType_t b, cudaDataType_t c, cublasComputeType_t compute) {
    if (compute == CUBLAS_COMPUTE_64F || compute == CUBLAS_COMPUTE_64F_PEDANTIC) {
        return a == CUDA_R_64F && b == CUDA_R_64F && c == CUDA_R_64F;
    }
    const bool half = a == CUDA_R_16F || a == CUDA_R_16BF;
    const bool onlyPlain = compute == CUBLAS_COMPUTE_32F || compute == CUBLAS_COMPUTE_32F_PEDANTIC;
    const bool anyFloat = onlyPlain || compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    return a == b &&
           ((a == CUDA_R_32F && c == CUDA_R_32F && anyFloat) || (half && onlyPlain && (c == CUDA_R_32F || c == a)));
}

double scalar(cublasComputeType_t compute, const void* value) {
    demand(value != nullptr, CUBLAS_STATUS_INVALID_VALUE);
    const bool wide = compute == CUBLAS_COMPUTE_64F || compute == CUBLAS_COMPUTE_64F_PEDANTIC;
    return wide ? *static_cast<const double*>(value) : static_cast<double>(*static_cast<const float*>(value));
}

/** A call's arguments, in their order. */
struct Arguments {
    cublasHandle_t handle;
    cublasOperation_t opA;
    cublasOperation_t opB;
    std::int64_t m;
    std::int64_t n;
    std::int64_t k;
    const void* alpha;
    const void* a;
    cudaDataType_t typeA;
    std::int64_t lda;
    std::int64_t strideA;
    const void* b;
    cudaDataType_t typeB;
    std::int64_t ldb;
    std::int64_t strideB;
    const void* beta;
    void* c;
    cudaDataType_t typeC;
    std::int64_t ldc;
    std::int64_t strideC;
    std::int64_t batch;
    cublasComputeType_t compute;
};

void check(const Arguments& call) {
    demand(call.m >= 0 && call.n >= 0 && call.k >= 0 && call.batch >= 0, CUBLAS_STATUS_INVALID_VALUE);
    const std::int64_t rowsA = call.opA == CUBLAS_OP_N ? call.m : call.k;
    const std::int64_t rowsB = call.opB == CUBLAS_OP_N ? call.k : call.n;
    demand(call.lda >= std::max<std::int64_t>(1, rowsA), CUBLAS_STATUS_INVALID_VALUE);
    demand(call.ldb >= std::max<std::int64_t>(1, rowsB), CUBLAS_STATUS_INVALID_VALUE);
    demand(call.ldc >= std::max<std::int64_t>(1, call.m), CUBLAS_STATUS_INVALID_VALUE);
    demand(allowedTypes(call.typeA, call.typeB, call.typeC, call.compute), CUBLAS_STATUS_NOT_SUPPORTED);
}

void checkAligned(const void* pointer, cudaDataType_t type) {
    demand(reinterpret_cast<Address>(pointer) % bytesOf(type) == 0, CUBLAS_STATUS_INVALID_VALUE);
}

Gemm planned(const Settings& settings, const Arguments& call, const BlasHandle& handle) {
    const bool disallowed = (handle.mathMode & CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION) != 0;
    const int mode = handle.mathMode & ~CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION;
    const bool pedantic = mode == CUBLAS_PEDANTIC_MATH || call.compute == CUBLAS_COMPUTE_32F_PEDANTIC;
    const bool tf32 = call.compute == CUBLAS_COMPUTE_32F_FAST_TF32 || mode == CUBLAS_TF32_TENSOR_OP_MATH;
    return Gemm{call.m,
                call.n,
                call.k,
                call.batch,
                {reinterpret_cast<Address>(call.a), call.opA != CUBLAS_OP_N, call.lda, call.strideA},
                {reinterpret_cast<Address>(call.b), call.opB != CUBLAS_OP_N, call.ldb, call.strideB},
                reinterpret_cast<Address>(call.c),
                call.ldc,
                call.strideC,
                call.typeA,
                call.typeC,
                scalar(call.compute, call.alpha),
                scalar(call.compute, call.beta),
                tf32 && !pedantic && call.typeA == CUDA_R_32F,
                !disallowed && !pedantic,
                handle.workspace,
                handle.workspaceBytes,
                settings.capability.of(handle.device),
                settings.multiprocessors.of(handle.device)};
}

cublasStatus_t gemm(const char* symbol, const Arguments& call) {
    return blasCall(symbol, [&](Emulator& machine) {
        const BlasHandle& handle = machine.blasHandles.get(call.handle);
        check(call);
        demand(machine.settings.blas != Blas::notSupported, CUBLAS_STATUS_NOT_SUPPORTED);
        demand(machine.settings.blas != Blas::executionFailed, CUBLAS_STATUS_EXECUTION_FAILED);
        if (call.m == 0 || call.n == 0 || call.batch == 0) {
            return;
        }
        checkAligned(call.a, call.typeA);
        checkAligned(call.b, call.typeB);
        checkAligned(call.c, call.typeC);
        Stream& stream = machine.currentStream(handle.stream);
        demand(stream.device == handle.device, CUBLAS_STATUS_EXECUTION_FAILED);
        const Gemm product = planned(machine.settings, call, handle);
        const int device = stream.device;
        const std::string size =
            std::to_string(call.m) + " x " + std::to_string(call.n) + " x " + std::to_string(call.k);
        machine.enqueue(stream, plainName(symbol) + " " + size, [&machine, product, device](Accesses& accesses) {
            machine.faults.strike("gemm", device);
            Crossing(machine.settings.links, device, accesses).run([&] { multiply(product, accesses); });
        });
    });
}

}  // namespace

BLAS_CALL cublasCreate_v2(cublasHandle_t* handle) {
    return blasCall(__func__, Answers(handle), [&](Emulator& machine) {
        demand(machine.memory != nullptr, CUBLAS_STATUS_NOT_INITIALIZED);
        checkDriver(machine.settings);
        const Device& device = machine.current();
        const Address workspace = machine.memory->allocate(device.ordinal, ownWorkspaceBytes).begin;
        *handle =
            machine.blasHandles.add(BlasHandle{device.ordinal, nullptr, 0, workspace, ownWorkspaceBytes, workspace});
    });
}

// Waits for the device, as cuBLAS does: its own workspace is about to go.
BLAS_CALL cublasDestroy_v2(cublasHandle_t handle) {
    return blasCall(__func__, [&](Emulator& machine) {
        const BlasHandle gone = machine.blasHandles.get(handle);
        machine.blasHandles.remove(handle);
        machine.timeline.finishAll(gone.device);
        Allocation& workspace = *machine.memory->find(gone.ownWorkspace);
        machine.races.forget(workspace.begin, workspace.end());
        machine.memory->free(workspace);
    });
}

BLAS_CALL cublasGetVersion_v2(cublasHandle_t, int* number) {
    *number = version();
    return CUBLAS_STATUS_SUCCESS;
}

// These three answer no status.
extern "C" __attribute__((visibility("default"))) const char* cublasGetStatusName(cublasStatus_t status) {
    return nameOf(status);
}

extern "C" __attribute__((visibility("default"))) const char* cublasGetStatusString(cublasStatus_t status) {
    return nameOf(status);
}

extern "C" __attribute__((visibility("default"))) std::size_t cublasGetCudartVersion() {
    return cudaOf(version());
}

BLAS_CALL cublasGetProperty(libraryPropertyType_t property, int* value) {
    const int whole = version();
    const int values[] = {whole / 10000, whole / 100 % 100, whole % 100};
    if (property < MAJOR_VERSION || property > PATCH_LEVEL) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    *value = values[property];
    return CUBLAS_STATUS_SUCCESS;
}

// As documented, this also resets the workspace to the handle's own.
BLAS_CALL cublasSetStream_v2(cublasHandle_t handle, CUstream stream) {
    return blasCall(__func__, [&](Emulator& machine) {
        BlasHandle& found = machine.blasHandles.get(handle);
        machine.stream(stream);
        found.stream = stream;
        restoreOwnWorkspace(found);
    });
}

BLAS_CALL cublasGetStream_v2(cublasHandle_t handle, CUstream* stream) {
    return blasCall(__func__, Answers(stream),
                    [&](Emulator& machine) { *stream = machine.blasHandles.get(handle).stream; });
}

BLAS_CALL cublasSetWorkspace_v2(cublasHandle_t handle, void* workspace, std::size_t bytes) {
    return blasCall(__func__, [&](Emulator& machine) {
        BlasHandle& found = machine.blasHandles.get(handle);
        const auto begin = reinterpret_cast<Address>(workspace);
        demand(begin % workspaceAlignment == 0, CUBLAS_STATUS_INVALID_VALUE);
        const std::string wrong = bytes == 0 ? "" : machine.memory->complaint(begin, bytes);
        if (!wrong.empty()) {
            machine.reports.add("cublasSetWorkspace gives " + wrong);
            throw BlasError{CUBLAS_STATUS_INVALID_VALUE};
        }
        found.workspace = begin;
        found.workspaceBytes = bytes;
    });
}

BLAS_CALL cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
    return blasCall(__func__, [&](Emulator& machine) { machine.blasHandles.get(handle).mathMode = mode; });
}

BLAS_CALL cublasGetMathMode(cublasHandle_t handle, cublasMath_t* mode) {
    return blasCall(__func__, Answers(mode), [&](Emulator& machine) {
        *mode = static_cast<cublasMath_t>(machine.blasHandles.get(handle).mathMode);
    });
}

BLAS_CALL cublasSetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t mode) {
    return blasCall(__func__, [&](Emulator& machine) {
        machine.blasHandles.get(handle);
        demand(mode == CUBLAS_POINTER_MODE_HOST, CUBLAS_STATUS_NOT_SUPPORTED);
    });
}

BLAS_CALL cublasGetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t* mode) {
    return blasCall(__func__, Answers(mode), [&](Emulator& machine) {
        machine.blasHandles.get(handle);
        *mode = CUBLAS_POINTER_MODE_HOST;
    });
}

BLAS_CALL cublasGemmEx(cublasHandle_t handle, cublasOperation_t opA, cublasOperation_t opB, int m, int n, int k,
                       const void* alpha, const void* a, cudaDataType_t typeA, int lda, const void* b,
                       cudaDataType_t typeB, int ldb, const void* beta, void* c, cudaDataType_t typeC, int ldc,
                       cublasComputeType_t compute, int) {
    return gemm(__func__, {handle, opA,   opB, m, n,    k, alpha, a,   typeA, lda, 0,
                           b,      typeB, ldb, 0, beta, c, typeC, ldc, 0,     1,   compute});
}

BLAS_CALL cublasGemmEx_64(cublasHandle_t handle, cublasOperation_t opA, cublasOperation_t opB, std::int64_t m,
                          std::int64_t n, std::int64_t k, const void* alpha, const void* a, cudaDataType_t typeA,
                          std::int64_t lda, const void* b, cudaDataType_t typeB, std::int64_t ldb, const void* beta,
                          void* c, cudaDataType_t typeC, std::int64_t ldc, cublasComputeType_t compute, int) {
    return gemm(__func__, {handle, opA,   opB, m, n,    k, alpha, a,   typeA, lda, 0,
                           b,      typeB, ldb, 0, beta, c, typeC, ldc, 0,     1,   compute});
}

BLAS_CALL cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t opA, cublasOperation_t opB, int m, int n,
                                     int k, const void* alpha, const void* a, cudaDataType_t typeA, int lda,
                                     long long strideA, const void* b, cudaDataType_t typeB, int ldb, long long strideB,
                                     const void* beta, void* c, cudaDataType_t typeC, int ldc, long long strideC,
                                     int batch, cublasComputeType_t compute, int) {
    return gemm(__func__, {handle, opA,   opB, m,       n,    k, alpha, a,   typeA,   lda,   strideA,
                           b,      typeB, ldb, strideB, beta, c, typeC, ldc, strideC, batch, compute});
}
