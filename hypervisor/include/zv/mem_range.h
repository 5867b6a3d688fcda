/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists of address ranges, as boot needs them: sorted, disjoint, merged, none
 * empty, page aligned.  add() and remove() keep them so.
 */
#ifndef ZV_MEM_RANGE_H
#define ZV_MEM_RANGE_H

#include <zv/mm.h>
#include <zv/types.h>

struct range_list {
	struct mem_range *item;
	u32 count;
	u32 max;
};

static inline u64 range_end(struct mem_range r)
{
	return r.start + r.size;
}

/* Both round outwards to pages.  -ENOSPC when the list is full, -EINVAL. */
int range_add(struct range_list *l, u64 start, u64 size);
int range_remove(struct range_list *l, u64 start, u64 size);
/* True if all of [start, start + size) lies in one range of the list. */
bool range_contains(const struct range_list *l, u64 start, u64 size);
bool range_overlaps(const struct range_list *l, u64 start, u64 size);
u64 range_total(const struct range_list *l);

#endif /* ZV_MEM_RANGE_H */
