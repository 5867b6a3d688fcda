/* SPDX-License-Identifier: BSD-2-Clause */
#include <zv/errno.h>
#include <zv/zone0_ram.h>

#define CHUNK MIB(2)

/* Highest start of `size` bytes at a multiple of align and below limit. */
static bool highest_fit(const struct range_list *free, u64 size, u64 align,
			u64 limit, u64 *ret_start)
{
	for (u32 i = free->count; i-- > 0;) {
		const struct mem_range *r = &free->item[i];
		u64 end = MIN(range_end(*r), limit);
		u64 start;

		if (end < r->start || end - r->start < size) {
			continue;
		}
		start = ALIGN_DOWN(end - size, align);
		if (start >= r->start) {
			*ret_start = start;
			return true;
		}
	}
	return false;
}

static bool single_range(const struct range_list *free, u64 size,
			 u64 *ret_start)
{
	static const struct {
		u64 align;
		u64 limit;
	} wish[] = {
		{ GIB(1), GIB(4) },
		{ CHUNK, GIB(4) },
		{ GIB(1), UINT64_MAX },
		{ CHUNK, UINT64_MAX },
	};

	for (u32 i = 0; i < ARRAY_SIZE(wish); i++) {
		if (highest_fit(free, size, wish[i].align, wish[i].limit,
				ret_start)) {
			return true;
		}
	}
	return false;
}

/* The part of r that consists of whole chunks. */
static struct mem_range whole_chunks(struct mem_range r)
{
	u64 start = ALIGN_UP(r.start, CHUNK);
	u64 end = ALIGN_DOWN(range_end(r), CHUNK);

	return (struct mem_range){ start, end > start ? end - start : 0 };
}

static struct mem_range largest(const struct range_list *free)
{
	struct mem_range best = { 0, 0 };

	for (u32 i = 0; i < free->count; i++) {
		struct mem_range r = whole_chunks(free->item[i]);

		if (r.size > best.size) {
			best = r;
		}
	}
	return best;
}

static u64 chunks_total(const struct range_list *free)
{
	u64 total = 0;

	for (u32 i = 0; i < free->count; i++) {
		total += whole_chunks(free->item[i]).size;
	}
	return total;
}

static int take(struct range_list *free, u64 start, u64 size,
		struct range_list *ret)
{
	int err = range_remove(free, start, size);

	return err != 0 ? err : range_add(ret, start, size);
}

int zone0_ram_choose(struct range_list *free, u64 size, struct range_list *ret)
{
	u64 start;

	if (size == 0 || !IS_ALIGNED(size, CHUNK)) {
		return -EINVAL;
	}
	if (single_range(free, size, &start)) {
		return take(free, start, size, ret);
	}
	if (chunks_total(free) < size || free->count > ret->max - ret->count) {
		return -ENOMEM;
	}
	while (size > 0) {
		struct mem_range r = largest(free);
		u64 part = MIN(r.size, size);
		int err = take(free, r.start, part, ret);

		if (err != 0) {
			return err;
		}
		size -= part;
	}
	return 0;
}
