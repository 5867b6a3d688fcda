/* SPDX-License-Identifier: BSD-2-Clause */
/* Structure offsets for assembly: `->NAME value` lines, read by the build. */
#include <zv/percpu.h>
#include <zv/vcpu.h>

#define DEFINE(name, value) \
	__asm__ volatile("\n->" #name " %0" : : "i"((u64)(value)))

void asm_offsets(void);

void asm_offsets(void)
{
	DEFINE(GUEST_REGS_X, offsetof(struct guest_regs, x));
	DEFINE(GUEST_REGS_PC, offsetof(struct guest_regs, pc));
	DEFINE(GUEST_FP_V, offsetof(struct guest_fp, v));
	DEFINE(GUEST_FP_FPSR, offsetof(struct guest_fp, fpsr));
}
