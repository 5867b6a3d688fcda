/* SPDX-License-Identifier: BSD-2-Clause */
#include <zv/arch/boot.h>
#include <zv/arch/irq.h>
#include <zv/arch/mm.h>
#include <zv/boot.h>
#include <zv/errno.h>
#include <zv/io.h>
#include <zv/irq.h>
#include <zv/log.h>
#include <zv/mem_range.h>
#include <zv/percpu.h>
#include <zv/string.h>
#include <zv/zone.h>
#include <zv/zone0_fdt.h>

/* Linux's arm64 boot protocol: Documentation/arch/arm64/booting.rst */
#define IMAGE_MAGIC 0x644d5241u
#define IMAGE_ALIGN MIB(2)
#define FDT_SIZE MIB(2)

struct image_header {
	u32 code[2];
	u64 text_offset;
	u64 image_size;
	u64 flags;
	u64 reserved[3];
	u32 magic;
	u32 pe_offset;
};

/* Where the kernel, its initramfs and its device tree go. */
struct layout {
	u64 kernel;
	u64 kernel_size; /* in memory, bss included */
	u64 initrd;
	u64 fdt;
};

static int read_header(const struct fit_image *kernel, struct image_header *ret)
{
	if (kernel->size < sizeof(*ret)) {
		log_error("zone0's kernel is only %lu bytes", kernel->size);
		return -EINVAL;
	}
	memcpy(ret, kernel->data, sizeof(*ret));
	if (ret->magic != IMAGE_MAGIC) {
		log_error("zone0's kernel is no arm64 Image: it must be "
			  "uncompressed");
		return -EINVAL;
	}
	if (ret->image_size < kernel->size) {
		ret->image_size = kernel->size;
	}
	/* Both are far from wrapping once they are below this. */
	if (ret->text_offset >= IMAGE_ALIGN || ret->image_size > GIB(1)) {
		log_error("zone0's kernel: bad text_offset or image_size");
		return -EINVAL;
	}
	return 0;
}

static int place(const struct fit_bundle *b, const struct mem_range *ram,
		 struct layout *ret)
{
	struct image_header h;
	struct layout l;
	u64 end;

	if (read_header(&b->kernel, &h) != 0) {
		return -EINVAL;
	}
	l.kernel = ALIGN_UP(ram->start, IMAGE_ALIGN) + h.text_offset;
	l.kernel_size = h.image_size;
	l.fdt = ALIGN_UP(l.kernel + l.kernel_size, IMAGE_ALIGN);
	l.initrd = l.fdt + FDT_SIZE;
	end = l.initrd + b->ramdisk.size;
	if (end < l.initrd || end > range_end(*ram)) {
		log_error("zone0: %lu MiB of RAM in one piece do not hold its "
			  "kernel and initramfs",
			  ram->size >> 20);
		return -ENOMEM;
	}
	*ret = l;
	return 0;
}

static const struct mem_range *largest(const struct mem_range *mem, u32 count)
{
	const struct mem_range *best = &mem[0];

	for (u32 i = 1; i < count; i++) {
		if (mem[i].size > best->size) {
			best = &mem[i];
		}
	}
	return best;
}

/* -------------------------------------------------------------- stage 2 */

static int map_ram(struct zone *z, const struct mem_range *mem, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		paddr_t pa = pa_make(mem[i].start);
		int err;

		frame_mark(pa, mem[i].size, FRAME_ZONE, z->id);
		err = pgtable_map(&z->s2, pa.v, pa, mem[i].size,
				  MAP_R | MAP_W | MAP_X);
		if (err != 0) {
			return err;
		}
		z->pages += mem[i].size >> PAGE_SHIFT;
	}
	return 0;
}

static int map_devices(struct zone *z, const struct host_facts *facts)
{
	struct pt_geometry g;

	arch_pt_geometry(PT_STAGE2, &g);
	for (u32 i = 0; i < facts->device_count; i++) {
		const struct mem_range *r = &facts->device[i];
		int err;

		if (range_end(*r) > BIT(g.in_bits)) {
			log_warn("device at %lx is beyond the %u address bits "
				 "of this CPU",
				 r->start, g.in_bits);
			continue;
		}
		err = pgtable_map(&z->s2, r->start, pa_make(r->start), r->size,
				  MAP_R | MAP_W | MAP_DEVICE);
		if (err != 0) {
			log_error("zone0: device at %lx: error %d", r->start,
				  err);
			return err;
		}
	}
	return 0;
}

static int map_host_page(struct zone *z, paddr_t *ret_pa)
{
	int err = io_host_init(ret_pa);

	return err != 0 ? err
			: pgtable_map(&z->s2, ret_pa->v, *ret_pa, PAGE_SIZE,
				      MAP_R | MAP_W);
}

/* ----------------------------------------------------------- interrupts */

/* All lines of the machine; events are made up above them. */
static int assign_interrupts(u32 event_count)
{
	u32 lines = irq_table_count();
	u32 first = ALIGN_UP(lines, 32u);

	for (u32 intid = 32; intid < lines; intid++) {
		int err = irq_assign(intid, ZV_ZONE0);

		if (err != 0) {
			return err;
		}
	}
	io_host_set_events(first, event_count);
	return 0;
}

/* ---------------------------------------------------------------- files */

/*
 * The guest begins with its MMU off and so reads past the caches; nor may a
 * line of ours be written back on top of what it writes then.
 */
static void copy_out(u64 pa, const void *data, u64 size, u64 span)
{
	u8 *to = pa_to_va(pa_make(pa));

	memcpy(to, data, size);
	memset(to + size, 0, span - size);
	arch_dcache_clean_invalidate(to, span);
}

static int write_fdt(const void *host_fdt, const struct zone0_fdt_params *p,
		     u64 pa)
{
	void *to = pa_to_va(pa_make(pa));
	int err = zone0_fdt_build(host_fdt, p, to, FDT_SIZE);

	arch_dcache_clean_invalidate(to, FDT_SIZE);
	return err;
}

static int start_vcpu(struct zone *z, const struct layout *l)
{
	struct zv_vcpu_state *s = hv_alloc(sizeof(*s), z->id);
	int err;

	if (s == NULL) {
		return -ENOMEM;
	}
	s->pc = l->kernel;
	s->x[0] = l->fdt;
	s->flags = ZV_VCPU_ON;
	err = zone_vcpu_set(z, 0, s);
	hv_free(s, sizeof(*s));
	return err;
}

static u32 vcpu_count_of(const struct fit_bundle *b)
{
	u32 n = MIN(percpu_count, ZV_VCPUS_MAX);

	return b->zone0_cpus == 0 ? n : MIN(n, b->zone0_cpus);
}

static int create(const struct host_facts *facts, u32 vcpus,
		  struct zone **ret_zone)
{
	int err = assign_interrupts(vcpus);

	if (err == 0) {
		err = arch_boot_zone0_vic(facts);
	}
	return err == 0 ? zone_create_root(vcpus, ret_zone) : err;
}

int zone0_build(const void *host_fdt, const struct host_facts *facts,
		const struct fit_bundle *bundle, const struct mem_range *mem,
		u32 mem_count)
{
	struct layout l = { 0 };
	paddr_t host_page = { 0 };
	struct zone *z = NULL;
	u32 vcpus = vcpu_count_of(bundle);
	int err = place(bundle, largest(mem, mem_count), &l);
	struct zone0_fdt_params p;

	if (err == 0) {
		err = create(facts, vcpus, &z);
	}
	if (err == 0) {
		err = map_ram(z, mem, mem_count);
	}
	if (err == 0) {
		err = map_devices(z, facts);
	}
	if (err == 0) {
		err = map_host_page(z, &host_page);
	}
	if (err != 0) {
		return err;
	}
	p = (struct zone0_fdt_params){
		.ram = mem,
		.ram_count = mem_count,
		.cpu_id = facts->cpu_id,
		.cpu_count = vcpus,
		.bootargs = bundle->bootargs,
		.initrd = { l.initrd, bundle->ramdisk.size },
		.host_page = host_page.v,
		.event_first = io_host_event_intid(),
		.event_count = vcpus,
	};
	copy_out(l.kernel, bundle->kernel.data, bundle->kernel.size,
		 l.kernel_size);
	copy_out(l.initrd, bundle->ramdisk.data, bundle->ramdisk.size,
		 bundle->ramdisk.size);
	err = write_fdt(host_fdt, &p, l.fdt);
	return err == 0 ? start_vcpu(z, &l) : err;
}
