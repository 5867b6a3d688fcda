/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot-time facts and steps.  Runs on the boot CPU only, before any guest.
 */
#ifndef ZV_BOOT_H
#define ZV_BOOT_H

#include <zv/abi_all.h>
#include <zv/mm.h>
#include <zv/types.h>

#define BOOT_DEVICES_MAX 128

/* What the host device tree says, and nothing else. */
struct host_facts {
	struct mem_range ram[MEM_RANGES_MAX];
	u32 ram_count;
	struct mem_range
		reserved[MEM_RANGES_MAX]; /* memreserve, /reserved-memory */
	u32 reserved_count;
	struct mem_range device[BOOT_DEVICES_MAX]; /* page aligned, merged */
	u32 device_count;
	u64 cpu_id[ZV_PCPUS_MAX]; /* MPIDR affinity / hart id, boot CPU first */
	u32 cpu_count;
	struct mem_range initrd; /* the FIT; size 0 if absent */
	bool psci_hvc; /* PSCI conduit below us is HVC (never on real EL2) */
	struct {
		u64 base;
		u32 intid;
		bool present;
	} uart; /* PL011 of /chosen stdout-path */
	struct {
		struct mem_range dist;
		struct mem_range redist[8];
		u32 redist_count;
		u32 maintenance; /* INTID */
		bool present;
	} gic;
	u32 timer_ppi[4]; /* INTIDs: secure, phys, virt, hyp */
};

/* 0 or -EINVAL with the reason logged. */
int host_facts_read(const void *fdt, u64 boot_cpu, struct host_facts *ret);
/* Fills ret->uart only, and logs nothing; false if there is none. */
bool host_facts_uart(const void *fdt, struct host_facts *ret);

struct fit_image {
	const void *data;
	u64 size;
};
struct fit_bundle {
	struct fit_image kernel;
	struct fit_image ramdisk; /* size 0 if absent */
	const char *bootargs; /* NULL if absent */
	u64 zone0_memory; /* bytes; 0 = half of RAM */
	u32 zone0_cpus; /* 0 = all */
};
/* Every offset and string in the FIT is checked. -EINVAL with reason logged. */
int fit_read(const void *fit, u64 size, struct fit_bundle *ret);

/*
 * Creates zone0: RAM, devices, interrupts, device tree, kernel, vCPU 0.  mem is
 * its RAM, sorted, and not yet mapped or marked; the kernel goes into the
 * biggest range.
 */
int zone0_build(const void *host_fdt, const struct host_facts *facts,
		const struct fit_bundle *bundle, const struct mem_range *mem,
		u32 mem_count);

/* First C code of the boot CPU, MMU on: fdt_pa as the loader gave it. */
__attribute__((noreturn)) void boot_main(u64 fdt_pa);
/* First C code of a secondary, MMU on. */
__attribute__((noreturn)) void boot_secondary(u32 cpu);

#endif /* ZV_BOOT_H */
