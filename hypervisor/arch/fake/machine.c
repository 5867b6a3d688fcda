// SPDX-License-Identifier: BSD-2-Clause
/* Puts a fake machine together and takes it apart. */
#include "fake.h"

#include <zv/arch/harness.h>
#include <zv/arch/time.h>
#include <zv/atomic.h>
#include <zv/check.h>
#include <zv/percpu.h>
#include <zv/sched.h>
#include <zv/time.h>
#include <zv/trace.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct fake_record fake_record;
u64 fake_ram_size;

static void *ram;
static void *table;
static struct zv_host_page *host_page;

static void memory_init(const struct fake_config *c)
{
	struct mem_range range = { FAKE_RAM_BASE, c->ram_size };

	/* The same RAM again keeps what it held: nobody may rely on zeroes. */
	if (fake_ram_size != c->ram_size) {
		if (ram != NULL) {
			munmap(ram, fake_ram_size);
		}
		ram = mmap(NULL, c->ram_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		CHECK(ram != MAP_FAILED);
		fake_ram_size = c->ram_size;
	}
	fake_direct_map_offset = (u64)(uintptr_t)ram - FAKE_RAM_BASE;
	/* A heap block of its own, so that ASan sees what leaves it. */
	table = malloc(frame_table_size(&range, 1));
	CHECK(table != NULL);
	frame_table_init(&range, 1, table);
}

static void cpus_init(u32 count)
{
	percpu_count = count;
	trace_switch.classes = 0;
	memset(percpu_table, 0, count * sizeof(percpu_table[0]));
	for (u32 i = 0; i < count; i++) {
		struct percpu *cpu = percpu_get(i);

		cpu->id = i;
		cpu->online = true;
		cpu->arch.timer_deadline = UINT64_MAX;
		timer_cpu_init(i);
		sched_cpu_init(cpu);
	}
	fake_cpu_set(0);
}

static void zone0_init(const struct fake_config *c)
{
	struct zv_vcpu_state boot = { .pc = FAKE_RAM_BASE,
				      .flags = ZV_VCPU_ON };
	struct zone *z;
	paddr_t host;

	frame_mark(pa_make(FAKE_RAM_BASE), c->zone0_size, FRAME_ZONE, ZV_ZONE0);
	frame_mark(pa_make(FAKE_RAM_BASE + c->zone0_size),
		   c->ram_size - c->zone0_size, FRAME_FREE, 0);
	CHECK(io_host_init(&host) == 0);
	host_page = pa_to_va(host);
	io_host_set_events(256, c->zone0_vcpus);
	CHECK(zone_create_root(c->zone0_vcpus, &z) == 0);
	CHECK(pgtable_map(&z->s2, FAKE_RAM_BASE, pa_make(FAKE_RAM_BASE),
			  c->zone0_size, MAP_R | MAP_W | MAP_X) == 0);
	CHECK(pgtable_map(&z->s2, host.v, host, PAGE_SIZE, MAP_R | MAP_W) == 0);
	z->pages = c->zone0_size / PAGE_SIZE;
	CHECK(zone_vcpu_set(z, 0, &boot) == 0);
	CHECK(zone_start(z) == 0);
}

u64 fake_host_take(void)
{
	return atomic_exchange(&host_page->zones[0], 0);
}

void fake_machine_init(const struct fake_config *config)
{
	struct fake_config c = *config;

	c.ram_size = c.ram_size != 0 ? c.ram_size : MIB(32);
	c.cpu_count = c.cpu_count != 0 ? c.cpu_count : 4;
	c.zone0_size = c.zone0_size != 0 ? c.zone0_size : MIB(2);
	c.zone0_vcpus = c.zone0_vcpus != 0 ? c.zone0_vcpus : 2;
	memset(&fake_record, 0, sizeof(fake_record));
	fake_guest = NULL;
	fake_lock_hook = NULL;
	fake_relax_hook = NULL;
	fake_reset_kind = -1;
	fake_time_set(1000000000);
	memory_init(&c);
	cpus_init(c.cpu_count);
	if (c.no_zone0) {
		frame_mark(pa_make(FAKE_RAM_BASE), c.ram_size, FRAME_FREE, 0);
	} else {
		zone0_init(&c);
	}
	memset(&fake_record, 0, sizeof(fake_record));
}

void fake_machine_fini(void)
{
	int id;

	fake_guest = NULL;
	fake_lock_hook = NULL;
	fake_relax_hook = NULL;
	/* The pool goes with the machine: only the table must be empty. */
	while ((id = zone_next(0)) >= 0) {
		struct zone *z = zone_get((u64)id);

		for (u32 i = 0; i < z->vcpu_count; i++) {
			z->vcpus[i]->arch.loaded = false;
		}
		/* A test that failed half-way may hold references. */
		while (z->refs > 2) {
			zone_put(z);
		}
		CHECK(zone_remove(z) == 0);
		zone_put(z);
	}
	zone0 = NULL;
	free(table);
}
