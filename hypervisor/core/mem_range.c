/* SPDX-License-Identifier: BSD-2-Clause */
#include <zv/errno.h>
#include <zv/mem_range.h>
#include <zv/string.h>

/* Rounds outwards; false if there is nothing, or it wraps around. */
static bool to_pages(u64 start, u64 size, u64 *ret_start, u64 *ret_end)
{
	u64 end = start + size;

	if (size == 0 || end < start ||
	    end > ALIGN_DOWN(UINT64_MAX, PAGE_SIZE)) {
		return false;
	}
	*ret_start = ALIGN_DOWN(start, PAGE_SIZE);
	*ret_end = ALIGN_UP(end, PAGE_SIZE);
	return true;
}

static void delete_items(struct range_list *l, u32 first, u32 count)
{
	memmove(&l->item[first], &l->item[first + count],
		(l->count - first - count) * sizeof(l->item[0]));
	l->count -= count;
}

static int insert_item(struct range_list *l, u32 at, u64 start, u64 end)
{
	if (l->count == l->max) {
		return -ENOSPC;
	}
	memmove(&l->item[at + 1], &l->item[at],
		(l->count - at) * sizeof(l->item[0]));
	l->item[at] = (struct mem_range){ start, end - start };
	l->count++;
	return 0;
}

int range_add(struct range_list *l, u64 start, u64 size)
{
	u64 from, to;
	u32 first = 0;
	u32 last;

	if (!to_pages(start, size, &from, &to)) {
		return -EINVAL;
	}
	/* [first, last) are those it touches or overlaps. */
	while (first < l->count && range_end(l->item[first]) < from) {
		first++;
	}
	for (last = first; last < l->count && l->item[last].start <= to;
	     last++) {
		from = MIN(from, l->item[last].start);
		to = MAX(to, range_end(l->item[last]));
	}
	if (first == last) {
		return insert_item(l, first, from, to);
	}
	l->item[first] = (struct mem_range){ from, to - from };
	delete_items(l, first + 1, last - first - 1);
	return 0;
}

int range_remove(struct range_list *l, u64 start, u64 size)
{
	u64 from, to;
	u32 i = 0;

	if (!to_pages(start, size, &from, &to)) {
		return size == 0 ? 0 : -EINVAL;
	}
	while (i < l->count) {
		struct mem_range *r = &l->item[i];
		u64 end = range_end(*r);

		if (end <= from || r->start >= to) {
			i++;
		} else if (r->start < from && end > to) {
			r->size = from - r->start;
			return insert_item(l, i + 1, to, end);
		} else if (r->start < from) {
			r->size = from - r->start;
			i++;
		} else if (end > to) {
			*r = (struct mem_range){ to, end - to };
			i++;
		} else {
			delete_items(l, i, 1);
		}
	}
	return 0;
}

bool range_contains(const struct range_list *l, u64 start, u64 size)
{
	for (u32 i = 0; i < l->count; i++) {
		const struct mem_range *r = &l->item[i];

		if (start >= r->start && size <= r->size &&
		    start - r->start <= r->size - size) {
			return true;
		}
	}
	return false;
}

bool range_overlaps(const struct range_list *l, u64 start, u64 size)
{
	for (u32 i = 0; i < l->count; i++) {
		const struct mem_range *r = &l->item[i];

		if (start < range_end(*r) && r->start < start + size) {
			return true;
		}
	}
	return false;
}

u64 range_total(const struct range_list *l)
{
	u64 total = 0;

	for (u32 i = 0; i < l->count; i++) {
		total += l->item[i].size;
	}
	return total;
}
