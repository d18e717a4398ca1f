// The cuBLAS calls that the emulator knows: https://docs.nvidia.com/cuda/cublas/.
#pragma once

#include "cublas_types.h"
#include "driver_types.h"

#include <cstddef>
#include <cstdint>

extern "C" {

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle);
cublasStatus_t cublasDestroy_v2(cublasHandle_t handle);
cublasStatus_t cublasGetVersion_v2(cublasHandle_t, int* number);
const char* cublasGetStatusName(cublasStatus_t status);
const char* cublasGetStatusString(cublasStatus_t status);
std::size_t cublasGetCudartVersion();
cublasStatus_t cublasGetProperty(libraryPropertyType_t property, int* value);
cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, CUstream stream);
cublasStatus_t cublasGetStream_v2(cublasHandle_t handle, CUstream* stream);
cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void* workspace, std::size_t bytes);
cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode);
cublasStatus_t cublasGetMathMode(cublasHandle_t handle, cublasMath_t* mode);
cublasStatus_t cublasSetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t mode);
cublasStatus_t cublasGetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t* mode);
cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t opA, cublasOperation_t opB, int m, int n, int k,
                            const void* alpha, const void* a, cudaDataType_t typeA, int lda, const void* b,
                            cudaDataType_t typeB, int ldb, const void* beta, void* c, cudaDataType_t typeC, int ldc,
                            cublasComputeType_t compute, int);
cublasStatus_t cublasGemmEx_64(cublasHandle_t handle, cublasOperation_t opA, cublasOperation_t opB, std::int64_t m,
                               std::int64_t n, std::int64_t k, const void* alpha, const void* a, cudaDataType_t typeA,
                               std::int64_t lda, const void* b, cudaDataType_t typeB, std::int64_t ldb,
                               const void* beta, void* c, cudaDataType_t typeC, std::int64_t ldc,
                               cublasComputeType_t compute, int);
cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t opA, cublasOperation_t opB, int m,
                                          int n, int k, const void* alpha, const void* a, cudaDataType_t typeA, int lda,
                                          long long strideA, const void* b, cudaDataType_t typeB, int ldb,
                                          long long strideB, const void* beta, void* c, cudaDataType_t typeC, int ldc,
                                          long long strideC, int batch, cublasComputeType_t compute, int);

}  // extern "C"
