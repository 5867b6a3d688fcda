/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entering a guest and coming back, and the exception vectors of EL2.
 *
 * guest_enter() looks like a function that takes long: it leaves the callee-
 * saved registers and the pointer to the guest's registers on the stack, and
 * the vectors for exceptions from lower ELs return to its caller.
 */
#include <generated/asm_offsets.h>
#include <zv/guest.h>
#include <zv/sysreg.h>

#define FRAME_SIZE 112
#define FRAME_GUEST 96

#define X(n) (GUEST_REGS_X + 8 * (n))

	.text

/* u64 guest_enter(struct guest_regs *regs) */
	.globl	guest_enter
	.type	guest_enter, %function
guest_enter:
	stp	x29, x30, [sp, #-FRAME_SIZE]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	str	x0, [sp, #FRAME_GUEST]

	ldp	x1, x2, [x0, #GUEST_REGS_PC]
	msr	elr_el2, x1
	msr	spsr_el2, x2
	ldp	x2, x3, [x0, #X(2)]
	ldp	x4, x5, [x0, #X(4)]
	ldp	x6, x7, [x0, #X(6)]
	ldp	x8, x9, [x0, #X(8)]
	ldp	x10, x11, [x0, #X(10)]
	ldp	x12, x13, [x0, #X(12)]
	ldp	x14, x15, [x0, #X(14)]
	ldp	x16, x17, [x0, #X(16)]
	ldp	x18, x19, [x0, #X(18)]
	ldp	x20, x21, [x0, #X(20)]
	ldp	x22, x23, [x0, #X(22)]
	ldp	x24, x25, [x0, #X(24)]
	ldp	x26, x27, [x0, #X(26)]
	ldp	x28, x29, [x0, #X(28)]
	ldr	x30, [x0, #X(30)]
	ldp	x0, x1, [x0, #X(0)]
	eret
	/* No speculation past the return (DDI 0487, B2.3.9 on barriers). */
	dsb	nsh
	isb
	.size	guest_enter, . - guest_enter

	.type	guest_exit, %function
guest_exit:
	ldr	x0, [sp, #16 + FRAME_GUEST]
	stp	x2, x3, [x0, #X(2)]
	stp	x4, x5, [x0, #X(4)]
	stp	x6, x7, [x0, #X(6)]
	stp	x8, x9, [x0, #X(8)]
	stp	x10, x11, [x0, #X(10)]
	stp	x12, x13, [x0, #X(12)]
	stp	x14, x15, [x0, #X(14)]
	stp	x16, x17, [x0, #X(16)]
	stp	x18, x19, [x0, #X(18)]
	stp	x20, x21, [x0, #X(20)]
	stp	x22, x23, [x0, #X(22)]
	stp	x24, x25, [x0, #X(24)]
	stp	x26, x27, [x0, #X(26)]
	stp	x28, x29, [x0, #X(28)]
	str	x30, [x0, #X(30)]
	ldp	x2, x3, [sp], #16
	stp	x2, x3, [x0, #X(0)]
	mrs	x2, elr_el2
	mrs	x3, spsr_el2
	stp	x2, x3, [x0, #GUEST_REGS_PC]

	mov	x0, x1
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #FRAME_SIZE
	ret
	.size	guest_exit, . - guest_exit

/*
 * u64 guest_at_<op>(u64 va): PAR_EL1 after the address translation, or 1 (F).
 * A walk through memory that answers with an external abort is taken to EL2 as
 * an exception (DDI 0487, D8.14 on AT); a guest chooses where its tables lie,
 * so that must not end in panic: own_sync looks for x1 = ELR and goes on at
 * at_failed.
 */
.macro translate op
	.globl	guest_at_\op
	.type	guest_at_\op, %function
guest_at_\op:
	adr	x1, 1f
1:	at	\op, x0
	isb
	mrs	x0, par_el1
	ret
	.size	guest_at_\op, . - guest_at_\op
.endm

	translate s1e1r
	translate s1e1w
	translate s1e0r
	translate s1e0w

at_failed:
	mov	x0, #1
	ret

.macro exit_vector kind
	.balign	0x80
	stp	x0, x1, [sp, #-16]!
	mov	x1, #\kind
	b	guest_exit
.endm

.macro own_vector target
	.balign	0x80
	b	\target
.endm

/*
 * A fault of EL2 itself.  PAR_EL1 is the one register that may be lost here:
 * guest_at_* overwrite it, and after any other fault no guest runs.
 */
.macro own_sync
	.balign	0x80
	msr	par_el1, x0
	mrs	x0, elr_el2
	sub	x0, x0, x1
	cbnz	x0, 1f
	mrs	x0, esr_el2
	lsr	x0, x0, #ESR_EC_SHIFT
	cmp	x0, #ESR_EC_DABT_CUR
	b.ne	1f
	adr	x0, at_failed
	msr	elr_el2, x0
	eret
1:	mrs	x0, par_el1
	b	el2_sync_fault
.endm

	.section .text.vectors, "ax"
	.balign	2048
	.globl	guest_vectors
guest_vectors:
	/* Current EL with SP_EL0: never used. */
	own_vector el2_unexpected
	own_vector el2_unexpected
	own_vector el2_unexpected
	own_vector el2_unexpected
	/* Current EL with SP_EL2. Interrupts are masked all the time. */
	own_sync
	own_vector el2_unexpected
	own_vector el2_unexpected
	own_vector el2_serror_fault
	/* Lower EL, AArch64, then AArch32: a guest's exit. */
	.rept	2
	exit_vector GUEST_EXIT_SYNC
	exit_vector GUEST_EXIT_IRQ
	exit_vector GUEST_EXIT_FIQ
	exit_vector GUEST_EXIT_SERROR
	.endr
	.balign	0x80
