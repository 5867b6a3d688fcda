/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_picture.h"

#include <stddef.h>
#include <string.h>

#include "gpu/gpu_wire.h"

/* Names go from the lowest address, which has the lowest bits. */
static const struct display_format formats[] = {
	{ GPU_B8G8R8A8, 16, 8, 0, 24, true },
	{ GPU_B8G8R8X8, 16, 8, 0, 24, false },
	{ GPU_A8R8G8B8, 8, 16, 24, 0, true },
	{ GPU_X8R8G8B8, 8, 16, 24, 0, false },
	{ GPU_R8G8B8A8, 0, 8, 16, 24, true },
	{ GPU_X8B8G8R8, 24, 16, 8, 0, false },
	{ GPU_A8B8G8R8, 24, 16, 8, 0, true },
	{ GPU_R8G8B8X8, 0, 8, 16, 24, false },
};

const struct display_format *display_format_find(uint32_t format)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (formats[i].format == format) {
			return &formats[i];
		}
	}
	return NULL;
}

bool display_picture_fits(const struct display_scanout *picture,
			  uint64_t memory)
{
	uint64_t row = (uint64_t)picture->width * 4;
	uint64_t size;

	if (picture->format == 0) {
		return true;
	}
	if (display_format_find(picture->format) == NULL ||
	    picture->width == 0 || picture->width > DISPLAY_SIDE_MAX ||
	    picture->height == 0 || picture->height > DISPLAY_SIDE_MAX ||
	    picture->stride < row || picture->stride > INT32_MAX ||
	    picture->stride % 4 != 0 || picture->offset % 4 != 0) {
		return false;
	}
	size = (uint64_t)(picture->height - 1) * picture->stride + row;
	return size <= memory && picture->offset <= memory - size;
}

bool display_pointer_read(const uint8_t *memory,
			  const struct display_pointer *pointer,
			  uint32_t ret[DISPLAY_POINTER_PIXELS])
{
	const struct display_format *from =
		display_format_find(pointer->format);

	for (size_t i = 0; from != NULL && i < DISPLAY_POINTER_PIXELS; i++) {
		uint32_t pixel;

		memcpy(&pixel,
		       memory + pointer->offset +
			       i / DISPLAY_POINTER_SIDE * pointer->stride +
			       i % DISPLAY_POINTER_SIDE * 4,
		       sizeof(pixel));
		ret[i] = (pixel >> from->red & 0xff) << 16 |
			 (pixel >> from->green & 0xff) << 8 |
			 (pixel >> from->blue & 0xff) |
			 (from->has_alpha ? pixel >> from->alpha & 0xff : 0xff)
				 << 24;
	}
	return from != NULL;
}

bool display_damage_fits(const struct display_damage *damage,
			 const struct display_scanout *shown)
{
	return shown->format != 0 && damage->width != 0 &&
	       damage->height != 0 && damage->x < shown->width &&
	       damage->width <= shown->width - damage->x &&
	       damage->y < shown->height &&
	       damage->height <= shown->height - damage->y;
}

static void join(uint32_t *at, uint32_t *length, uint32_t more_at,
		 uint32_t more_length)
{
	uint32_t first = more_at < *at ? more_at : *at;
	uint32_t end = *at + *length;
	uint32_t more_end = more_at + more_length;

	*length = (more_end > end ? more_end : end) - first;
	*at = first;
}

void display_damage_add(struct display_damage *sum,
			const struct display_damage *more)
{
	if (sum->width == 0) {
		*sum = *more;
		return;
	}
	join(&sum->x, &sum->width, more->x, more->width);
	join(&sum->y, &sum->height, more->y, more->height);
}
