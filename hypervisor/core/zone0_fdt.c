/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nodes and properties that go are overwritten with NOPs, which moves nothing;
 * only then is the rest changed and added.
 */
#include <zv/abi_all.h>
#include <zv/errno.h>
#include <zv/fdt_walk.h>
#include <zv/log.h>
#include <zv/string.h>
#include <zv/zone0_fdt.h>

#define SPI_FIRST 32
#define GIC_SPI 0
#define GIC_EDGE_RISING 1
#define GIC_CELLS_MIN 3
#define GIC_CELLS_MAX 4
#define CELLS_MAX 2
#define NAME_SIZE 32
#define RESERVED_REGS_MAX 64

struct tree {
	void *fdt;
	const struct zone0_fdt_params *p;
	struct range_list ram; /* p->ram as a list */
	u32 address_cells; /* of the root */
	u32 size_cells;
	u32 cpu_cells; /* of /cpus */
	struct fdt_bus reserved; /* how /reserved-memory counts */
};

typedef bool (*match_fn)(const struct tree *t, int node);

/* ------------------------------------------------------------ what goes */

static void drop_nodes(const struct tree *t, match_fn match)
{
	int last = 0;
	int last_depth = 0;

	for (;;) {
		int depth = last_depth;
		int node = fdt_next_node(t->fdt, last, &depth);

		if (node < 0 || depth <= 0) {
			return;
		}
		if (match(t, node)) {
			fdt_nop_node(t->fdt, node);
		} else {
			last = node;
			last_depth = depth;
		}
	}
}

static bool is_memory(const struct tree *t, int node)
{
	return fdt_prop_equals(t->fdt, node, "device_type", "memory");
}

/* No virtual ITS yet, and the PMU is hidden: see docs/architecture.md. */
static bool is_hidden(const struct tree *t, int node)
{
	static const char name[][24] = {
		"arm,gic-v3-its",     "arm,armv8-pmuv3",
		"arm,cortex-a53-pmu", "arm,cortex-a72-pmu",
		"arm,cortex-a76-pmu", "arm,idle-state",
	};

	for (u32 i = 0; i < ARRAY_SIZE(name); i++) {
		if (fdt_is_compatible(t->fdt, node, name[i])) {
			return true;
		}
	}
	return false;
}

static bool is_spare_cpu(const struct tree *t, int node)
{
	u32 count;
	const fdt32_t *p;

	if (!fdt_prop_equals(t->fdt, node, "device_type", "cpu")) {
		return false;
	}
	p = fdt_cells_prop(t->fdt, node, "reg", &count);
	for (u32 i = 0; i < t->p->cpu_count && count >= t->cpu_cells; i++) {
		if (fdt_cells_get(p, t->cpu_cells) == t->p->cpu_id[i]) {
			return false;
		}
	}
	return true;
}

/* The topology names CPUs by phandle: wrong once some are gone. */
static bool is_cpu_map(const struct tree *t, int node)
{
	const char *name = fdt_get_name(t->fdt, node, NULL);

	return name != NULL && strcmp(name, "cpu-map") == 0;
}

static bool is_foreign_reservation(const struct tree *t, int node)
{
	int parent = fdt_path_offset(t->fdt, "/reserved-memory");
	struct mem_range r;

	if (parent < 0 || fdt_parent_offset(t->fdt, node) != parent) {
		return false;
	}
	for (u32 i = 0; i < RESERVED_REGS_MAX &&
			fdt_walk_reg(t->fdt, node, &t->reserved, i, &r);
	     i++) {
		if (!range_contains(&t->ram, r.start, r.size)) {
			return true;
		}
	}
	return false;
}

static void drop_property(const struct tree *t, const char *name)
{
	int node = 0;
	int depth = 0;

	while (node >= 0 && depth >= 0) {
		fdt_nop_property(t->fdt, node, name);
		node = fdt_next_node(t->fdt, node, &depth);
	}
}

static void drop_memreserve(const struct tree *t)
{
	for (int i = fdt_num_mem_rsv(t->fdt) - 1; i >= 0; i--) {
		u64 start, size;

		if (fdt_get_mem_rsv(t->fdt, i, &start, &size) == 0 &&
		    !range_contains(&t->ram, start, size)) {
			fdt_del_mem_rsv(t->fdt, i);
		}
	}
}

static void drop_what_zone0_lacks(const struct tree *t)
{
	static const char msi[][16] = { "msi-map",    "msi-map-mask",
					"msi-parent", "msi-controller",
					"mbi-ranges", "cpu-idle-states" };
	int spare = fdt_path_offset(t->fdt, "/hypervisor");
	int cpus = fdt_path_offset(t->fdt, "/cpus");
	u32 nodes = 0;
	int node;

	fdt_for_each_subnode(node, t->fdt, cpus)
	{
		nodes += fdt_prop_equals(t->fdt, node, "device_type", "cpu");
	}
	/* A hypervisor below this one is not zone0's business. */
	if (spare >= 0) {
		fdt_nop_node(t->fdt, spare);
	}
	drop_nodes(t, is_memory);
	drop_nodes(t, is_hidden);
	drop_nodes(t, is_spare_cpu);
	if (nodes > t->p->cpu_count) {
		drop_nodes(t, is_cpu_map);
	}
	drop_nodes(t, is_foreign_reservation);
	for (u32 i = 0; i < ARRAY_SIZE(msi); i++) {
		drop_property(t, msi[i]);
	}
}

/* --------------------------------------------------------- what is added */

/* Appends a number of `cells` cells; the new end. */
static fdt32_t *put_cells(fdt32_t *at, u64 v, u32 cells)
{
	for (u32 i = cells; i-- > 0;) {
		at[i] = cpu_to_fdt32((u32)v);
		v >>= 32;
	}
	return at + cells;
}

static int set_string(void *fdt, int node, const char *name, const char *value)
{
	return fdt_setprop(fdt, node, name, value, (int)strlen(value) + 1);
}

static int set_reg(const struct tree *t, int node, u64 start, u64 size)
{
	fdt32_t reg[2 * CELLS_MAX];
	fdt32_t *end = put_cells(reg, start, t->address_cells);

	end = put_cells(end, size, t->size_cells);
	return fdt_setprop(t->fdt, node, "reg", reg,
			   (int)((u8 *)end - (u8 *)reg));
}

static int add_memory(const struct tree *t)
{
	int err = 0;

	for (u32 i = t->p->ram_count; i-- > 0 && err == 0;) {
		const struct mem_range *r = &t->p->ram[i];
		char name[NAME_SIZE];
		int node;

		if (t->size_cells == 1 && r->size >> 32 != 0) {
			log_error("device tree: #size-cells 1 cannot hold %lx",
				  r->size);
			return -FDT_ERR_BADNCELLS;
		}
		zv_snprintf(name, sizeof(name), "memory@%lx", r->start);
		node = fdt_add_subnode(t->fdt, 0, name);
		if (node < 0) {
			return node;
		}
		err = set_reg(t, node, r->start, r->size);
		if (err == 0) {
			err = set_string(t->fdt, node, "device_type", "memory");
		}
	}
	return err;
}

static int set_cpus(const struct tree *t)
{
	int cpus = fdt_path_offset(t->fdt, "/cpus");
	int node;

	fdt_for_each_subnode(node, t->fdt, cpus)
	{
		int err;

		if (!fdt_prop_equals(t->fdt, node, "device_type", "cpu")) {
			continue;
		}
		err = set_string(t->fdt, node, "enable-method", "psci");
		if (err != 0) {
			return err;
		}
	}
	return 0;
}

/* zone0's firmware is the hypervisor. */
static int set_psci(const struct tree *t)
{
	static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2";
	int node = fdt_path_offset(t->fdt, "/psci");
	int err;

	if (node < 0) {
		node = fdt_node_offset_by_compatible(t->fdt, -1,
						     "arm,psci-1.0");
	}
	if (node < 0) {
		node = fdt_node_offset_by_compatible(t->fdt, -1,
						     "arm,psci-0.2");
	}
	if (node < 0) {
		node = fdt_add_subnode(t->fdt, 0, "psci");
	}
	if (node < 0) {
		return node;
	}
	err = fdt_setprop(t->fdt, node, "compatible", compatible,
			  sizeof(compatible));
	return err != 0 ? err : set_string(t->fdt, node, "method", "hvc");
}

static int set_initrd(const struct tree *t, int chosen)
{
	const struct mem_range *r = &t->p->initrd;
	int err;

	if (r->size == 0) {
		fdt_nop_property(t->fdt, chosen, "linux,initrd-start");
		fdt_nop_property(t->fdt, chosen, "linux,initrd-end");
		return 0;
	}
	err = fdt_setprop_u64(t->fdt, chosen, "linux,initrd-start", r->start);
	return err != 0 ? err
			: fdt_setprop_u64(t->fdt, chosen, "linux,initrd-end",
					  r->start + r->size);
}

static int set_chosen(const struct tree *t)
{
	int chosen = fdt_path_offset(t->fdt, "/chosen");
	int err;

	if (chosen == -FDT_ERR_NOTFOUND) {
		chosen = fdt_add_subnode(t->fdt, 0, "chosen");
	}
	if (chosen < 0) {
		return chosen;
	}
	if (t->p->bootargs == NULL) {
		fdt_nop_property(t->fdt, chosen, "bootargs");
		return set_initrd(t, chosen);
	}
	err = set_string(t->fdt, chosen, "bootargs", t->p->bootargs);
	return err != 0 ? err : set_initrd(t, chosen);
}

/* The interrupt controller's phandle and the cells of its interrupts. */
static int find_gic(const struct tree *t, u32 *ret_phandle, u32 *ret_cells)
{
	int gic = fdt_node_offset_by_compatible(t->fdt, -1, "arm,gic-v3");
	int err;

	if (gic < 0) {
		return gic;
	}
	*ret_cells =
		fdt_u32_prop(t->fdt, gic, "#interrupt-cells", GIC_CELLS_MIN);
	if (*ret_cells < GIC_CELLS_MIN || *ret_cells > GIC_CELLS_MAX) {
		return -FDT_ERR_BADNCELLS;
	}
	*ret_phandle = fdt_get_phandle(t->fdt, gic);
	if (*ret_phandle == 0) {
		err = fdt_generate_phandle(t->fdt, ret_phandle);
		if (err != 0) {
			return err;
		}
		return fdt_setprop_u32(t->fdt, gic, "phandle", *ret_phandle);
	}
	return 0;
}

static int set_events(const struct tree *t, int node, u32 phandle, u32 cells)
{
	int err = fdt_setprop_u32(t->fdt, node, "interrupt-parent", phandle);

	for (u32 i = 0; i < t->p->event_count && err == 0; i++) {
		fdt32_t irq[GIC_CELLS_MAX] = {
			cpu_to_fdt32(GIC_SPI),
			cpu_to_fdt32(t->p->event_first + i - SPI_FIRST),
			cpu_to_fdt32(GIC_EDGE_RISING),
		};

		err = fdt_appendprop(t->fdt, node, "interrupts", irq,
				     (int)(cells * sizeof(irq[0])));
	}
	return err;
}

static int add_hypervisor(const struct tree *t)
{
	u32 phandle, cells;
	int err = find_gic(t, &phandle, &cells);
	int node;

	if (err != 0) {
		return err;
	}
	node = fdt_add_subnode(t->fdt, 0, "hypervisor");
	if (node < 0) {
		return node;
	}
	err = set_events(t, node, phandle, cells);
	if (err == 0) {
		err = set_string(t->fdt, node, "method", "hvc");
	}
	if (err == 0) {
		err = fdt_setprop_u32(t->fdt, node, "zonevisor,abi-version",
				      ZV_ABI_VERSION);
	}
	if (err == 0) {
		err = set_reg(t, node, t->p->host_page, PAGE_SIZE);
	}
	if (err == 0) {
		err = set_string(t->fdt, node, "compatible",
				 "zonevisor,hypervisor");
	}
	return err;
}

static int change(const struct tree *t)
{
	int err = set_cpus(t);

	if (err == 0) {
		err = set_psci(t);
	}
	if (err == 0) {
		err = set_chosen(t);
	}
	if (err == 0) {
		err = add_hypervisor(t);
	}
	return err == 0 ? add_memory(t) : err;
}

static int read_cells(struct tree *t)
{
	int cpus = fdt_path_offset(t->fdt, "/cpus");
	int reserved = fdt_path_offset(t->fdt, "/reserved-memory");

	t->address_cells = fdt_u32_prop(t->fdt, 0, "#address-cells", 2);
	t->size_cells = fdt_u32_prop(t->fdt, 0, "#size-cells", 1);
	t->cpu_cells =
		cpus < 0 ? 0 : fdt_u32_prop(t->fdt, cpus, "#address-cells", 1);
	if (t->address_cells == 0 || t->address_cells > CELLS_MAX ||
	    t->size_cells == 0 || t->size_cells > CELLS_MAX ||
	    t->cpu_cells == 0 || t->cpu_cells > CELLS_MAX) {
		return -FDT_ERR_BADNCELLS;
	}
	t->reserved.address_cells = t->address_cells;
	t->reserved.size_cells = t->size_cells;
	if (reserved >= 0) {
		t->reserved.address_cells = fdt_u32_prop(
			t->fdt, reserved, "#address-cells", t->address_cells);
		t->reserved.size_cells = fdt_u32_prop(
			t->fdt, reserved, "#size-cells", t->size_cells);
		t->reserved.opaque = t->reserved.address_cells > CELLS_MAX ||
				     t->reserved.size_cells > CELLS_MAX;
	}
	return 0;
}

int zone0_fdt_build(const void *host_fdt, const struct zone0_fdt_params *p,
		    void *buf, size_t size)
{
	struct tree t = {
		.fdt = buf,
		.p = p,
		/* Only looked into. */
		.ram = { (struct mem_range *)(uintptr_t)p->ram, p->ram_count,
			 p->ram_count },
	};
	int err = size > INT32_MAX ? -FDT_ERR_NOSPACE
				   : fdt_open_into(host_fdt, buf, (int)size);

	if (err == 0) {
		err = read_cells(&t);
	}
	if (err == 0) {
		drop_memreserve(&t);
		drop_what_zone0_lacks(&t);
		err = change(&t);
	}
	if (err == 0) {
		err = fdt_pack(buf);
	}
	if (err != 0) {
		log_error("zone0's device tree: %s", fdt_strerror(err));
		return err == -FDT_ERR_NOSPACE ? -ENOSPC : -EINVAL;
	}
	return 0;
}
