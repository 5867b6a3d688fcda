/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a head shows, drawn for a monitor: pixels of 32 bits, X8 R8 G8 B8 from the
 * highest.  A picture that is smaller than the monitor is in its middle and black
 * around; of a larger one the right and the bottom are cut off.
 */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_CANVAS_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_CANVAS_H

#include <stdint.h>

#include "display/display_picture.h"
#include "display/display_region.h"
#include "display/display_wire.h"

struct display_canvas {
	uint8_t *pixels;
	uint32_t width;
	uint32_t height;
	uint32_t stride; /* bytes */
	struct display_region stale; /* to be drawn, in its own pixels */
};

struct display_view {
	const uint8_t *memory;
	struct display_scanout shown; /* that lies in there */
	struct display_pointer pointer; /* format 0: there is none */
	/* Its picture, premultiplied A8 R8 G8 B8. */
	uint32_t pointer_pixels[DISPLAY_POINTER_PIXELS];
};

/* has_picture: taken from the memory now, for it need not be there for long. */
void display_view_take_pointer(struct display_view *view,
			       const struct display_pointer *pointer);

/* All of it is to be drawn. */
void display_canvas_spoil(struct display_canvas *canvas);
/* What has changed, in pixels of the picture that is shown. */
void display_canvas_damage(struct display_canvas *canvas,
			   const struct display_view *view,
			   const struct display_damage *damage);
/* Where the pointer is. */
void display_canvas_damage_pointer(struct display_canvas *canvas,
				   const struct display_view *view);

/* Draws what is stale, which then nothing is.  Returns how many pixels that were. */
uint64_t display_canvas_draw(struct display_canvas *canvas,
			     const struct display_view *view);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_CANVAS_H */
