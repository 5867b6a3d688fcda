/* SPDX-License-Identifier: BSD-2-Clause */
#include <zv/boot.h>
#include <zv/errno.h>
#include <zv/fdt_walk.h>
#include <zv/log.h>
#include <zv/mem_range.h>
#include <zv/string.h>

/* First cell of an interrupt of the GIC binding. */
#define GIC_SPI 0
#define GIC_PPI 1
#define GIC_SPI_BASE 32
#define GIC_PPI_BASE 16
#define GIC_CELLS_MIN 3

#define REG_ENTRIES_MAX 64

struct reader {
	struct host_facts *facts;
	struct range_list ram;
	struct range_list reserved;
	struct range_list device;
	int stdout_node; /* or negative */
	int timer_node;
	u32 gic_cells; /* #interrupt-cells */
	bool devices_full;
};

/* ------------------------------------------------------------- console */

static int stdout_node(const void *fdt)
{
	int chosen = fdt_path_offset(fdt, "/chosen");
	const char *path;
	const char *options;

	if (chosen < 0) {
		return -1;
	}
	path = fdt_string_prop(fdt, chosen, "stdout-path");
	if (path == NULL) {
		return -1;
	}
	options = strchr(path, ':');
	return fdt_path_offset_namelen(fdt, path,
				       options == NULL ? (int)strlen(path)
						       : (int)(options - path));
}

static u32 interrupt_id(const fdt32_t *cell)
{
	u32 number = fdt32_ld(&cell[1]);

	return fdt32_ld(&cell[0]) == GIC_PPI ? number + GIC_PPI_BASE
					     : number + GIC_SPI_BASE;
}

/* Entry `index` of `interrupts`, or 0: that is an SGI and so none. */
static u32 interrupt_of(const void *fdt, int node, u32 cells, u32 index)
{
	u32 count;
	const fdt32_t *p = fdt_cells_prop(fdt, node, "interrupts", &count);

	if (cells < GIC_CELLS_MIN || index >= count / cells) {
		return 0;
	}
	return interrupt_id(&p[index * cells]);
}

static void read_uart(const void *fdt, int node, const struct fdt_bus *bus,
		      struct host_facts *ret)
{
	struct mem_range reg;

	if (fdt_is_compatible(fdt, node, "arm,pl011") &&
	    fdt_walk_reg(fdt, node, bus, 0, &reg)) {
		ret->uart.base = reg.start;
		ret->uart.intid = interrupt_of(fdt, node, GIC_CELLS_MIN, 0);
		ret->uart.present = true;
	}
}

static enum fdt_walk_next visit_uart(const void *fdt, int node,
				     const struct fdt_bus *bus, void *ctx)
{
	struct reader *r = ctx;

	if (node != r->stdout_node) {
		return FDT_WALK_CHILDREN;
	}
	read_uart(fdt, node, bus, r->facts);
	return FDT_WALK_STOP;
}

bool host_facts_uart(const void *fdt, struct host_facts *ret)
{
	struct reader r = { .facts = ret, .stdout_node = stdout_node(fdt) };

	ret->uart.present = false;
	if (r.stdout_node >= 0) {
		fdt_walk(fdt, visit_uart, &r);
	}
	return ret->uart.present;
}

/* -------------------------------------------------------------- memory */

static void add_ram(struct reader *r, struct mem_range reg)
{
	/* Only whole pages are memory we can use. */
	u64 start = ALIGN_UP(reg.start, PAGE_SIZE);
	u64 end = ALIGN_DOWN(reg.start + reg.size, PAGE_SIZE);

	if (start < reg.start || end <= start) {
		return;
	}
	if (range_add(&r->ram, start, end - start) != 0) {
		log_warn("device tree: more than %u memory ranges, %lx ignored",
			 MEM_RANGES_MAX, start);
	}
}

/* -ENOSPC: what must be kept off cannot be noted. */
static int add_reserved(struct reader *r, u64 start, u64 size)
{
	int err = size == 0 ? 0 : range_add(&r->reserved, start, size);

	if (err != 0) {
		log_error("device tree: reserved range %lx+%lx: %s", start,
			  size, err == -ENOSPC ? "too many" : "invalid");
	}
	return err;
}

static int read_reserved(const void *fdt, struct reader *r)
{
	int node = fdt_path_offset(fdt, "/reserved-memory");
	int count = fdt_num_mem_rsv(fdt);
	struct fdt_bus bus;
	int child;
	int err = 0;

	for (int i = 0; i < count && err == 0; i++) {
		u64 start, size;

		if (fdt_get_mem_rsv(fdt, i, &start, &size) == 0) {
			err = add_reserved(r, start, size);
		}
	}
	if (node < 0) {
		return err;
	}
	/* Its addresses are the root's (Devicetree specification 3.5). */
	bus = (struct fdt_bus){
		.address_cells = fdt_u32_prop(fdt, node, "#address-cells", 2),
		.size_cells = fdt_u32_prop(fdt, node, "#size-cells", 1),
	};
	bus.opaque = bus.address_cells > 2 || bus.size_cells > 2;
	fdt_for_each_subnode(child, fdt, node)
	{
		struct mem_range reg;

		for (u32 i = 0; i < REG_ENTRIES_MAX && err == 0 &&
				fdt_walk_reg(fdt, child, &bus, i, &reg);
		     i++) {
			err = add_reserved(r, reg.start, reg.size);
		}
	}
	return err;
}

/* ------------------------------------------------------------- devices */

static void add_device(struct reader *r, u64 start, u64 size)
{
	/* A register of size 0 or at the end of all addresses is no range. */
	if (range_add(&r->device, start, size) == -ENOSPC) {
		r->devices_full = true;
	}
}

static void add_device_regs(const void *fdt, int node,
			    const struct fdt_bus *bus, struct reader *r)
{
	struct mem_range reg;

	for (u32 i = 0;
	     i < REG_ENTRIES_MAX && fdt_walk_reg(fdt, node, bus, i, &reg);
	     i++) {
		add_device(r, reg.start, reg.size);
	}
}

/* The windows of a PCI host: (3 cells of PCI, parent address, size). */
static void add_pci_windows(const void *fdt, int node,
			    const struct fdt_bus *bus, struct reader *r)
{
	const u32 pci_cells = 3;
	u32 size_cells = fdt_u32_prop(fdt, node, "#size-cells", 2);
	u32 entry = pci_cells + bus->address_cells + size_cells;
	u32 count;
	const fdt32_t *p = fdt_cells_prop(fdt, node, "ranges", &count);

	if (bus->opaque || size_cells > 2) {
		return;
	}
	for (u32 i = 0; i < count / entry; i++) {
		const fdt32_t *c = &p[i * entry + pci_cells];
		u64 start = fdt_cells_get(c, bus->address_cells);
		u64 size = fdt_cells_get(c + bus->address_cells, size_cells);

		if (fdt_walk_translate(bus, start, size, &start)) {
			add_device(r, start, size);
		}
	}
}

static void read_gic(const void *fdt, int node, const struct fdt_bus *bus,
		     struct reader *r)
{
	struct host_facts *f = r->facts;
	u32 regions = fdt_u32_prop(fdt, node, "#redistributor-regions", 1);
	u32 count = 0;

	if (f->gic.present || !fdt_walk_reg(fdt, node, bus, 0, &f->gic.dist)) {
		return;
	}
	while (count < MIN(regions, (u32)ARRAY_SIZE(f->gic.redist)) &&
	       fdt_walk_reg(fdt, node, bus, 1 + count, &f->gic.redist[count])) {
		count++;
	}
	f->gic.redist_count = count;
	r->gic_cells =
		fdt_u32_prop(fdt, node, "#interrupt-cells", GIC_CELLS_MIN);
	f->gic.maintenance = interrupt_of(fdt, node, r->gic_cells, 0);
	f->gic.present = count > 0;
}

static void read_psci(const void *fdt, int node, struct host_facts *f)
{
	f->psci_hvc = fdt_prop_equals(fdt, node, "method", "hvc");
}

static bool is_psci(const void *fdt, int node)
{
	return fdt_is_compatible(fdt, node, "arm,psci-1.0") ||
	       fdt_is_compatible(fdt, node, "arm,psci-0.2") ||
	       fdt_is_compatible(fdt, node, "arm,psci");
}

/* Nodes with a meaning of their own, which are not devices of a bus. */
static bool is_special(const void *fdt, int node)
{
	static const char name[][16] = { "cpus", "chosen", "reserved-memory",
					 "aliases" };
	const char *own = fdt_get_name(fdt, node, NULL);

	for (u32 i = 0; own != NULL && i < ARRAY_SIZE(name); i++) {
		if (strcmp(own, name[i]) == 0) {
			return true;
		}
	}
	return false;
}

static enum fdt_walk_next visit(const void *fdt, int node,
				const struct fdt_bus *bus, void *ctx)
{
	struct reader *r = ctx;
	struct mem_range reg;

	if ((bus->parent == NULL && is_special(fdt, node)) ||
	    !fdt_is_enabled(fdt, node)) {
		return FDT_WALK_SKIP;
	}
	if (fdt_prop_equals(fdt, node, "device_type", "memory")) {
		for (u32 i = 0; i < REG_ENTRIES_MAX &&
				fdt_walk_reg(fdt, node, bus, i, &reg);
		     i++) {
			add_ram(r, reg);
		}
		return FDT_WALK_SKIP;
	}
	if (fdt_is_compatible(fdt, node, "arm,gic-v3")) {
		read_gic(fdt, node, bus, r);
		return FDT_WALK_SKIP;
	}
	if (is_psci(fdt, node)) {
		read_psci(fdt, node, r->facts);
	} else if (fdt_is_compatible(fdt, node, "arm,armv8-timer")) {
		r->timer_node = node;
	}
	if (node == r->stdout_node) {
		read_uart(fdt, node, bus, r->facts);
	}
	add_device_regs(fdt, node, bus, r);
	if (fdt_prop_equals(fdt, node, "device_type", "pci")) {
		add_pci_windows(fdt, node, bus, r);
		return FDT_WALK_SKIP;
	}
	return FDT_WALK_CHILDREN;
}

/* ---------------------------------------------------------------- CPUs */

static int read_cpus(const void *fdt, u64 boot_cpu, struct host_facts *f)
{
	int cpus = fdt_path_offset(fdt, "/cpus");
	u32 cells = cpus < 0 ? 0 : fdt_u32_prop(fdt, cpus, "#address-cells", 1);
	bool boot_found = false;
	u32 left_out = 0;
	int node;

	if (cells == 0 || cells > 2) {
		log_error("device tree: no /cpus, or bad #address-cells in it");
		return -EINVAL;
	}
	f->cpu_id[0] = boot_cpu;
	f->cpu_count = 1;
	fdt_for_each_subnode(node, fdt, cpus)
	{
		u32 count;
		const fdt32_t *p = fdt_cells_prop(fdt, node, "reg", &count);
		u64 id = count >= cells ? fdt_cells_get(p, cells) : 0;

		if (!fdt_prop_equals(fdt, node, "device_type", "cpu") ||
		    count < cells) {
			continue;
		}
		if (id == boot_cpu) {
			boot_found = true;
		} else if (!fdt_is_enabled(fdt, node) ||
			   f->cpu_count == ZV_PCPUS_MAX) {
			left_out++;
		} else {
			f->cpu_id[f->cpu_count++] = id;
		}
	}
	if (!boot_found) {
		log_error("device tree: /cpus has no CPU with reg %lx, "
			  "the one that boots",
			  boot_cpu);
		return -EINVAL;
	}
	if (left_out > 0) {
		log_info("%u CPUs disabled or above the limit of %u", left_out,
			 ZV_PCPUS_MAX);
	}
	return 0;
}

/* --------------------------------------------------------------- chosen */

/* One or two cells, as loaders write it. */
static bool address_prop(const void *fdt, int node, const char *name, u64 *ret)
{
	u32 count;
	const fdt32_t *p = fdt_cells_prop(fdt, node, name, &count);

	if (count != 1 && count != 2) {
		return false;
	}
	*ret = fdt_cells_get(p, count);
	return true;
}

static void read_initrd(const void *fdt, struct host_facts *f)
{
	int chosen = fdt_path_offset(fdt, "/chosen");
	u64 start, end;

	if (chosen >= 0 &&
	    address_prop(fdt, chosen, "linux,initrd-start", &start) &&
	    address_prop(fdt, chosen, "linux,initrd-end", &end) &&
	    end > start) {
		f->initrd = (struct mem_range){ start, end - start };
	}
}

static int check(const struct reader *r)
{
	const struct host_facts *f = r->facts;

	if (r->ram.count == 0) {
		log_error("device tree: no memory");
		return -EINVAL;
	}
	if (r->devices_full) {
		log_error("device tree: more than %u device ranges",
			  BOOT_DEVICES_MAX);
		return -EINVAL;
	}
	if (!f->gic.present) {
		log_error("device tree: no arm,gic-v3 with a redistributor");
		return -EINVAL;
	}
	if (r->timer_node < 0) {
		log_error("device tree: no arm,armv8-timer");
		return -EINVAL;
	}
	return 0;
}

static int read_timer(const void *fdt, struct reader *r)
{
	struct host_facts *f = r->facts;

	for (u32 i = 0; i < ARRAY_SIZE(f->timer_ppi); i++) {
		u32 intid = interrupt_of(fdt, r->timer_node, r->gic_cells, i);

		if (intid < GIC_PPI_BASE || intid >= GIC_SPI_BASE) {
			log_error("device tree: timer: interrupt %u is no PPI",
				  i);
			return -EINVAL;
		}
		f->timer_ppi[i] = intid;
	}
	if (f->gic.maintenance < GIC_PPI_BASE ||
	    f->gic.maintenance >= GIC_SPI_BASE) {
		log_error("device tree: arm,gic-v3: the maintenance interrupt "
			  "is missing or no PPI");
		return -EINVAL;
	}
	return 0;
}

/* RAM and the interrupt controller are nobody's device. */
static int trim_devices(struct reader *r)
{
	const struct host_facts *f = r->facts;
	int err = range_remove(&r->device, f->gic.dist.start, f->gic.dist.size);

	for (u32 i = 0; i < f->gic.redist_count && err == 0; i++) {
		err = range_remove(&r->device, f->gic.redist[i].start,
				   f->gic.redist[i].size);
	}
	for (u32 i = 0; i < r->ram.count && err == 0; i++) {
		err = range_remove(&r->device, r->ram.item[i].start,
				   r->ram.item[i].size);
	}
	if (err != 0) {
		log_error("device tree: device ranges too scattered");
	}
	return err == 0 ? 0 : -EINVAL;
}

int host_facts_read(const void *fdt, u64 boot_cpu, struct host_facts *ret)
{
	struct reader r = {
		.facts = ret,
		.ram = { ret->ram, 0, MEM_RANGES_MAX },
		.reserved = { ret->reserved, 0, MEM_RANGES_MAX },
		.device = { ret->device, 0, BOOT_DEVICES_MAX },
		.stdout_node = stdout_node(fdt),
		.timer_node = -1,
	};

	memset(ret, 0, sizeof(*ret));
	fdt_walk(fdt, visit, &r);
	if (check(&r) != 0 || read_timer(fdt, &r) != 0 ||
	    read_cpus(fdt, boot_cpu, ret) != 0 || read_reserved(fdt, &r) != 0 ||
	    trim_devices(&r) != 0) {
		return -EINVAL;
	}
	read_initrd(fdt, ret);
	ret->ram_count = r.ram.count;
	ret->reserved_count = r.reserved.count;
	ret->device_count = r.device.count;
	return 0;
}
