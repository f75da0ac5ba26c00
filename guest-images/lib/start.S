/*
 * Entry of a bare-metal guest, for the boot CPU and the others, exception vectors, SMC and HVC.
 * EL1, MMU off. X0 of the boot CPU is the flattened device tree; X0 of another is its CpuStart.
 * With GUEST_IMAGE the file begins with an arm64 Image header (Linux, arch/arm64/booting.rst).
 */

.macro address reg, symbol
    adrp    \reg, \symbol
    add     \reg, \reg, :lo12:\symbol
.endm

.section .head, "ax"
.global image_start
image_start:
    b       boot
#ifdef GUEST_IMAGE
    .long   0
    .quad   0                   /* text_offset */
    .long   image_size          /* with the memory that only the running guest needs */
    .long   0
    .quad   0xa                 /* little endian, 4 KiB pages, may lie anywhere */
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0
#endif

boot:
    msr     daifset, #0xf
    mov     x19, x0
    address x1, vectors
    msr     vbar_el1, x1
    address x1, boot_stack_top
    mov     sp, x1
    address x1, bss_start
    address x2, bss_end
1:  cmp     x1, x2
    b.hs    2f
    stp     xzr, xzr, [x1], #16
    b       1b
2:  isb
    mov     x0, x19
    mov     x29, xzr
    mov     x30, xzr
    b       guest_boot

.global secondary_entry
secondary_entry:
    msr     daifset, #0xf
    address x1, vectors
    msr     vbar_el1, x1
    ldr     x1, [x0]            /* CpuStart::stack_top */
    mov     sp, x1
    isb
    mov     x29, xzr
    mov     x30, xzr
    b       guest_secondary

/* void guest_smc(Registers*), void guest_hvc(Registers*): x0 to x10 in, x0 to x10 out. */
.macro conduit name, instruction
.global \name
\name:
    stp     x29, x30, [sp, #-32]!
    mov     x29, sp
    str     x0, [sp, #16]
    mov     x16, x0
    ldp     x0, x1, [x16]
    ldp     x2, x3, [x16, #16]
    ldp     x4, x5, [x16, #32]
    ldp     x6, x7, [x16, #48]
    ldp     x8, x9, [x16, #64]
    ldr     x10, [x16, #80]
    \instruction #0
    ldr     x16, [sp, #16]
    stp     x0, x1, [x16]
    stp     x2, x3, [x16, #16]
    stp     x4, x5, [x16, #32]
    stp     x6, x7, [x16, #48]
    stp     x8, x9, [x16, #64]
    str     x10, [x16, #80]
    ldp     x29, x30, [sp], #32
    ret
.endm
conduit guest_smc, smc
conduit guest_hvc, hvc

.section .text.vectors, "ax"
.balign 2048
vectors:
.rept 16
    mrs     x0, esr_el1
    mrs     x1, elr_el1
    mrs     x2, far_el1
    b       guest_panic
    .balign 128
.endr

.section .noinit, "aw", %nobits
.balign 16
    .space  4096
boot_stack_top:
