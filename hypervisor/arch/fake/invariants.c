// SPDX-License-Identifier: BSD-2-Clause
/* What must hold whenever no core function is running. */
#include "fake.h"

#include <zv/arch/harness.h>
#include <zv/check.h>
#include <zv/percpu.h>

#include <stdlib.h>
#include <string.h>

struct census {
	u64 by_type[5];
	u64 zone_ram[ZV_ZONES_MAX];
	u64 zone_hv[ZV_ZONES_MAX];
	u64 chunks_free;
};

static u64 frame_total(void)
{
	return fake_ram_size / PAGE_SIZE;
}

/* Set at the start of a check: the machine has one range of RAM. */
static const struct frame *frames;

static const struct frame *frame_no(u64 i)
{
	return &frames[i];
}

static u64 frame_index(paddr_t pa)
{
	return (pa.v - FAKE_RAM_BASE) / PAGE_SIZE;
}

static bool is_free_block(u64 index, u32 order)
{
	return index < frame_total() && frame_no(index)->type == FRAME_FREE &&
	       frame_no(index)->order == order;
}

/* A free block at frame i: whole, aligned, and not joinable with its buddy. */
static u64 check_free_block(u64 i, struct census *c)
{
	u32 order = frame_no(i)->order;
	u64 pages;
	u64 at = FAKE_RAM_BASE / PAGE_SIZE + i;

	CHECK(order <= FRAME_ORDER_MAX);
	pages = 1ull << order;
	CHECK(IS_ALIGNED(at, pages));
	for (u64 k = 1; k < pages; k++) {
		CHECK(frame_no(i + k)->type == FRAME_FREE);
		CHECK(frame_no(i + k)->order == 0xff);
	}
	if (order < FRAME_ORDER_MAX) {
		u64 buddy = (at ^ pages) - FAKE_RAM_BASE / PAGE_SIZE;

		CHECK(!is_free_block(buddy, order));
	}
	if (order >= FRAME_ORDER_CHUNK) {
		c->chunks_free += 1ull << (order - FRAME_ORDER_CHUNK);
	}
	return pages;
}

static void take_census(struct census *c)
{
	u64 i = 0;

	while (i < frame_total()) {
		const struct frame *f = frame_no(i);
		u64 pages = 1;

		CHECK(f->type <= FRAME_ZONE);
		if (f->type == FRAME_FREE) {
			CHECK(f->owner == 0 && f->flags == 0);
			pages = check_free_block(i, c);
		} else if (f->type == FRAME_ZONE) {
			c->zone_ram[f->owner]++;
		} else if (f->type != FRAME_NONE) {
			c->zone_hv[f->owner]++;
		}
		c->by_type[f->type] += pages;
		i += pages;
	}
}

static void check_stats(const struct census *c)
{
	struct mm_stats s;
	u64 zones = c->by_type[FRAME_ZONE] - c->zone_ram[0];

	mm_stats(&s);
	CHECK(s.pages_ram == frame_total());
	CHECK(s.pages_free == c->by_type[FRAME_FREE]);
	CHECK(s.pages_hv == c->by_type[FRAME_HV] + c->by_type[FRAME_SHARED]);
	CHECK(s.pages_zone0 == c->zone_ram[0]);
	CHECK(s.pages_zones == zones);
	CHECK(s.chunks_free == c->chunks_free);
}

/* --------------------------------------------------------------- stage 2 */

static bool is_shadow_page(const struct zone *z, u64 gpa, paddr_t pa)
{
	for (u32 i = 0; i < z->io.shadow_count; i++) {
		const struct shadow_page *p = &z->io.shadow[i];

		if (p->gpa == gpa && p->pa.v == pa.v) {
			return (p->flags & ZV_SHADOW_TRAP_READS) == 0;
		}
	}
	return false;
}

static void check_zone_page(const struct zone *z, u64 gpa, paddr_t pa,
			    u32 attrs)
{
	const struct frame *f = frame_get(pa);

	CHECK(f != NULL);
	if (f->type == FRAME_HV) {
		CHECK(f->owner == z->id && is_shadow_page(z, gpa, pa));
		CHECK(attrs == MAP_R);
	} else {
		CHECK(f->type == FRAME_ZONE && f->owner == z->id);
		CHECK(attrs == (MAP_R | MAP_W | MAP_X));
	}
}

static void check_zone0_page(u64 gpa, paddr_t pa, u32 attrs)
{
	const struct frame *f = frame_get(pa);

	CHECK(f != NULL && gpa == pa.v);
	if (f->type == FRAME_SHARED) {
		CHECK(attrs == (MAP_R | MAP_W));
	} else if (f->type == FRAME_ZONE && f->owner != ZV_ZONE0) {
		CHECK((f->flags & FRAME_GRANTED) != 0);
		CHECK(attrs == (MAP_R | MAP_W));
	} else {
		CHECK(f->type == FRAME_ZONE);
	}
}

/* Marks each frame the zone maps; none may be mapped twice. */
static void check_stage2(const struct zone *z, u8 *mapped)
{
	struct pt_stats seen = { 0 };
	struct pt_leaf leaf;
	u64 at = 0;

	while (pgtable_next(&z->s2, at, &leaf) == 0) {
		CHECK(leaf.in >= at);
		seen.leaf_1g += leaf.size == GIB(1);
		seen.leaf_2m += leaf.size == MIB(2);
		seen.leaf_4k += leaf.size == KIB(4);
		for (u64 k = 0; k < leaf.size; k += PAGE_SIZE) {
			paddr_t pa = pa_add(leaf.pa, k);

			if (z->id == ZV_ZONE0) {
				check_zone0_page(leaf.in + k, pa, leaf.attrs);
			} else {
				check_zone_page(z, leaf.in + k, pa, leaf.attrs);
			}
			CHECK(mapped[frame_index(pa)] == 0);
			mapped[frame_index(pa)] = 1;
		}
		at = leaf.in + leaf.size;
	}
	CHECK(seen.leaf_1g == z->s2.stats.leaf_1g);
	CHECK(seen.leaf_2m == z->s2.stats.leaf_2m);
	CHECK(seen.leaf_4k == z->s2.stats.leaf_4k);
}

/* Granted and mapped by zone0 are the same. */
static void check_grants(const struct zone *z, const u8 *zone0_maps)
{
	u64 granted = 0;

	for (u64 i = 0; i < frame_total(); i++) {
		const struct frame *f = frame_no(i);

		if (f->type == FRAME_ZONE && f->owner == z->id) {
			bool flag = (f->flags & FRAME_GRANTED) != 0;

			CHECK(flag == (zone0_maps[i] != 0));
			granted += flag;
		}
	}
	CHECK(granted == z->pages_granted);
}

static void check_zone_memory(const struct zone *z, const struct census *c,
			      u8 *mapped, const u8 *zone0_maps)
{
	memset(mapped, 0, frame_total());
	check_stage2(z, mapped);
	CHECK(c->zone_ram[z->id] == z->pages);
	CHECK(c->zone_hv[z->id] == z->pages_overhead + z->s2.stats.tables);
	if (z->io.page != NULL && z->state != ZV_ZONE_DYING) {
		CHECK(zone0_maps[frame_index(z->io.page_pa)] != 0);
	}
	check_grants(z, zone0_maps);
}

/* ------------------------------------------------------------- scheduling */

static bool is_queued(const struct list *queue, const struct list *what)
{
	list_for_each (node, queue) {
		if (node == what) {
			return true;
		}
	}
	return false;
}

static void check_vcpu(const struct vcpu *v)
{
	const struct percpu *cpu = percpu_get(v->pcpu);
	const struct runqueue *rq = &cpu->rq;
	u32 bit = 1u << v->index;
	bool here = rq->current == v || cpu->loaded == v;
	bool moving = v->move_to != ZV_PCPU_ANY;

	CHECK(((v->zone->loaded & bit) != 0) == here);
	CHECK(is_queued(&rq->ready, &v->run_node) ==
	      (v->run == VCPU_READY && !v->held && !moving));
	CHECK(is_queued(&rq->leaving, &v->move_node) == moving);
	if (moving) {
		CHECK(rq->has_leaving && rq->resched);
		CHECK(v->move_to == v->place);
	} else {
		CHECK(v->pcpu == v->place);
	}
	CHECK(v->run != VCPU_RUNNING || rq->current == v);
	CHECK(v->held == (v->zone->state != ZV_ZONE_RUNNING));
	if (rq->current == v && (v->run != VCPU_RUNNING || v->held || moving)) {
		CHECK(rq->resched);
	}
	if (v->io_wait != VCPU_IO_NONE) {
		CHECK(v->run == VCPU_IO || v->run == VCPU_OFF);
		CHECK(v->io_result == VCPU_IO_PENDING);
	}
	if (v->run == VCPU_IO) {
		CHECK(v->io_wait != VCPU_IO_NONE);
	}
	CHECK(((v->zone->io.ring_wait & bit) != 0) ==
	      (v->io_wait == VCPU_IO_RING));
}

static void check_zone_vcpus(const struct zone *z, u32 *assigned)
{
	for (u32 i = 0; i < z->vcpu_count; i++) {
		const struct vcpu *v = z->vcpus[i];

		check_vcpu(v);
		assigned[v->pcpu] += v->run != VCPU_OFF && !v->held;
	}
}

static s32 key_of(const struct list *node)
{
	const struct vcpu *v =
		(const struct vcpu *)(const void *)((const u8 *)node -
						    offsetof(struct vcpu,
							     run_node));

	return v->penalty ? -1 : (s32)v->zone->priority;
}

static void check_queue(const struct runqueue *rq)
{
	list_for_each (node, &rq->ready) {
		CHECK(node->next->prev == node);
		if (node->next != &rq->ready) {
			CHECK(key_of(node) >= key_of(node->next));
		}
	}
}

/* ------------------------------------------------------------------- all */

void fake_check_invariants(void)
{
	struct census *c = calloc(1, sizeof(*c));
	u8 *zone0_maps = calloc(1, frame_total());
	u8 *mapped = malloc(frame_total());
	u32 assigned[ZV_PCPUS_MAX] = { 0 };

	CHECK(c != NULL && zone0_maps != NULL && mapped != NULL);
	CHECK(fake_record.locks_held == 0);
	CHECK(fake_record.unflushed == 0);
	CHECK(fake_record.break_violations == 0);
	frames = frame_get(pa_make(FAKE_RAM_BASE));
	take_census(c);
	check_stats(c);
	if (zone0 != NULL) {
		check_stage2(zone0, zone0_maps);
		check_zone_vcpus(zone0, assigned);
		CHECK(c->zone_ram[0] == zone0->pages);
	}
	for (int id = zone_next(1); id >= 0; id = zone_next((u64)id + 1)) {
		struct zone *z = zone_get((u64)id);

		check_zone_memory(z, c, mapped, zone0_maps);
		check_zone_vcpus(z, assigned);
		c->zone_ram[id] = 0;
		c->zone_hv[id] = 0;
		zone_put(z);
	}
	/* What is left belongs to a zone that does not exist. */
	for (u32 i = 1; i < ZV_ZONES_MAX; i++) {
		CHECK(c->zone_ram[i] == 0 && c->zone_hv[i] == 0);
	}
	for (u32 i = 0; i < percpu_count; i++) {
		CHECK(percpu_get(i)->rq.assigned == assigned[i]);
		check_queue(&percpu_get(i)->rq);
	}
	free(c);
	free(zone0_maps);
	free(mapped);
}
