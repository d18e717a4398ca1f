#include "fiber.h"

#include "error.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif
#include <sys/mman.h>

#include <cstdint>

#ifndef __x86_64__
#error "The emulator switches stacks in x86-64 assembly: JCuda has natives for no other processor on Linux."
#endif

// Saves what the System V ABI says a callee keeps, and swaps stacks. A fresh stack holds a frame whose rbx is the
// fiber.
asm(R"(
    .text
    .globl emulatorSwitchStacks
    .hidden emulatorSwitchStacks
    .type emulatorSwitchStacks, @function
emulatorSwitchStacks:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size emulatorSwitchStacks, .-emulatorSwitchStacks

    .globl emulatorEnterFiber
    .hidden emulatorEnterFiber
    .type emulatorEnterFiber, @function
emulatorEnterFiber:
    movq %rbx, %rdi
    call emulatorFiberMain@PLT
    ud2
    .size emulatorEnterFiber, .-emulatorEnterFiber
)");

extern "C" {
void emulatorSwitchStacks(void** saved, void* next);
void emulatorEnterFiber();
void emulatorFiberMain(emulator::Fiber* fiber);

void emulatorFiberMain(emulator::Fiber* fiber) {
    emulator::Fiber::enter(fiber);
}
}

namespace emulator {
namespace {

constexpr Address guard = 4096;
// The order in which a switch pops: r15, r14, r13, r12, rbx, rbp, then the return address.
constexpr int savedRegisters = 6;
constexpr int rbxPlace = 4;

}  // namespace

Fiber::Fiber() {
    void* mapped = mmap(nullptr, guard + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(mapped != MAP_FAILED, CUDA_ERROR_OUT_OF_MEMORY);
    stack = reinterpret_cast<Address>(mapped) + guard;
    require(mprotect(reinterpret_cast<void*>(stack), size, PROT_READ | PROT_WRITE) == 0, CUDA_ERROR_OUT_OF_MEMORY);
}

Fiber::~Fiber() {
    munmap(reinterpret_cast<void*>(stack - guard), guard + size);
}

void Fiber::prepare(void (*code)(void*), void* with) {
    function = code;
    argument = with;
    done = false;
#ifdef __SANITIZE_ADDRESS__
    // Frames that were abandoned on it never told the sanitizer that they ended.
    __asan_unpoison_memory_region(reinterpret_cast<void*>(stack), size);
#endif
    auto* top = reinterpret_cast<std::uintptr_t*>(stack + size) - 2;  // keeps the stack aligned to 16 at the call
    *--top = reinterpret_cast<std::uintptr_t>(&emulatorEnterFiber);
    for (int place = 0; place < savedRegisters; place++) {
        *--top = 0;
    }
    top[rbxPlace] = reinterpret_cast<std::uintptr_t>(this);
    own = top;
}

void Fiber::resume() {
    emulatorSwitchStacks(&resumer, own);
}

void Fiber::yield() {
    emulatorSwitchStacks(&own, resumer);
}

void Fiber::enter(Fiber* self) {
    self->function(self->argument);
    self->done = true;
    self->yield();
}

}  // namespace emulator
