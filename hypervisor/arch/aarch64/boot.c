/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EL2's own address space: what head.S began is replaced by the final map, and
 * devices are added to either.
 */
#include <zv/arch/boot.h>
#include <zv/arch/irq.h>
#include <zv/arch/mm.h>
#include <zv/boot.h>
#include <zv/check.h>
#include <zv/console.h>
#include <zv/el2.h>
#include <zv/errno.h>
#include <zv/fdt_walk.h>
#include <zv/gicv3.h>
#include <zv/io.h>
#include <zv/log.h>
#include <zv/percpu.h>
#include <zv/pgtable.h>
#include <zv/string.h>
#include <zv/sysreg.h>
#include <zv/vgic.h>

#define FDT_MAP_SIZE MIB(2) /* the boot protocol's limit as well */
#define DEVICES_MAX 32

extern char image_start[], image_end[];
extern char boot_stack_base[], boot_stack_top[];

static struct pgtable el2_pt;
static bool final_map;

/* Device mappings made before the final map, to be made again in it. */
static struct {
	u64 va;
	paddr_t pa;
	u64 size;
} devices[DEVICES_MAX];
static u32 device_count;
static u64 device_next = EL2_DEVICE_VA;

struct pgtable *el2_pgtable(void)
{
	return &el2_pt;
}

u64 arch_boot_cpu(void)
{
	return read_sysreg(mpidr_el1) & MPIDR_AFF_MASK;
}

struct mem_range arch_boot_image(void)
{
	return (struct mem_range){
		.start = early_image_pa().v,
		.size = (u64)(image_end - image_start),
	};
}

const void *arch_boot_fdt(u64 fdt_pa)
{
	u64 base = ALIGN_DOWN(fdt_pa, FDT_MAP_SIZE);
	const void *fdt;
	u64 size;

	if (fdt_pa == 0 || !IS_ALIGNED(fdt_pa, 8ull)) {
		return NULL;
	}
	fdt = (const void *)(uintptr_t)(EL2_FDT_VA + fdt_pa - base);
	if (early_map(EL2_FDT_VA, pa_make(base), FDT_MAP_SIZE, MAP_R) != 0 ||
	    fdt_magic(fdt) != FDT_MAGIC) {
		return NULL;
	}
	size = fdt_totalsize(fdt);
	if (size > FDT_MAP_SIZE) {
		return NULL;
	}
	if (fdt_pa - base + size > FDT_MAP_SIZE &&
	    early_map(EL2_FDT_VA + FDT_MAP_SIZE, pa_make(base + FDT_MAP_SIZE),
		      FDT_MAP_SIZE, MAP_R) != 0) {
		return NULL;
	}
	return fdt_is_valid(fdt, size) ? fdt : NULL;
}

int arch_boot_direct_map(const struct mem_range *ram, u32 count)
{
	int err = 0;

	for (u32 i = 0; i < count && err == 0; i++) {
		err = early_map(EL2_DIRECT_VA + ram[i].start,
				pa_make(ram[i].start), ram[i].size,
				MAP_R | MAP_W);
	}
	return err;
}

static void map_image_part(u64 va, u64 size, u32 attrs, void *arg)
{
	int *err = arg;
	paddr_t pa = pa_add(early_image_pa(), va - EL2_IMAGE_VA);

	/* Page by page, so that the entries equal those in use now. */
	for (u64 off = 0; off < size && *err == 0; off += PAGE_SIZE) {
		*err = pgtable_map(&el2_pt, va + off, pa_add(pa, off),
				   PAGE_SIZE, attrs);
	}
}

static int map_ram(u64 start, u64 end)
{
	if (start >= end) {
		return 0;
	}
	return pgtable_map(&el2_pt, EL2_DIRECT_VA + start, pa_make(start),
			   end - start, MAP_R | MAP_W);
}

/* All of it but the image, which so has no second, writable address. */
static int map_ram_range(const struct mem_range *r)
{
	struct mem_range image = arch_boot_image();
	u64 end = r->start + r->size;
	u64 image_last = image.start + image.size;
	int err;

	err = map_ram(r->start, MIN(end, MAX(image.start, r->start)));
	if (err != 0) {
		return err;
	}
	return map_ram(MAX(r->start, MIN(image_last, end)), end);
}

int arch_boot_map(const struct mem_range *ram, u32 count)
{
	struct pt_geometry g;
	paddr_t empty;
	int err;

	arch_pt_geometry(PT_STAGE2, &g);
	err = page_alloc_zeroed(g.root_order, FRAME_HV, 0, &empty);
	if (err != 0) {
		return err;
	}
	stage2_set_empty_root(empty);

	err = pgtable_init(&el2_pt, PT_STAGE1, 0, 0);
	if (err != 0) {
		return err;
	}
	early_image_parts(map_image_part, &err);
	for (u32 i = 0; i < count && err == 0; i++) {
		err = map_ram_range(&ram[i]);
	}
	for (u32 i = 0; i < device_count && err == 0; i++) {
		err = pgtable_map(&el2_pt, devices[i].va, devices[i].pa,
				  devices[i].size, MAP_R | MAP_W | MAP_DEVICE);
	}
	if (err != 0) {
		return err;
	}
	/*
	 * The image's entries are the same in both tables, and nothing else is
	 * touched between the switch and the invalidation: no address has two
	 * live translations.
	 */
	arch_stage1_activate(el2_pt.root);
	final_map = true;
	return 0;
}

void *map_device(paddr_t pa, u64 size)
{
	u64 offset = pa.v & (PAGE_SIZE - 1);
	paddr_t page = pa_make(ALIGN_DOWN(pa.v, PAGE_SIZE));
	u64 bytes = ALIGN_UP(size + offset, PAGE_SIZE);
	u64 va = device_next;
	u32 attrs = MAP_R | MAP_W | MAP_DEVICE;
	int err;

	CHECK(bytes <= EL2_DEVICE_VA + EL2_DEVICE_SIZE - va);
	CHECK(device_count < DEVICES_MAX);
	err = final_map ? pgtable_map(&el2_pt, va, page, bytes, attrs)
			: early_map(va, page, bytes, attrs);
	if (err != 0) {
		panic("no memory to map registers at %lx", pa.v);
	}
	if (!final_map) {
		devices[device_count].va = va;
		devices[device_count].pa = page;
		devices[device_count].size = bytes;
		device_count++;
	}
	/* A guard page after each. */
	device_next = va + bytes + PAGE_SIZE;
	return (void *)(uintptr_t)(va + offset);
}

void *arch_map_device(paddr_t pa, u64 size)
{
	return map_device(pa, size);
}

int arch_boot_devices(const struct host_facts *facts)
{
	return gicv3_setup(facts);
}

int arch_boot_zone0_vic(const struct host_facts *facts)
{
	u32 last = io_host_event_intid() + io_host_event_count();

	if (last > VGIC_INTIDS_MAX) {
		log_error("no room for zone0's events above the %u interrupts "
			  "of the controller",
			  arch_irq_count());
		return -ENOSPC;
	}
	vgic_host_layout(facts);
	return 0;
}

void arch_boot_early(void)
{
	struct arch_percpu *a = &this_cpu()->arch;

	a->stack_base = (u64)(uintptr_t)boot_stack_base;
	a->stack_top = (u64)(uintptr_t)boot_stack_top;
	time_setup();
}

/*
 * At the wrong exception level nothing of the hypervisor works but the early
 * map: the log needs EL2's registers, the console does not.
 */
void boot_refused(u64 fdt_pa, u64 why)
{
	const void *fdt = arch_boot_fdt(fdt_pa);
	const char *text =
		why == BOOT_REFUSED_EL1
			? "zonevisor: started at EL1, needs EL2. QEMU: "
			  "-M virt,virtualization=on\n"
			: "zonevisor: this CPU's EL2 works in host mode "
			  "(HCR_EL2.E2H) only\n";

	if (fdt != NULL) {
		console_init(fdt);
		console_write(text, strlen(text));
	}
	for (;;) {
		__asm__ volatile("wfe");
	}
}
