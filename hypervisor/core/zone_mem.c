// SPDX-License-Identifier: BSD-2-Clause
/*
 * A zone's memory: 2 MiB chunks of the pool, each naturally aligned, and what
 * zone0 may map of them.
 */
#include <zv/arch/mm.h>
#include <zv/check.h>
#include <zv/errno.h>
#include <zv/mm.h>
#include <zv/string.h>
#include <zv/zone.h>

#define CHUNK_PAGES (ZV_CHUNK_SIZE / PAGE_SIZE)
/* Of each call, so that none keeps its pCPU for long. */
#define POPULATE_CHUNKS 4u
#define DESTROY_CHUNKS 16u
#define EXTENT_LEAVES 1024u

/* --------------------------------------------------------------- populate */

/*
 * Where the chunk of gpa should come from: right behind the chunk below, so
 * that the two can be parts of one larger block; else, at the start of what may
 * become a 1 GiB block, from a free one.
 */
static bool chunk_hint(struct zone *z, u64 gpa, u64 size, paddr_t *ret_pa)
{
	bool found = false;

	if (!IS_ALIGNED(gpa, GIB(1))) {
		u64 left;
		u32 attrs;
		paddr_t below;

		spin_lock(&z->s2_lock);
		found = pgtable_lookup(&z->s2, gpa - ZV_CHUNK_SIZE, &below,
				       &attrs, &left) == 0;
		spin_unlock(&z->s2_lock);
		if (found) {
			*ret_pa = pa_add(below, ZV_CHUNK_SIZE);
		}
	} else if (size >= GIB(1)) {
		found = page_find(FRAME_ORDER_MAX, ret_pa) == 0;
	}
	return found && IS_ALIGNED(ret_pa->v, ZV_CHUNK_SIZE);
}

/* A zeroed chunk that a guest with its caches off sees zeroed too. */
static int chunk_alloc(struct zone *z, u64 gpa, u64 size, paddr_t *ret_pa)
{
	paddr_t pa;
	int err = -ENOMEM;

	if (chunk_hint(z, gpa, size, &pa)) {
		err = page_alloc_at(pa, FRAME_ORDER_CHUNK, FRAME_ZONE, z->id);
	}
	if (err != 0) {
		err = page_alloc(FRAME_ORDER_CHUNK, FRAME_ZONE, z->id, &pa);
	}
	if (err != 0) {
		return err;
	}
	memset(pa_to_va(pa), 0, ZV_CHUNK_SIZE);
	arch_dcache_clean_invalidate(pa_to_va(pa), ZV_CHUNK_SIZE);
	*ret_pa = pa;
	return 0;
}

static int chunk_map_locked(struct zone *z, u64 gpa, paddr_t pa)
{
	int err;

	if (z->state != ZV_ZONE_CREATED) {
		return -EBUSY;
	}
	if (mmio_overlaps(&z->mmio, gpa, ZV_CHUNK_SIZE)) {
		return -EEXIST;
	}
	spin_lock(&z->s2_lock);
	err = pgtable_map(&z->s2, gpa, pa, ZV_CHUNK_SIZE,
			  MAP_R | MAP_W | MAP_X);
	spin_unlock(&z->s2_lock);
	if (err == 0) {
		z->pages += CHUNK_PAGES;
	}
	return err;
}

/* The chunk is prepared outside the locks: zeroing takes its time. */
static int chunk_populate(struct zone *z, u64 gpa, u64 size)
{
	paddr_t pa;
	int err = chunk_alloc(z, gpa, size, &pa);

	if (err != 0) {
		return err;
	}
	spin_lock(&z->lock);
	err = chunk_map_locked(z, gpa, pa);
	spin_unlock(&z->lock);
	if (err != 0) {
		page_free(pa, FRAME_ORDER_CHUNK);
	}
	return err;
}

/* Cheap refusals first; chunk_map_locked() decides. */
static int populate_check(struct zone *z, u64 gpa, u64 size)
{
	struct pt_geometry g;
	u64 end;

	arch_pt_geometry(PT_STAGE2, &g);
	end = 1ull << g.in_bits;
	if (size == 0 || !IS_ALIGNED(gpa | size, ZV_CHUNK_SIZE) || gpa >= end ||
	    size > end - gpa) {
		return -EINVAL;
	}
	return z->state == ZV_ZONE_CREATED ? 0 : -EBUSY;
}

int zone_mem_populate(struct zone *z, u64 gpa, u64 size, u64 *ret_done)
{
	u64 done = 0;
	int err = populate_check(z, gpa, size);

	if (err != 0) {
		return err;
	}
	while (done < MIN(size, POPULATE_CHUNKS * ZV_CHUNK_SIZE)) {
		err = chunk_populate(z, gpa + done, size - done);
		if (err != 0) {
			break;
		}
		done += ZV_CHUNK_SIZE;
	}
	if (done == 0) {
		return err;
	}
	*ret_done = done;
	return 0;
}

/* ----------------------------------------------------------------- grants */

/* The PA of the chunk of RAM that holds gpa. */
static int chunk_find_locked(struct zone *z, u64 gpa, paddr_t *ret_pa)
{
	const struct frame *f;
	paddr_t pa;
	u64 left;
	u32 attrs;

	if (pgtable_lookup(&z->s2, ALIGN_DOWN(gpa, ZV_CHUNK_SIZE), &pa, &attrs,
			   &left) != 0) {
		return -ENOENT;
	}
	f = frame_get(pa);
	if (f == NULL || f->type != FRAME_ZONE || f->owner != z->id ||
	    !IS_ALIGNED(pa.v, ZV_CHUNK_SIZE)) {
		return -ENOENT;
	}
	*ret_pa = pa;
	return 0;
}

static void chunk_flag(paddr_t pa, bool granted)
{
	for (u64 i = 0; i < CHUNK_PAGES; i++) {
		struct frame *f = frame_get(pa_add(pa, i * PAGE_SIZE));

		f->flags = granted ? FRAME_GRANTED : 0;
	}
}

static bool chunk_is_granted(paddr_t pa)
{
	return (frame_get(pa)->flags & FRAME_GRANTED) != 0;
}

static int grant_locked(struct zone *z, paddr_t pa)
{
	int err;

	if (chunk_is_granted(pa)) {
		return -EEXIST;
	}
	spin_lock(&zone0->s2_lock);
	err = pgtable_map(&zone0->s2, pa.v, pa, ZV_CHUNK_SIZE, MAP_R | MAP_W);
	spin_unlock(&zone0->s2_lock);
	/* What is neither granted nor zone0's own, zone0 does not map. */
	CHECK(err != -EEXIST);
	if (err == 0) {
		chunk_flag(pa, true);
		z->pages_granted += CHUNK_PAGES;
	}
	return err;
}

int zone_mem_grant(struct zone *z, u64 gpa, u64 *ret_pa)
{
	paddr_t pa;
	int err = -EBUSY;

	spin_lock(&z->lock);
	if (z->state != ZV_ZONE_DYING) {
		spin_lock(&z->s2_lock);
		err = chunk_find_locked(z, gpa, &pa);
		if (err == 0) {
			err = grant_locked(z, pa);
			*ret_pa = pa.v;
		}
		spin_unlock(&z->s2_lock);
	}
	spin_unlock(&z->lock);
	return err;
}

static int revoke_locked(struct zone *z, paddr_t pa)
{
	int err;

	if (!chunk_is_granted(pa)) {
		return -ENOENT;
	}
	spin_lock(&zone0->s2_lock);
	err = pgtable_unmap(&zone0->s2, pa.v, ZV_CHUNK_SIZE);
	spin_unlock(&zone0->s2_lock);
	/* It was mapped by itself and zone0's tables do not merge: no split. */
	CHECK(err == 0);
	chunk_flag(pa, false);
	z->pages_granted -= CHUNK_PAGES;
	return 0;
}

int zone_mem_revoke(struct zone *z, u64 gpa)
{
	paddr_t pa;
	int err;

	spin_lock(&z->lock);
	spin_lock(&z->s2_lock);
	err = chunk_find_locked(z, gpa, &pa);
	if (err == 0) {
		err = revoke_locked(z, pa);
	}
	spin_unlock(&z->s2_lock);
	spin_unlock(&z->lock);
	return err;
}

/* ---------------------------------------------------------------- looking */

static bool leaf_is_ram(const struct zone *z, const struct pt_leaf *leaf)
{
	const struct frame *f = frame_get(leaf->pa);

	return f != NULL && f->type == FRAME_ZONE && f->owner == z->id;
}

/* The first leaf of RAM that ends above gpa. */
static int ram_next_locked(struct zone *z, u64 gpa, struct pt_leaf *ret)
{
	/* Only shadow pages are skipped, and there are few. */
	while (pgtable_next(&z->s2, gpa, ret) == 0) {
		if (leaf_is_ram(z, ret)) {
			return 0;
		}
		gpa = ret->in + ret->size;
	}
	return -ENOENT;
}

int zone_mem_next(struct zone *z, u64 gpa, u64 *ret_gpa, u64 *ret_size)
{
	struct pt_leaf leaf;
	u64 start;
	u64 end;
	int err;

	spin_lock(&z->s2_lock);
	err = ram_next_locked(z, gpa, &leaf);
	if (err == 0) {
		start = MAX(gpa, leaf.in);
		end = leaf.in + leaf.size;
		for (u32 i = 0; i < EXTENT_LEAVES; i++) {
			if (pgtable_next(&z->s2, end, &leaf) != 0 ||
			    leaf.in != end || !leaf_is_ram(z, &leaf)) {
				break;
			}
			end += leaf.size;
		}
		*ret_gpa = start;
		*ret_size = end - start;
	}
	spin_unlock(&z->s2_lock);
	return err;
}

bool zone_mem_allows(struct zone *z, u64 gpa, u32 access)
{
	paddr_t pa;
	u64 left;
	u32 attrs;
	bool ok;

	/* Whoever hid the page holds the lock until it is back. */
	spin_lock(&z->s2_lock);
	ok = pgtable_lookup(&z->s2, gpa, &pa, &attrs, &left) == 0 &&
	     (attrs & access) == access;
	spin_unlock(&z->s2_lock);
	return ok;
}

/* --------------------------------------------------------------- destroy */

/* Takes the next leaf of RAM out of stage-2; false if there is none left. */
static bool leaf_unmap(struct zone *z)
{
	struct pt_leaf leaf;
	bool found;

	spin_lock(&z->s2_lock);
	found = ram_next_locked(z, z->destroy_next, &leaf) == 0;
	if (found) {
		int err = pgtable_unmap(&z->s2, leaf.in, leaf.size);

		CHECK(err == 0); /* a whole leaf takes no page to split */
		z->destroy_next = leaf.in + leaf.size;
		z->destroy_pa = leaf.pa;
		z->destroy_left = leaf.size;
	}
	spin_unlock(&z->s2_lock);
	return found;
}

int zone_mem_destroy_step(struct zone *z)
{
	CHECK(z->pages_granted == 0);
	for (u32 i = 0; i < DESTROY_CHUNKS; i++) {
		if (z->destroy_left == 0 && !leaf_unmap(z)) {
			return 0;
		}
		page_free(z->destroy_pa, FRAME_ORDER_CHUNK);
		z->destroy_pa = pa_add(z->destroy_pa, ZV_CHUNK_SIZE);
		z->destroy_left -= ZV_CHUNK_SIZE;
		z->pages -= CHUNK_PAGES;
	}
	return -EAGAIN;
}

/* ---------------------------------------------------------------- copying */

/* The hypervisor's view of zone RAM at gpa, up to the end of its page. */
static void *ram_at(struct zone *z, u64 gpa)
{
	const struct frame *f;
	paddr_t pa = pa_make(gpa);
	u64 left;
	u32 attrs;
	int err = 0;

	/* zone0 is mapped 1:1; what it owns says the frame table. */
	if (z != zone0) {
		spin_lock(&z->s2_lock);
		err = pgtable_lookup(&z->s2, gpa, &pa, &attrs, &left);
		spin_unlock(&z->s2_lock);
	}
	if (err != 0) {
		return NULL;
	}
	f = frame_get(pa);
	if (f == NULL || f->type != FRAME_ZONE || f->owner != z->id) {
		return NULL;
	}
	return pa_to_va(pa);
}

static size_t page_left(u64 gpa, size_t len)
{
	return MIN(len, (size_t)(PAGE_SIZE - (gpa & ~PAGE_MASK)));
}

static bool range_is_ok(u64 gpa, size_t len)
{
	return len <= PAGE_SIZE && gpa + len >= gpa;
}

int copy_from_zone(struct zone *z, u64 gpa, void *dst, size_t len)
{
	u8 *to = dst;

	if (!range_is_ok(gpa, len)) {
		return -EFAULT;
	}
	while (len != 0) {
		size_t n = page_left(gpa, len);
		const void *from = ram_at(z, gpa);

		if (from == NULL) {
			return -EFAULT;
		}
		memcpy(to, from, n);
		to += n;
		gpa += n;
		len -= n;
	}
	return 0;
}

int copy_to_zone(struct zone *z, u64 gpa, const void *src, size_t len)
{
	const u8 *from = src;

	if (!range_is_ok(gpa, len)) {
		return -EFAULT;
	}
	while (len != 0) {
		size_t n = page_left(gpa, len);
		void *to = ram_at(z, gpa);

		if (to == NULL) {
			return -EFAULT;
		}
		memcpy(to, from, n);
		from += n;
		gpa += n;
		len -= n;
	}
	return 0;
}
