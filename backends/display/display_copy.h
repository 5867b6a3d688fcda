/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What viewers are shown: a copy of each head's picture, that of video memory at the
 * time of the last change.  Guests say that all of a picture has changed when they
 * show another buffer, which most do for each cursor that blinks: what has really
 * changed is found by comparing with the copy, once for all viewers.
 *
 * Only this process can write it, so a viewer's cannot change what others see.  It is
 * as large as the video memory at most, and takes what was once copied.
 */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_COPY_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "display/display_wire.h"

/* Pictures that are larger are not copied: comparing them would take too long. */
#define DISPLAY_COPY_MAX \
	((uint64_t)DISPLAY_MODE_WIDTH_MAX * DISPLAY_MODE_HEIGHT_MAX * 4)
/* Rectangles that a change is told by; the last one holds all the rest. */
#define DISPLAY_COPY_PARTS 16u

struct display_copy {
	uint8_t *pixels; /* for writing; processes that are forked lack it */
	uint64_t base; /* of what viewers read, from the video memory's begin */
	uint64_t share; /* bytes for each head; 0: nothing is copied */
	struct display_scanout of[DISPLAY_HEADS_MAX]; /* format 0: none */
};

/*
 * Room for the copies of heads that are in size bytes of video memory, and another
 * mapping of it, read-only for ever, at the address `at`, which is base bytes behind
 * the video memory's begin.  0 or -errno.
 */
int display_copy_open(struct display_copy *copy, uint32_t heads, uint64_t size,
		      uint8_t *at, uint64_t base);

/*
 * Copies what a head shows, and tells what is to be shown to viewers: the copy, or the
 * picture itself if it is too large or none.
 */
void display_copy_take(struct display_copy *copy, uint32_t head,
		       const uint8_t *memory,
		       const struct display_scanout *shown,
		       struct display_scanout *ret);

/* There is a copy of it, or of one that differs only in where it is and what it shows. */
bool display_copy_has(const struct display_copy *copy, uint32_t head,
		      const struct display_scanout *shown);

/*
 * Brings a part of the copy, which there is, up to date.  Returns how many rectangles of
 * it have changed, 0 .. DISPLAY_COPY_PARTS.
 */
size_t display_copy_update(struct display_copy *copy, uint32_t head,
			   const uint8_t *memory,
			   const struct display_scanout *shown,
			   const struct display_damage *part,
			   struct display_damage ret[DISPLAY_COPY_PARTS]);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_COPY_H */
