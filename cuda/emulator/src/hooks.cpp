// What the compiler calls in a kernel's code. Kernels are compiled with -fsanitize=thread, which calls __tsan_* at
// every access of memory, and -fsanitize=alignment, which calls __ubsan_* before an access through a misaligned
// pointer. No sanitizer's library is linked: these are all there is.

#include "emulator.h"

#include <cstdint>

namespace emulator {
namespace {

void touch(const void* address, unsigned bytes, bool writes) {
    // Static initialization of a kernel's file runs before any grid does.
    Grid* grid = Emulator::root().running;
    if (grid == nullptr) {
        return;
    }
    const auto begin = reinterpret_cast<Address>(address);
    if (writes) {
        grid->write(begin, bytes);
    } else {
        grid->read(begin, bytes);
    }
}

}  // namespace
}  // namespace emulator

#define HOOKS(bytes)                                             \
    void __tsan_read##bytes(void* address) {                     \
        emulator::touch(address, bytes, false);                  \
    }                                                            \
    void __tsan_write##bytes(void* address) {                    \
        emulator::touch(address, bytes, true);                   \
    }                                                            \
    void __tsan_unaligned_read##bytes(void* address) {           \
        emulator::touch(address, bytes, false);                  \
    }                                                            \
    void __tsan_unaligned_write##bytes(void* address) {          \
        emulator::touch(address, bytes, true);                   \
    }                                                            \
    void __tsan_volatile_read##bytes(void* address) {            \
        emulator::touch(address, bytes, false);                  \
    }                                                            \
    void __tsan_volatile_write##bytes(void* address) {           \
        emulator::touch(address, bytes, true);                   \
    }                                                            \
    void __tsan_unaligned_volatile_read##bytes(void* address) {  \
        emulator::touch(address, bytes, false);                  \
    }                                                            \
    void __tsan_unaligned_volatile_write##bytes(void* address) { \
        emulator::touch(address, bytes, true);                   \
    }

#define DECLARE(bytes)                                 \
    void __tsan_read##bytes(void*);                    \
    void __tsan_write##bytes(void*);                   \
    void __tsan_unaligned_read##bytes(void*);          \
    void __tsan_unaligned_write##bytes(void*);         \
    void __tsan_volatile_read##bytes(void*);           \
    void __tsan_volatile_write##bytes(void*);          \
    void __tsan_unaligned_volatile_read##bytes(void*); \
    void __tsan_unaligned_volatile_write##bytes(void*);

extern "C" {

DECLARE(1)
DECLARE(2)
DECLARE(4)
DECLARE(8)
DECLARE(16)
HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)

void __tsan_init();
void __tsan_read_range(void*, std::size_t);
void __tsan_write_range(void*, std::size_t);
void __ubsan_handle_type_mismatch_v1(void*, std::uintptr_t);

void __tsan_init() {}

void __tsan_read_range(void* address, std::size_t bytes) {
    emulator::touch(address, static_cast<unsigned>(bytes), false);
}

void __tsan_write_range(void* address, std::size_t bytes) {
    emulator::touch(address, static_cast<unsigned>(bytes), true);
}

// The data begin with a source location (file, line, column) and a type; the binary logarithm of its alignment follows.
void __ubsan_handle_type_mismatch_v1(void* data, std::uintptr_t address) {
    struct Mismatch {
        const char* file;
        std::uint32_t line;
        std::uint32_t column;
        const void* type;
        unsigned char alignmentLog;
        unsigned char kind;
    };
    emulator::Grid* grid = emulator::Emulator::root().running;
    if (grid != nullptr) {
        grid->misaligned(address, 1u << static_cast<const Mismatch*>(data)->alignmentLog);
    }
}

}  // extern "C"
