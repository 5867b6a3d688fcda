/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the aarch64 files share about EL2 itself: address layout, stage-2
 * control value, device mappings, firmware calls.
 */
#ifndef ZV_AARCH64_EL2_H
#define ZV_AARCH64_EL2_H

/*
 * Virtual addresses of EL2: 48 bits, one table.  The lower half holds the
 * hypervisor's own window, the upper half the direct map of RAM; so RAM may lie
 * anywhere below 2^47.
 */
#define EL2_VA_BITS 48
#define EL2_IMAGE_VA 0x00007f0000000000
#define EL2_IMAGE_MAX 0x0000000000400000
#define EL2_FDT_VA 0x00007f0080000000 /* boot only */
#define EL2_DEVICE_VA 0x00007f00c0000000
#define EL2_DEVICE_SIZE 0x0000000040000000
#define EL2_STACK_VA 0x00007f0100000000
#define EL2_DIRECT_VA 0x0000800000000000

#define EL2_STACK_SIZE 0x4000
#define EL2_STACK_ORDER 2
#define EL2_STACK_STRIDE 0x8000 /* the rest is guard */

#ifndef __ASSEMBLY__

#include <zv/types.h>

struct mem_range;

/* PARange of ID_AA64MMFR0_EL1 as bits, at most what this build can use. */
u32 el2_pa_bits(void);
/* VTCR_EL2, the same for every zone. */
u64 el2_stage2_vtcr(void);

/*
 * Maps registers into the device window, at the same address for good.  Boot
 * CPU only; panics when the window is full.
 */
void *map_device(paddr_t pa, u64 size);

/* The early map of head.S: static tables, before page_alloc() works. */
void early_map_init(u64 image_pa, bool el2);
void early_map(u64 va, paddr_t pa, u64 size, u32 attrs);

/* SMCCC 1.1 call to the firmware (DEN 0028): result of x0. */
u64 smc_call(u64 fn, u64 a1, u64 a2, u64 a3);

/* Exception table of the guests' exits (entry.S). */
extern char guest_vectors[];

/* Register file at a fault of EL2 itself, as exception.S stores it. */
struct el2_regs {
	u64 x[31];
	u64 sp;
	u64 elr;
	u64 spsr;
	u64 esr;
	u64 far;
};

#endif /* __ASSEMBLY__ */

#endif /* ZV_AARCH64_EL2_H */
