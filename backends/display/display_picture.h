/* SPDX-License-Identifier: BSD-2-Clause */
/* Pictures in video memory, as a device that nobody trusts tells of them. */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_PICTURE_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "display/display_wire.h"

#define DISPLAY_SIDE_MAX 16384u /* pixels, of a picture */
#define DISPLAY_POINTER_SIDE 64u
#define DISPLAY_POINTER_PIXELS (DISPLAY_POINTER_SIDE * DISPLAY_POINTER_SIDE)

/* Where the colours are in a pixel, which is a little-endian number. */
struct display_format {
	uint32_t format; /* enum gpu_format */
	uint8_t red; /* each the lowest of 8 bits */
	uint8_t green;
	uint8_t blue;
	uint8_t alpha; /* of the pointer; else, and of an X, it says nothing */
	bool has_alpha;
};

/* NULL: there is none. */
const struct display_format *display_format_find(uint32_t format);

/*
 * A picture of a known format whose pixels all lie in so many bytes of video
 * memory, each where one of 32 bits may be; one of format 0 is none and fits.
 */
bool display_picture_fits(const struct display_scanout *picture,
			  uint64_t memory);

/*
 * The picture of a pointer, which lies in video memory, as A8 R8 G8 B8 from the
 * highest.  false: it has none.
 */
bool display_pointer_read(const uint8_t *memory,
			  const struct display_pointer *pointer,
			  uint32_t ret[DISPLAY_POINTER_PIXELS]);

/* It is in what is shown, and not empty. */
bool display_damage_fits(const struct display_damage *damage,
			 const struct display_scanout *shown);

/* The least rectangle with both in it; an empty one has width 0. */
void display_damage_add(struct display_damage *sum,
			const struct display_damage *more);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_PICTURE_H */
