// One trampoline for each name: a jump, so that the target finds registers and stack as the caller left them, however
// many arguments there are and of whatever type. `build` puts the names where NAMES is included.

    .macro forward name
    .section .rodata
.Lname_\name:
    .asciz "\name"

    .data
.Ltrampoline_\name:
    .quad .Lname_\name
.Ltarget_\name:
    .quad 0

    .text
    .p2align 4
    .globl \name
    .type \name, @function
\name:
    .cfi_startproc
    jmp *.Ltarget_\name(%rip)
    .cfi_endproc
    .size \name, . - \name
    .endm

    .data
    .p2align 3
    .globl trampolines
    .hidden trampolines
trampolines:

#include NAMES

    .data
    .globl trampolinesEnd
    .hidden trampolinesEnd
trampolinesEnd:

    .section .note.GNU-stack, "", @progbits
