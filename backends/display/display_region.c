/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_region.h"

#include <stdbool.h>

#include "display/display_picture.h"

static uint64_t area(const struct display_damage *rect)
{
	return (uint64_t)rect->width * rect->height;
}

/* Nothing is copied in vain, or less than what both have in common. */
static bool join_if_cheap(struct display_damage *rect,
			  const struct display_damage *more)
{
	struct display_damage both = *rect;

	display_damage_add(&both, more);
	if (area(&both) > area(rect) + area(more)) {
		return false;
	}
	*rect = both;
	return true;
}

static void remove_at(struct display_region *region, uint32_t i)
{
	region->rect[i] = region->rect[--region->count];
}

/* Each round takes one away, so there are at most as many. */
static void take_along(struct display_region *region,
		       struct display_damage *rect)
{
	uint32_t i = 0;

	while (i < region->count) {
		if (join_if_cheap(rect, &region->rect[i])) {
			remove_at(region, i);
			i = 0;
		} else {
			i++;
		}
	}
}

void display_region_add(struct display_region *region,
			const struct display_damage *rect)
{
	struct display_damage sum = *rect;

	if (sum.width == 0 || sum.height == 0) {
		return;
	}
	take_along(region, &sum);
	if (region->count == DISPLAY_REGION_MAX) {
		while (region->count != 0) {
			display_damage_add(&sum, &region->rect[0]);
			remove_at(region, 0);
		}
	}
	region->rect[region->count++] = sum;
}

/* Sums of sides may not fit into 32 bits. */
static void cut(uint32_t *at, uint32_t *length, uint32_t from, uint32_t to_len)
{
	uint64_t end = (uint64_t)*at + *length;
	uint64_t to = (uint64_t)from + to_len;

	end = end < to ? end : to;
	*at = *at > from ? *at : from;
	*length = end > *at ? (uint32_t)(end - *at) : 0;
}

struct display_damage display_damage_cut(const struct display_damage *rect,
					 const struct display_damage *within)
{
	struct display_damage ret = *rect;

	cut(&ret.x, &ret.width, within->x, within->width);
	cut(&ret.y, &ret.height, within->y, within->height);
	if (ret.width == 0 || ret.height == 0) {
		return (struct display_damage){ 0 };
	}
	return ret;
}
