/* SPDX-License-Identifier: BSD-2-Clause */
/* What of a picture has changed: some rectangles, which may overlap. */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_REGION_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_REGION_H

#include <stdint.h>

#include "display/display_wire.h"

/* A cursor that blinks, a pointer that moves, and some windows. */
#define DISPLAY_REGION_MAX 8u

struct display_region {
	uint32_t count; /* 0: nothing */
	struct display_damage rect[DISPLAY_REGION_MAX];
};

/*
 * An empty rectangle changes nothing.  Two become one where that is no more to
 * copy, and all do when there is no place for another.
 */
void display_region_add(struct display_region *region,
			const struct display_damage *rect);

/* What of *rect lies in the other; width 0: nothing. */
struct display_damage display_damage_cut(const struct display_damage *rect,
					 const struct display_damage *within);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_REGION_H */
