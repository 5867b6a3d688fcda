// SPDX-License-Identifier: BSD-2-Clause
/*
 * The page pool: a buddy allocator.  A free block is 2^order pages, naturally
 * aligned; its first frame holds the order, its first bytes the list links.
 */
#include "page_pool.h"

#include <zv/check.h>
#include <zv/errno.h>
#include <zv/list.h>
#include <zv/mm.h>
#include <zv/spinlock.h>
#include <zv/string.h>

static struct spinlock pool_lock = SPINLOCK_INIT;
static struct list free_list[FRAME_ORDER_MAX + 1];
static u64 free_blocks[FRAME_ORDER_MAX + 1];
static struct mm_stats stats;

static u64 order_size(u32 order)
{
	return PAGE_SIZE << order;
}

/* What a frame of this type counts as; NULL: as nothing. */
static u64 *stats_of(u8 type, u16 owner)
{
	switch (type) {
	case FRAME_FREE:
		return &stats.pages_free;
	case FRAME_HV:
	case FRAME_SHARED:
		return &stats.pages_hv;
	case FRAME_ZONE:
		return owner == 0 ? &stats.pages_zone0 : &stats.pages_zones;
	default:
		return NULL;
	}
}

/* The frames must be of one type and owner before. */
static void frames_set(paddr_t pa, u64 pages, enum frame_type type, u16 owner)
{
	struct frame *f = frame_get(pa);
	u64 *from = stats_of(f->type, f->owner);
	u64 *to = stats_of((u8)type, owner);

	for (u64 i = 0; i < pages; i++) {
		f[i] = (struct frame){ .type = (u8)type,
				       .order = FRAME_ORDER_NONE,
				       .owner = owner };
	}
	if (from != NULL) {
		*from -= pages;
	}
	if (to != NULL) {
		*to += pages;
	}
}

static void block_insert(paddr_t pa, u32 order)
{
	frame_get(pa)->order = (u8)order;
	list_push_front(&free_list[order], pa_to_va(pa));
	free_blocks[order]++;
}

static void block_remove(paddr_t pa, u32 order)
{
	frame_get(pa)->order = FRAME_ORDER_NONE;
	list_remove(pa_to_va(pa));
	free_blocks[order]--;
}

static bool block_is_free(paddr_t pa, u32 order)
{
	const struct frame *f = frame_get(pa);

	return f != NULL && f->type == FRAME_FREE && f->order == order;
}

/* The frames are FRAME_FREE already; joins the block with its buddies. */
static void block_give(paddr_t pa, u32 order)
{
	while (order < FRAME_ORDER_MAX) {
		paddr_t buddy = pa_make(pa.v ^ order_size(order));

		if (!block_is_free(buddy, order)) {
			break;
		}
		block_remove(buddy, order);
		pa = pa_make(MIN(pa.v, buddy.v));
		order++;
	}
	block_insert(pa, order);
}

/* Splits the free block until `want`, inside it, is one of `order`. */
static void block_split(paddr_t pa, u32 from, paddr_t want, u32 order)
{
	block_remove(pa, from);
	while (from > order) {
		paddr_t upper = pa_add(pa, order_size(--from));

		if (want.v >= upper.v) {
			block_insert(pa, from);
			pa = upper;
		} else {
			block_insert(upper, from);
		}
	}
}

void page_pool_init(u64 pages_ram)
{
	stats = (struct mm_stats){ .pages_ram = pages_ram };
	for (u32 i = 0; i <= FRAME_ORDER_MAX; i++) {
		list_init(&free_list[i]);
		free_blocks[i] = 0;
	}
}

/* Gives a run of FRAME_FREE frames to the pool in the largest blocks. */
static void run_give(paddr_t pa, u64 size)
{
	while (size != 0) {
		u32 order = 0;

		while (order < FRAME_ORDER_MAX &&
		       IS_ALIGNED(pa.v, order_size(order + 1)) &&
		       size >= order_size(order + 1)) {
			order++;
		}
		block_give(pa, order);
		pa = pa_add(pa, order_size(order));
		size -= order_size(order);
	}
}

void frame_mark(paddr_t pa, u64 size, enum frame_type type, u16 owner)
{
	CHECK(IS_ALIGNED(pa.v | size, PAGE_SIZE));
	spin_lock(&pool_lock);
	for (u64 done = 0; done < size; done += PAGE_SIZE) {
		paddr_t at = pa_add(pa, done);
		const struct frame *f = frame_get(at);

		CHECK(f != NULL && f->type != FRAME_FREE);
		frames_set(at, 1, type, owner);
	}
	if (type == FRAME_FREE) {
		run_give(pa, size);
	}
	spin_unlock(&pool_lock);
}

static int alloc_any_locked(u32 order, paddr_t *ret_pa)
{
	for (u32 from = order; from <= FRAME_ORDER_MAX; from++) {
		if (!list_empty(&free_list[from])) {
			paddr_t pa = va_to_pa(free_list[from].next);

			block_split(pa, from, pa, order);
			*ret_pa = pa;
			return 0;
		}
	}
	return -ENOMEM;
}

static int alloc_at_locked(paddr_t pa, u32 order)
{
	for (u32 from = order; from <= FRAME_ORDER_MAX; from++) {
		paddr_t head = pa_make(ALIGN_DOWN(pa.v, order_size(from)));

		if (block_is_free(head, from)) {
			block_split(head, from, pa, order);
			return 0;
		}
	}
	return -ENOMEM;
}

int page_alloc(u32 order, enum frame_type type, u16 owner, paddr_t *ret_pa)
{
	paddr_t pa;
	int err;

	CHECK(type != FRAME_FREE);
	if (order > FRAME_ORDER_MAX) {
		return -ENOMEM;
	}
	spin_lock(&pool_lock);
	err = alloc_any_locked(order, &pa);
	if (err == 0) {
		frames_set(pa, 1ull << order, type, owner);
		*ret_pa = pa;
	}
	spin_unlock(&pool_lock);
	return err;
}

int page_alloc_at(paddr_t pa, u32 order, enum frame_type type, u16 owner)
{
	int err;

	CHECK(type != FRAME_FREE && order <= FRAME_ORDER_MAX);
	CHECK(IS_ALIGNED(pa.v, order_size(order)));
	spin_lock(&pool_lock);
	err = alloc_at_locked(pa, order);
	if (err == 0) {
		frames_set(pa, 1ull << order, type, owner);
	}
	spin_unlock(&pool_lock);
	return err;
}

int page_alloc_zeroed(u32 order, enum frame_type type, u16 owner,
		      paddr_t *ret_pa)
{
	int err = page_alloc(order, type, owner, ret_pa);

	if (err == 0) {
		memset(pa_to_va(*ret_pa), 0, order_size(order));
	}
	return err;
}

int page_find(u32 order, paddr_t *ret_pa)
{
	int err = -ENOMEM;

	CHECK(order <= FRAME_ORDER_MAX);
	spin_lock(&pool_lock);
	if (!list_empty(&free_list[order])) {
		*ret_pa = va_to_pa(free_list[order].next);
		err = 0;
	}
	spin_unlock(&pool_lock);
	return err;
}

void page_free(paddr_t pa, u32 order)
{
	const struct frame *f = frame_get(pa);

	CHECK(order <= FRAME_ORDER_MAX && IS_ALIGNED(pa.v, order_size(order)));
	CHECK(f != NULL && f->type != FRAME_FREE && f->type != FRAME_NONE);
	CHECK((f->flags & FRAME_GRANTED) == 0);
	spin_lock(&pool_lock);
	frames_set(pa, 1ull << order, FRAME_FREE, 0);
	block_give(pa, order);
	spin_unlock(&pool_lock);
}

void mm_stats(struct mm_stats *ret)
{
	spin_lock(&pool_lock);
	*ret = stats;
	ret->chunks_free = 0;
	for (u32 i = FRAME_ORDER_CHUNK; i <= FRAME_ORDER_MAX; i++) {
		ret->chunks_free += free_blocks[i] << (i - FRAME_ORDER_CHUNK);
	}
	spin_unlock(&pool_lock);
}

static u32 order_of(size_t size)
{
	u32 order = 0;

	while (order_size(order) < size) {
		order++;
	}
	return order;
}

void *hv_alloc(size_t size, u16 owner)
{
	paddr_t pa;

	if (page_alloc_zeroed(order_of(size), FRAME_HV, owner, &pa) != 0) {
		return NULL;
	}
	return pa_to_va(pa);
}

void hv_free(void *p, size_t size)
{
	if (p != NULL) {
		page_free(va_to_pa(p), order_of(size));
	}
}
