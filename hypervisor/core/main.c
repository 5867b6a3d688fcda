/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot: from the loader's device tree to zone0 and the main loop. */
#include <libfdt.h>
#include <zv/arch/boot.h>
#include <zv/arch/cpu.h>
#include <zv/arch/irq.h>
#include <zv/arch/mm.h>
#include <zv/arch/time.h>
#include <zv/atomic.h>
#include <zv/boot.h>
#include <zv/console.h>
#include <zv/errno.h>
#include <zv/irq.h>
#include <zv/log.h>
#include <zv/mem_range.h>
#include <zv/percpu.h>
#include <zv/sched.h>
#include <zv/stack_guard.h>
#include <zv/string.h>
#include <zv/time.h>
#include <zv/version.h>
#include <zv/zone.h>
#include <zv/zone0_ram.h>

#define CHUNK MIB(2)
/* Kept for page tables, zones and the like when zone0 asks for everything. */
#define POOL_MIN MIB(32)
#define CPU_START_NS 5000000000ull
#define REGION_MAX (MEM_RANGES_MAX * 2)

/* What becomes of the machine's RAM. */
struct plan {
	struct mem_range fdt;
	struct mem_range image;
	struct mem_range table; /* the frame table */
	struct range_list known; /* all we may touch */
	struct range_list free; /* what is left */
	struct range_list zone0;
	struct mem_range known_item[MEM_RANGES_MAX];
	struct mem_range free_item[REGION_MAX];
	struct mem_range zone0_item[REGION_MAX];
};

static struct host_facts facts;
static struct fit_bundle bundle;
static struct plan plan;

/* Boot cannot go on; the reason is on the console. */
__attribute__((noreturn)) static void stop(const char *what)
{
	log_error("boot stopped: %s", what);
	arch_cpu_stop();
}

static void must(int err, const char *what)
{
	if (err != 0) {
		log_error("boot stopped: %s (error %d)", what, err);
		arch_cpu_stop();
	}
}

/* ---------------------------------------------------------------- memory */

static bool inside(struct mem_range part, struct mem_range whole)
{
	u64 start = ALIGN_DOWN(whole.start, PAGE_SIZE);
	u64 end = ALIGN_UP(range_end(whole), PAGE_SIZE);

	return part.start >= start && range_end(part) <= end;
}

/* RAM without what firmware keeps; loaders also reserve what they hand over. */
static int plan_known(struct plan *p)
{
	int err = 0;

	p->known = (struct range_list){ p->known_item, 0, MEM_RANGES_MAX };
	for (u32 i = 0; i < facts.ram_count && err == 0; i++) {
		err = range_add(&p->known, facts.ram[i].start,
				facts.ram[i].size);
	}
	for (u32 i = 0; i < facts.reserved_count && err == 0; i++) {
		struct mem_range r = facts.reserved[i];

		if (!inside(r, facts.initrd) && !inside(r, p->fdt)) {
			err = range_remove(&p->known, r.start, r.size);
		}
	}
	return err;
}

static bool plan_holds(const struct plan *p, struct mem_range r,
		       const char *what)
{
	u64 start = ALIGN_DOWN(r.start, PAGE_SIZE);
	u64 end = ALIGN_UP(range_end(r), PAGE_SIZE);

	if (range_contains(&p->known, start, end - start)) {
		return true;
	}
	log_error("the %s at %lx+%lx does not lie in RAM", what, r.start,
		  r.size);
	return false;
}

static int plan_free(struct plan *p)
{
	struct mem_range used[] = { p->image, p->fdt, facts.initrd };
	int err = 0;

	p->free = (struct range_list){ p->free_item, 0, REGION_MAX };
	for (u32 i = 0; i < p->known.count; i++) {
		p->free_item[p->free.count++] = p->known.item[i];
	}
	for (u32 i = 0; i < ARRAY_SIZE(used) && err == 0; i++) {
		err = range_remove(&p->free, used[i].start, used[i].size);
	}
	return err;
}

/* The lowest place that is big enough. */
static int plan_table(struct plan *p)
{
	u64 size = frame_table_size(p->known.item, p->known.count);

	size = ALIGN_UP(size, PAGE_SIZE);
	for (u32 i = 0; i < p->free.count; i++) {
		if (p->free.item[i].size >= size) {
			p->table = (struct mem_range){ p->free.item[i].start,
						       size };
			return range_remove(&p->free, p->table.start, size);
		}
	}
	log_error("no %lu KiB in one piece for the frame table", size >> 10);
	return -ENOMEM;
}

static int plan_zone0(struct plan *p)
{
	u64 left = range_total(&p->free);
	u64 most = left > POOL_MIN ? left - POOL_MIN : 0;
	u64 want = bundle.zone0_memory;

	p->zone0 = (struct range_list){ p->zone0_item, 0, REGION_MAX };
	if (want == 0) {
		want = range_total(&p->known) / 2;
	}
	want = ALIGN_UP(want, CHUNK);
	if (want > most) {
		log_warn("zone0 gets %lu MiB, not %lu: there is no more",
			 most >> 20, want >> 20);
		want = most;
	}
	/* Edges of ranges are lost to it; a little less fits surely. */
	for (want = ALIGN_DOWN(want, CHUNK); want > 0; want -= CHUNK) {
		int err = zone0_ram_choose(&p->free, want, &p->zone0);

		if (err != -ENOMEM) {
			return err;
		}
	}
	return -ENOMEM;
}

static void plan_apply(const struct plan *p)
{
	frame_table_init(p->known.item, p->known.count,
			 pa_to_va(pa_make(p->table.start)));
	frame_mark(pa_make(p->image.start), p->image.size, FRAME_HV, 0);
	frame_mark(pa_make(p->table.start), p->table.size, FRAME_HV, 0);
	for (u32 i = 0; i < p->free.count; i++) {
		frame_mark(pa_make(p->free.item[i].start), p->free.item[i].size,
			   FRAME_FREE, 0);
	}
}

/* The loader's files have been copied or read. */
static void reclaim(struct mem_range r)
{
	u64 start = ALIGN_DOWN(r.start, PAGE_SIZE);
	u64 end = ALIGN_UP(range_end(r), PAGE_SIZE);

	for (u64 pa = start; pa < end; pa += PAGE_SIZE) {
		const struct frame *f = frame_get(pa_make(pa));

		/* The two may share a page. */
		if (f != NULL && f->type == FRAME_NONE) {
			frame_mark(pa_make(pa), PAGE_SIZE, FRAME_FREE, 0);
		}
	}
}

static void memory_init(const void *fdt, u64 fdt_pa)
{
	struct plan *p = &plan;

	p->image = arch_boot_image();
	p->fdt = (struct mem_range){ fdt_pa, fdt_totalsize(fdt) };
	must(plan_known(p), "too many pieces of RAM");
	if (facts.initrd.size == 0) {
		stop("no bundle: give it as the initrd");
	}
	if (!plan_holds(p, p->image, "hypervisor") ||
	    !plan_holds(p, p->fdt, "device tree") ||
	    !plan_holds(p, facts.initrd, "bundle")) {
		stop("the loader put something in a wrong place");
	}
	must(arch_boot_direct_map(p->known.item, p->known.count),
	     "RAM is in too many pieces to map");
	must(fit_read(pa_to_va(pa_make(facts.initrd.start)), facts.initrd.size,
		      &bundle),
	     "the bundle is not usable");
	must(plan_free(p), "RAM is in too many pieces");
	must(plan_table(p), "no memory for the frame table");
	must(plan_zone0(p), "no memory for zone0");
	plan_apply(p);
	must(arch_boot_map(p->known.item, p->known.count),
	     "no memory for page tables");
}

/* ------------------------------------------------------------------ CPUs */

static void cpu_init_common(u32 cpu)
{
	struct percpu *p = percpu_get(cpu);

	timer_cpu_init(cpu);
	sched_cpu_init(p);
	atomic_store_release(&p->online, true);
}

void boot_secondary(u32 cpu)
{
	if (arch_cpu_init() != 0 || arch_irq_init() != 0) {
		log_error("CPU %u is not used", cpu);
		arch_cpu_stop();
	}
	cpu_init_common(cpu);
	sched_loop();
}

static bool wait_online(const struct percpu *p)
{
	u64 deadline = arch_time_ns() + CPU_START_NS;

	while (!atomic_load_acquire(&p->online)) {
		if (arch_time_ns() > deadline) {
			return false;
		}
		arch_cpu_relax();
	}
	return true;
}

/*
 * One after the other; those that do not come leave no gap in the indices.  A
 * CPU that was accepted and is not here in time may still come, so its index is
 * lost, and with it those after it.
 */
static void start_secondaries(void)
{
	u32 count = 1;

	for (u32 i = 1; i < facts.cpu_count; i++) {
		u64 id = facts.cpu_id[i];
		int err;

		percpu_get(count)->id = count;
		err = arch_cpu_start(count, id);
		if (err != 0) {
			log_warn("CPU %lx: the firmware says error %d", id,
				 err);
			continue;
		}
		if (!wait_online(percpu_get(count))) {
			log_warn("CPU %lx does not start; %u others not tried",
				 id, facts.cpu_count - i - 1);
			break;
		}
		facts.cpu_id[count++] = id;
		percpu_count = count;
	}
	facts.cpu_count = count;
}

/* ------------------------------------------------------------------ boot */

static void seed_stack_guard(const void *fdt)
{
	int chosen = fdt_path_offset(fdt, "/chosen");
	int len = 0;
	const u8 *seed =
		chosen < 0 ? NULL : fdt_getprop(fdt, chosen, "rng-seed", &len);

	stack_guard_set(seed, seed == NULL ? 0 : (size_t)len, arch_time_ns());
}

static void summary(void)
{
	struct mm_stats s;

	mm_stats(&s);
	log_info("%u CPUs, %lu MiB RAM: %lu KiB hypervisor, %lu MiB zone0, "
		 "%lu MiB pool",
		 percpu_count, s.pages_ram >> 8, s.pages_hv << 2,
		 s.pages_zone0 >> 8, s.pages_free >> 8);
	for (u32 i = 0; i < plan.zone0.count; i++) {
		log_info("zone0 RAM %lx..%lx", plan.zone0.item[i].start,
			 range_end(plan.zone0.item[i]) - 1);
	}
}

static void boot_devices(void)
{
	must(arch_boot_devices(&facts), "no usable interrupt controller");
	must(arch_irq_init(), "no usable interrupt controller");
	must(irq_table_init(arch_irq_count()), "no memory for interrupts");
}

void boot_main(u64 fdt_pa)
{
	const void *fdt;

	arch_boot_early();
	fdt = arch_boot_fdt(fdt_pa);
	if (fdt == NULL) {
		arch_cpu_stop();
	}
	percpu_count = 1;
	console_init(fdt);
	log_info("Zonevisor " ZV_VERSION);
	seed_stack_guard(fdt);
	must(host_facts_read(fdt, arch_boot_cpu(), &facts),
	     "the device tree is not usable");
	must(arch_cpu_init(), "this CPU is not usable");
	memory_init(fdt, fdt_pa);

	/* Now the early mapping of it is gone. */
	fdt = pa_to_va(pa_make(fdt_pa));
	boot_devices();
	cpu_init_common(0);
	start_secondaries();
	must(zone0_build(fdt, &facts, &bundle, plan.zone0.item,
			 plan.zone0.count),
	     "zone0 cannot be built");
	reclaim(facts.initrd);
	reclaim(plan.fdt);
	summary();

	log_info("starting zone0");
	console_enable(false);
	must(zone_start(zone0), "zone0 does not start");
	sched_loop();
}
