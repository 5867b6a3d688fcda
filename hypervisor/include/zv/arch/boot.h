/* SPDX-License-Identifier: BSD-2-Clause */
/* Arch contract: boot.  Boot CPU only, in the order given here. */
#ifndef ZV_ARCH_BOOT_H
#define ZV_ARCH_BOOT_H

#include <zv/mm.h>
#include <zv/types.h>

struct host_facts;

/* First of all: counter, bounds of the boot stack. */
void arch_boot_early(void);
/* The loader's device tree, mapped for the time of boot_main(); NULL if bad. */
const void *arch_boot_fdt(u64 fdt_pa);
/* Hardware name of the CPU that runs this. */
u64 arch_boot_cpu(void);
/* RAM the image occupies, page aligned. */
struct mem_range arch_boot_image(void);
/*
 * Direct map for the time before arch_boot_map().  -ENOMEM if the ranges are
 * too scattered for the tables there are.
 */
int arch_boot_direct_map(const struct mem_range *ram, u32 count);
/* The final map (page allocator works now): W^X, no alias of the image. */
int arch_boot_map(const struct mem_range *ram, u32 count);
/* Tells the drivers of the architecture where their devices are. */
int arch_boot_devices(const struct host_facts *facts);
/* Registers in EL2's address space, for good. */
void *arch_map_device(paddr_t pa, u64 size);

/*
 * zone0's interrupt controller stands where the host's is and gets
 * `event_count` lines above the physical ones, from `event_first` on.
 */
int arch_boot_zone0_vic(const struct host_facts *facts);

#endif /* ZV_ARCH_BOOT_H */
