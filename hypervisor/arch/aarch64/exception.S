/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions taken from EL2 itself: always a bug (or the machine's), so they
 * end in panic.  Entered by a branch from a vector, with every register as the
 * fault left it.  The stack may be what went wrong, so there is one of its own;
 * it serves the first pCPU that comes, the others stop.
 */
#include <zv/el2.h>
#include <zv/sysreg.h>

#define REGS_SP (31 * 8)
#define REGS_ELR (32 * 8)
#define REGS_ESR (34 * 8)
#define REGS_SIZE (36 * 8)

	.text

/* The guest's registers serve as scratch: no guest runs after this. */
.macro fault name, kind
	.globl	\name
\name:
	msr	tpidr_el0, x0
	msr	tpidrro_el0, x1
	msr	tpidr_el1, x2
	mov	x2, #\kind
	b	fault_common
.endm

	fault	el2_sync_fault, 0
	fault	el2_serror_fault, 1
	fault	el2_unexpected, 2

fault_common:
	msr	contextidr_el1, x2
	ldr	x0, =fault_claimed
1:	ldaxr	w1, [x0]
	cbnz	w1, fault_park
	mov	w1, #1
	stxr	w2, w1, [x0]
	cbnz	w2, 1b

	mov	x1, sp
	ldr	x0, =(fault_stack + EL2_STACK_SIZE - REGS_SIZE)
	mov	sp, x0
	str	x1, [sp, #REGS_SP]
	stp	x3, x4, [sp, #3 * 8]
	stp	x5, x6, [sp, #5 * 8]
	stp	x7, x8, [sp, #7 * 8]
	stp	x9, x10, [sp, #9 * 8]
	stp	x11, x12, [sp, #11 * 8]
	stp	x13, x14, [sp, #13 * 8]
	stp	x15, x16, [sp, #15 * 8]
	stp	x17, x18, [sp, #17 * 8]
	stp	x19, x20, [sp, #19 * 8]
	stp	x21, x22, [sp, #21 * 8]
	stp	x23, x24, [sp, #23 * 8]
	stp	x25, x26, [sp, #25 * 8]
	stp	x27, x28, [sp, #27 * 8]
	stp	x29, x30, [sp, #29 * 8]
	mrs	x0, tpidr_el0
	mrs	x1, tpidrro_el0
	stp	x0, x1, [sp]
	mrs	x0, tpidr_el1
	str	x0, [sp, #2 * 8]
	mrs	x0, elr_el2
	mrs	x1, spsr_el2
	stp	x0, x1, [sp, #REGS_ELR]
	mrs	x0, esr_el2
	mrs	x1, far_el2
	stp	x0, x1, [sp, #REGS_ESR]

	mov	x0, sp
	mrs	x1, contextidr_el1
	mov	x29, xzr
	mov	x30, xzr
	b	el2_fault

fault_park:
	wfi
	b	fault_park

/* For the time before the guests' table is installed. */
.macro vector target
	.balign	0x80
	b	\target
.endm

	.section .text.vectors, "ax"
	.balign	2048
	.globl	early_vectors
early_vectors:
	.rept	4			/* current EL with SP_EL0 */
	vector	el2_unexpected
	.endr
	vector	el2_sync_fault		/* current EL with SP_EL2 */
	vector	el2_unexpected
	vector	el2_unexpected
	vector	el2_serror_fault
	.rept	8			/* lower EL: no guest runs yet */
	vector	el2_unexpected
	.endr

	.bss
	.balign	16
fault_stack:
	.skip	EL2_STACK_SIZE
fault_claimed:
	.skip	8
