/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry of a bare-metal test guest: arm64 Linux image header, EL1, MMU off,
 * one 16 KiB stack per vCPU.  x0 = device tree.  Runs where it is loaded: only
 * PC-relative addresses are used.
 */
#define STACK_SHIFT 14
#define STACKS 8

	.section .head, "ax"
	.global _start
_start:
	b	1f
	.long	0
	.quad	0			/* text_offset */
	.quad	_end			/* image_size; linked at 0 */
	.quad	0xa			/* 4K pages, anywhere in memory */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0
1:	msr	daifset, #15
	mov	x19, x0
	mov	x20, #0
	bl	cpu_setup
	adrp	x2, __bss_start
	add	x2, x2, :lo12:__bss_start
	adrp	x3, __bss_end
	add	x3, x3, :lo12:__bss_end
2:	cmp	x2, x3
	b.hs	3f
	stp	xzr, xzr, [x2], #16
	b	2b
3:	mov	x0, x19
	bl	guest_main
	b	halt

	/* PSCI CPU_ON entry: x0 = index of the vCPU. */
	.global guest_secondary
guest_secondary:
	msr	daifset, #15
	mov	x20, x0
	bl	cpu_setup
	mov	x0, x20
	bl	guest_secondary_main
halt:	wfi
	b	halt

cpu_setup:
	adrp	x1, stacks
	add	x1, x1, :lo12:stacks
	add	x2, x20, #1
	add	x1, x1, x2, lsl #STACK_SHIFT
	mov	sp, x1
	mov	x1, #(3 << 20)		/* FP and SIMD untrapped */
	msr	cpacr_el1, x1
	adrp	x1, vectors
	add	x1, x1, :lo12:vectors
	msr	vbar_el1, x1
	isb
	ret

	.macro save
	sub	sp, sp, #272
	stp	x0, x1, [sp, #0]
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
	mrs	x0, elr_el1
	mrs	x1, spsr_el1
	stp	x30, x0, [sp, #240]
	str	x1, [sp, #256]
	.endm

	.macro restore
	ldp	x30, x0, [sp, #240]
	ldr	x1, [sp, #256]
	msr	elr_el1, x0
	msr	spsr_el1, x1
	ldp	x0, x1, [sp, #0]
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x19, [sp, #144]
	ldp	x20, x21, [sp, #160]
	ldp	x22, x23, [sp, #176]
	ldp	x24, x25, [sp, #192]
	ldp	x26, x27, [sp, #208]
	ldp	x28, x29, [sp, #224]
	add	sp, sp, #272
	eret
	.endm

	.macro vector handler
	.balign 128
	b	\handler
	.endm

	.balign 2048
vectors:
	.rept	4			/* current EL, SP_EL0: never used */
	vector	on_sync
	.endr
	vector	on_sync
	vector	on_irq
	vector	on_sync
	vector	on_serror
	.rept	8			/* lower EL: never used */
	vector	on_sync
	.endr

on_sync:
	save
	mov	x0, sp
	bl	guest_sync
	restore
on_irq:
	save
	bl	guest_irq
	restore
on_serror:
	save
	mov	x0, sp
	bl	guest_serror
	restore

/* u64 smccc(bool smc, u64 args[8]): x0..x7 from args, x0..x3 back into it. */
	.global smccc
smccc:
	stp	x29, x30, [sp, #-32]!
	str	x1, [sp, #16]
	mov	x9, x0
	mov	x8, x1
	ldp	x0, x1, [x8]
	ldp	x2, x3, [x8, #16]
	ldp	x4, x5, [x8, #32]
	ldp	x6, x7, [x8, #48]
	cbnz	x9, 1f
	hvc	#0
	b	2f
1:	smc	#0
2:	ldr	x8, [sp, #16]
	stp	x0, x1, [x8]
	stp	x2, x3, [x8, #16]
	ldp	x29, x30, [sp], #32
	ret

	.arch_extension fp
	.arch_extension simd
/* void fp_fill(u64 seed): v0..v31 from the seed. */
	.global fp_fill
fp_fill:
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	add	x0, x0, #0x101
	dup	v\n\().2d, x0
	.endr
	ret

/* u64 fp_check(u64 seed): how many of v0..v31 differ. */
	.global fp_check
fp_check:
	mov	x2, #0
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	add	x0, x0, #0x101
	mov	x1, v\n\().d[0]
	cmp	x1, x0
	cinc	x2, x2, ne
	mov	x1, v\n\().d[1]
	cmp	x1, x0
	cinc	x2, x2, ne
	.endr
	mov	x0, x2
	ret

	.bss
	.balign 4096
stacks:	.skip	(1 << STACK_SHIFT) * STACKS
