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

struct pgtable;

/* The final map of EL2. */
struct pgtable *el2_pgtable(void);

/* PARange of ID_AA64MMFR0_EL1 as bits, at most what this build can use. */
u32 el2_pa_bits(void);
/* VTCR_EL2, the same for every zone. */
u64 el2_stage2_vtcr(void);
/* An empty root for the moments when VTTBR_EL2 holds a VMID and no table. */
void stage2_set_empty_root(paddr_t root);
/*
 * A vCPU was put: nothing may be walked, not even speculatively, in tables that
 * its zone is free to give back from now on.
 */
void stage2_leave(void);

/*
 * Maps registers into the device window, at the same address for good.  Boot
 * CPU only; panics when the window is full.
 */
void *map_device(paddr_t pa, u64 size);

/*
 * The map until page_alloc() works, from static tables (early_map.c).  init
 * runs from head.S with the MMU off: image, identity page of the switch.
 */
void early_map_init(u64 image_pa, u64 el2);
/* -ENOMEM when the tables are used up; what was mapped stays. */
int early_map(u64 va, paddr_t pa, u64 size, u32 attrs);
paddr_t early_image_pa(void);
/* Calls fn for each part of the image with its attributes. */
void early_image_parts(void (*fn)(u64 va, u64 size, u32 attrs, void *arg),
		       void *arg);

/* Firmware may have left us at EL1, or at EL2 with E2H stuck: say so. */
enum boot_refusal {
	BOOT_REFUSED_EL1 = 1,
	BOOT_REFUSED_E2H
};
__attribute__((noreturn)) void boot_refused(u64 fdt_pa, u64 why);

/* Return addresses up from a frame record, while it lies on this stack. */
void backtrace_from(u64 fp, void (*fn)(u64 pc, void *arg), void *arg);

/* Boot CPU, before the first arch_time_ns(). */
void time_setup(void);

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
