/* SPDX-License-Identifier: BSD-2-Clause */
/* zone0's device tree, made from the host's. */
#ifndef ZV_ZONE0_FDT_H
#define ZV_ZONE0_FDT_H

#include <zv/mem_range.h>
#include <zv/types.h>

struct zone0_fdt_params {
	const struct mem_range *ram;
	u32 ram_count;
	const u64 *cpu_id; /* as struct host_facts has them */
	u32 cpu_count; /* how many of them zone0 gets */
	const char *bootargs; /* NULL: none */
	struct mem_range initrd; /* size 0: none */
	u64 host_page;
	u32 event_first; /* INTID */
	u32 event_count;
};

/*
 * Writes the tree into buf and packs it: 0, or -EINVAL with the reason logged
 * (-ENOSPC if buf is too small).
 */
int zone0_fdt_build(const void *host_fdt, const struct zone0_fdt_params *p,
		    void *buf, size_t size);

#endif /* ZV_ZONE0_FDT_H */
