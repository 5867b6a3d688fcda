/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry of the boot CPU (Linux's arm64 boot protocol) and of the others (PSCI
 * CPU_ON).  Until the MMU is on everything is PC-relative: the image runs at
 * whatever 2 MiB boundary it was loaded.  All of .text.head lies in the image's
 * first page, the only one that is mapped at VA = PA, and only in the early
 * tables.
 */
#include <zv/el2.h>
#include <zv/sysreg.h>

.macro pc_rel reg, sym
	adrp	\reg, \sym
	add	\reg, \reg, #:lo12:\sym
.endm

.macro load_imm reg, value
	movz	\reg, #((\value) & 0xffff)
	movk	\reg, #(((\value) >> 16) & 0xffff), lsl #16
.endm

	.section .text.head, "ax"
	.globl	_head
_head:
	b	primary_entry
	.long	0
	.quad	0			/* text_offset */
	.quad	image_size
	.quad	0xa			/* LE, 4 KiB pages, anywhere in RAM */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

/* x0 = physical address of the device tree; MMU off. */
primary_entry:
	msr	daifset, #0xf
	mov	x19, x0
	mrs	x21, CurrentEL
	lsr	x21, x21, #2
	cmp	x21, #2
	b.hi	park			/* EL3: firmware is missing */
	mov	x22, #0
	b.lo	1f

	mov	x0, #HCR_RW
	msr	hcr_el2, x0
	isb
	mrs	x0, hcr_el2
	mov	x22, #2			/* BOOT_REFUSED_E2H */
	tbnz	x0, #34, 2f
	mov	x22, #0
	load_imm x0, SCTLR_EL2_RES1
	msr	sctlr_el2, x0
	b	3f
1:	mov	x22, #1			/* BOOT_REFUSED_EL1 */
2:	/* With E2H set these names reach the EL2 registers. */
	load_imm x0, SCTLR_EL1_RES1
	msr	sctlr_el1, x0
3:	isb

	/*
	 * What is written from here on bypasses the caches.  No line of it may
	 * be in one: not before, when it could be written back on top, nor
	 * afterwards, when it would hide what was written.
	 */
	bl	invalidate_early
	pc_rel	x0, boot_stack_top
	mov	sp, x0
	mov	x29, xzr
	adrp	x0, image_start
	cmp	x22, #0
	cset	x1, eq
	bl	early_map_init
	bl	invalidate_early

	pc_rel	x0, early_root
	cbnz	x22, refuse
	bl	el2_mmu_on
	ldr	x1, =primary_virtual
	br	x1

/* EL1, or EL2 with E2H: enough of a map to print a message. */
refuse:
	load_imm x1, MAIR_VALUE
	msr	mair_el1, x1
	load_imm x1, (TCR_T0SZ(EL2_VA_BITS) | TCR_IRGN0_WBWA | TCR_ORGN0_WBWA | TCR_SH0_INNER | TCR_EL1_EPD1)
	mrs	x2, id_aa64mmfr0_el1
	bl	pa_range
	orr	x1, x1, x2, lsl #TCR_EL1_IPS_SHIFT
	msr	tcr_el1, x1
	msr	ttbr0_el1, x0
	mov	x1, #(3 << 20)		/* CPACR_EL1.FPEN: libfdt uses SIMD */
	msr	cpacr_el1, x1
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	load_imm x1, (SCTLR_EL1_RES1 | SCTLR_M | SCTLR_C | SCTLR_I)
	msr	sctlr_el1, x1
	isb
	ldr	x1, =boot_stack_top
	mov	sp, x1
	mov	x0, x19
	mov	x1, x22
	ldr	x2, =boot_refused
	br	x2

park:
	wfe
	b	park

/* PSCI CPU_ON: MMU off, x0 unused. What is needed lies in secondary_boot. */
	.globl	secondary_entry
secondary_entry:
	msr	daifset, #0xf
	mov	x0, #HCR_RW
	msr	hcr_el2, x0
	load_imm x0, SCTLR_EL2_RES1
	msr	sctlr_el2, x0
	isb
	pc_rel	x0, early_root
	bl	el2_mmu_on
	ldr	x1, =secondary_virtual
	br	x1

/* x0 = root table.  Clobbers x1, x2. */
el2_mmu_on:
	mov	x3, x30
	load_imm x1, MAIR_VALUE
	msr	mair_el2, x1
	load_imm x1, (TCR_EL2_RES1 | TCR_T0SZ(EL2_VA_BITS) | TCR_IRGN0_WBWA | TCR_ORGN0_WBWA | TCR_SH0_INNER | TCR_TG0_4K)
	mrs	x2, id_aa64mmfr0_el1
	bl	pa_range
	orr	x1, x1, x2, lsl #TCR_EL2_PS_SHIFT
	msr	tcr_el2, x1
	msr	ttbr0_el2, x0
	isb
	tlbi	alle2
	ic	iallu
	dsb	nsh
	isb
	load_imm x1, (SCTLR_EL2_RES1 | SCTLR_M | SCTLR_C | SCTLR_SA | SCTLR_I | SCTLR_WXN)
	msr	sctlr_el2, x1
	isb
	ret	x3

/* x2: ID_AA64MMFR0_EL1 -> its PARange, at most 5 (48 bits). */
pa_range:
	and	x2, x2, #0xf
	cmp	x2, #5
	b.ls	1f
	mov	x2, #5
1:	ret

/* Clobbers x0..x3. */
invalidate_early:
	pc_rel	x0, early_start
	pc_rel	x1, early_end
	mrs	x2, ctr_el0		/* DminLine: log2 of words */
	ubfx	x2, x2, #16, #4
	mov	x3, #4
	lsl	x3, x3, x2
	dmb	sy
1:	dc	ivac, x0
	add	x0, x0, x3
	cmp	x0, x1
	b.lo	1b
	dsb	sy
	ret
	.ltorg

	.text
primary_virtual:
	ldr	x0, =boot_stack_top
	mov	sp, x0
	ldr	x0, =bss_start
	ldr	x1, =bss_end
1:	stp	xzr, xzr, [x0], #16
	cmp	x0, x1
	b.lo	1b
	mov	x0, #CPTR_RES1		/* libfdt uses SIMD registers */
	msr	cptr_el2, x0
	ldr	x0, =early_vectors
	msr	vbar_el2, x0
	ldr	x0, =percpu_table
	msr	tpidr_el2, x0
	isb
	mov	x29, xzr
	mov	x30, xzr
	mov	x0, x19
	b	boot_main

secondary_virtual:
	ldr	x3, =secondary_boot
	ldp	x0, x1, [x3]		/* root, stack */
	ldp	x2, x4, [x3, #16]	/* percpu, index */
	msr	ttbr0_el2, x0
	isb
	tlbi	alle2			/* drops the identity page */
	dsb	nsh
	isb
	mov	sp, x1
	msr	tpidr_el2, x2
	ldr	x0, =early_vectors
	msr	vbar_el2, x0
	isb
	mov	x29, xzr
	mov	x30, xzr
	mov	x0, x4
	b	boot_secondary
