/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guests' FP/SIMD registers, switched when a vCPU is put or loaded.  EL2
 * itself never uses them, so between a load and a put the hardware's are the
 * guest's.
 */
#include <generated/asm_offsets.h>

	.arch	armv8-a+fp+simd
	.text

.macro all_q insn
	\insn	q0, q1, [x1, #0x000]
	\insn	q2, q3, [x1, #0x020]
	\insn	q4, q5, [x1, #0x040]
	\insn	q6, q7, [x1, #0x060]
	\insn	q8, q9, [x1, #0x080]
	\insn	q10, q11, [x1, #0x0a0]
	\insn	q12, q13, [x1, #0x0c0]
	\insn	q14, q15, [x1, #0x0e0]
	\insn	q16, q17, [x1, #0x100]
	\insn	q18, q19, [x1, #0x120]
	\insn	q20, q21, [x1, #0x140]
	\insn	q22, q23, [x1, #0x160]
	\insn	q24, q25, [x1, #0x180]
	\insn	q26, q27, [x1, #0x1a0]
	\insn	q28, q29, [x1, #0x1c0]
	\insn	q30, q31, [x1, #0x1e0]
.endm

/* void guest_fp_save(struct guest_fp *fp) */
	.globl	guest_fp_save
	.type	guest_fp_save, %function
guest_fp_save:
	add	x1, x0, #GUEST_FP_V
	all_q	stp
	mrs	x2, fpsr
	mrs	x3, fpcr
	add	x1, x0, #GUEST_FP_FPSR
	stp	x2, x3, [x1]
	ret
	.size	guest_fp_save, . - guest_fp_save

/* void guest_fp_load(const struct guest_fp *fp) */
	.globl	guest_fp_load
	.type	guest_fp_load, %function
guest_fp_load:
	add	x1, x0, #GUEST_FP_V
	all_q	ldp
	add	x1, x0, #GUEST_FP_FPSR
	ldp	x2, x3, [x1]
	msr	fpsr, x2
	msr	fpcr, x3
	ret
	.size	guest_fp_load, . - guest_fp_load
