/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host tree with arbitrary content: facts, then zone0's tree from it.  The
 * oracle: lists are sorted, disjoint and page aligned, no device covers RAM or
 * the interrupt controller, and a tree that is made is a valid one which names
 * none of the host's own memory.
 */
#include "fdt_edit.h"

#include <stdlib.h>
#include <string.h>

#include <libfdt.h>
#include <zv/boot.h>
#include <zv/fdt_walk.h>
#include <zv/log.h>
#include <zv/mem_range.h>
#include <zv/zone0_fdt.h>

#define OUT_SIZE (256 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static u8 out[OUT_SIZE];
static const struct mem_range zone0_ram = { 0x80000000, 0x10000000 };

void log_write(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

static void expect(bool ok)
{
	if (!ok) {
		abort();
	}
}

static void check_list(const struct mem_range *r, u32 count, u32 max)
{
	u64 end = 0;

	expect(count <= max);
	for (u32 i = 0; i < count; i++) {
		expect(r[i].size > 0 && r[i].start >= end);
		expect(IS_ALIGNED(r[i].start | r[i].size, PAGE_SIZE));
		expect(range_end(r[i]) > r[i].start);
		end = range_end(r[i]);
	}
}

static void check_facts(struct host_facts *f)
{
	struct range_list devices = { f->device, f->device_count,
				      BOOT_DEVICES_MAX };

	check_list(f->ram, f->ram_count, MEM_RANGES_MAX);
	check_list(f->reserved, f->reserved_count, MEM_RANGES_MAX);
	check_list(f->device, f->device_count, BOOT_DEVICES_MAX);
	for (u32 i = 0; i < f->ram_count; i++) {
		expect(!range_overlaps(&devices, f->ram[i].start,
				       f->ram[i].size));
	}
	expect(f->cpu_count >= 1 && f->cpu_count <= ZV_PCPUS_MAX);
	expect(f->cpu_id[0] == 0);
	for (u32 i = 0; i < 4; i++) {
		expect(f->timer_ppi[i] >= 16 && f->timer_ppi[i] < 32);
	}
}

static enum fdt_walk_next check_node(const void *fdt, int node,
				     const struct fdt_bus *bus, void *ctx)
{
	struct mem_range r;

	(void)ctx;
	if (fdt_prop_equals(fdt, node, "device_type", "memory") &&
	    fdt_walk_reg(fdt, node, bus, 0, &r)) {
		expect(r.start == zone0_ram.start && r.size == zone0_ram.size);
	}
	return FDT_WALK_CHILDREN;
}

static void build(const void *fdt, const struct host_facts *f)
{
	struct zone0_fdt_params p = {
		.ram = &zone0_ram,
		.ram_count = 1,
		.cpu_id = f->cpu_id,
		.cpu_count = f->cpu_count,
		.bootargs = "x",
		.host_page = 0x1000,
		.event_first = 64,
		.event_count = f->cpu_count,
	};

	if (zone0_fdt_build(fdt, &p, out, sizeof(out)) == 0) {
		expect(fdt_is_valid(out, sizeof(out)));
		fdt_walk(out, check_node, NULL);
	}
}

static const char *const names[] = {
	"memory",
	"device_type",
	"reg",
	"ranges",
	"#address-cells",
	"#size-cells",
	"compatible",
	"arm,gic-v3",
	"arm,armv8-timer",
	"interrupts",
	"#interrupt-cells",
	"reserved-memory",
	"cpus",
	"cpu",
	"status",
	"disabled",
	"stdout-path",
	"linux,initrd-start",
	"pci",
	"arm,pl011",
	"arm,gic-v3-its",
	"psci",
	"arm,psci-1.0",
	"hypervisor",
	"chosen",
	"okay",
	"#redistributor-regions",
	"interrupt-parent",
	"phandle",
	"msi-map",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct host_facts facts;
	size_t fdt_size;
	u8 *fdt;

	if (size > OUT_SIZE / 2) {
		return 0;
	}
	fdt = fdt_edit(data, size, names, ARRAY_SIZE(names), &fdt_size);
	/* As arch_boot_fdt() does. */
	if (fdt != NULL && fdt_is_valid(fdt, fdt_size)) {
		host_facts_uart(fdt, &facts);
		if (host_facts_read(fdt, 0, &facts) == 0) {
			check_facts(&facts);
			build(fdt, &facts);
		}
	}
	free(fdt);
	return 0;
}
