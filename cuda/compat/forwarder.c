// A libcublas.so.12 that passes every call on to the cuBLAS of CUDA 13, which forwarder.S's trampolines then jump to. It
// is looked for once, when this library is loaded: a libcublas.so.13 that the process has loaded before, from wherever
// it lies, else the one that the system's loader finds. What it lacks answers "not supported"; without it, everything
// answers "not initialized".
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

enum Status { NOT_INITIALIZED = 1, NOT_SUPPORTED = 15 };

struct Trampoline {
    const char *name;
    const void *target;
};

// From forwarder.S; the end is one past the last.
extern struct Trampoline trampolines[] __attribute__((visibility("hidden")));
extern struct Trampoline trampolinesEnd[] __attribute__((visibility("hidden")));

static enum Status notInitialized(void) {
    return NOT_INITIALIZED;
}

static enum Status notSupported(void) {
    return NOT_SUPPORTED;
}

static const char *noText(void) {
    return "unknown, because there is no cuBLAS of CUDA 13 to ask";
}

static size_t noVersion(void) {
    return 0;
}

// What a call without a target does instead, which depends on what it returns.
static const void *instead(const char *name, const void *status) {
    if (strcmp(name, "cublasGetStatusName") == 0 || strcmp(name, "cublasGetStatusString") == 0) {
        return (const void *)noText;
    }
    return strcmp(name, "cublasGetCudartVersion") == 0 ? (const void *)noVersion : status;
}

__attribute__((constructor)) static void resolve(void) {
    void *cublas = dlopen("libcublas.so.13", RTLD_LAZY | RTLD_LOCAL);
    const void *status = cublas == NULL ? (const void *)notInitialized : (const void *)notSupported;
    for (struct Trampoline *each = trampolines; each != trampolinesEnd; each++) {
        const void *found = cublas == NULL ? NULL : dlsym(cublas, each->name);
        each->target = found == NULL ? instead(each->name, status) : found;
    }
}
