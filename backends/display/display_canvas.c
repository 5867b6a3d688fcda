/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_canvas.h"

#include <stdbool.h>
#include <string.h>

#include "gpu/gpu_wire.h"

/* Where the pointer may be: beyond any picture there is nothing to see of it. */
#define POINTER_FAR (DISPLAY_SIDE_MAX + DISPLAY_POINTER_SIDE)

static uint32_t load(const uint8_t *from)
{
	uint32_t pixel;

	memcpy(&pixel, from, sizeof(pixel));
	return pixel;
}

static uint32_t to_xrgb(uint32_t pixel, const struct display_format *from)
{
	return (pixel >> from->red & 0xff) << 16 |
	       (pixel >> from->green & 0xff) << 8 |
	       (pixel >> from->blue & 0xff);
}

/* ------------------------------------------------------------- where it is */

static bool is_empty(const struct display_view *view)
{
	return view->shown.format == 0;
}

/* Of the canvas, where the picture is; it may be cut off there. */
static struct display_damage place_of(const struct display_canvas *canvas,
				      const struct display_view *view)
{
	uint32_t width = view->shown.width;
	uint32_t height = view->shown.height;

	if (is_empty(view)) {
		return (struct display_damage){ 0 };
	}
	return (struct display_damage){
		.x = width < canvas->width ? (canvas->width - width) / 2 : 0,
		.y = height < canvas->height ? (canvas->height - height) / 2
					     : 0,
		.width = width < canvas->width ? width : canvas->width,
		.height = height < canvas->height ? height : canvas->height,
	};
}

void display_canvas_spoil(struct display_canvas *canvas)
{
	const struct display_damage all = {
		.width = canvas->width,
		.height = canvas->height,
	};

	canvas->stale.count = 0;
	display_region_add(&canvas->stale, &all);
}

void display_canvas_damage(struct display_canvas *canvas,
			   const struct display_view *view,
			   const struct display_damage *damage)
{
	struct display_damage place = place_of(canvas, view);
	struct display_damage moved = *damage;

	moved.x += place.x;
	moved.y += place.y;
	moved = display_damage_cut(&moved, &place);
	display_region_add(&canvas->stale, &moved);
}

/* The first pixel of its picture; it may be to the left of, or above the rest. */
static void pointer_at(const struct display_canvas *canvas,
		       const struct display_view *view, int64_t *ret_x,
		       int64_t *ret_y)
{
	struct display_damage place = place_of(canvas, view);

	*ret_x = (int64_t)place.x + view->pointer.x - view->pointer.hot_x;
	*ret_y = (int64_t)place.y + view->pointer.y - view->pointer.hot_y;
}

static struct display_damage pointer_rect(const struct display_canvas *canvas,
					  const struct display_view *view)
{
	struct display_damage place = place_of(canvas, view);
	struct display_damage rect = { 0 };
	int64_t x;
	int64_t y;

	if (view->pointer.format == 0 || view->pointer.x > POINTER_FAR ||
	    view->pointer.y > POINTER_FAR) {
		return rect;
	}
	pointer_at(canvas, view, &x, &y);
	/* What lies before the first pixel is less than its side. */
	rect.x = x > 0 ? (uint32_t)x : 0;
	rect.y = y > 0 ? (uint32_t)y : 0;
	rect.width = (uint32_t)(x + (int64_t)DISPLAY_POINTER_SIDE - rect.x);
	rect.height = (uint32_t)(y + (int64_t)DISPLAY_POINTER_SIDE - rect.y);
	return display_damage_cut(&rect, &place);
}

void display_canvas_damage_pointer(struct display_canvas *canvas,
				   const struct display_view *view)
{
	struct display_damage rect = pointer_rect(canvas, view);

	display_region_add(&canvas->stale, &rect);
}

/* ----------------------------------------------------------------- drawing */

static const uint8_t *source(const struct display_view *view, uint32_t x,
			     uint32_t y)
{
	return view->memory + view->shown.offset +
	       (uint64_t)y * view->shown.stride + (uint64_t)x * 4;
}

static uint8_t *target(const struct display_canvas *canvas, uint32_t x,
		       uint32_t y)
{
	return canvas->pixels + (uint64_t)y * canvas->stride + (uint64_t)x * 4;
}

static bool is_same_format(uint32_t format)
{
	return format == GPU_B8G8R8X8 || format == GPU_B8G8R8A8;
}

static void copy_row(uint8_t *to, const uint8_t *from, uint32_t width,
		     uint32_t format)
{
	const struct display_format *f;

	if (is_same_format(format)) {
		memcpy(to, from, (size_t)width * 4);
		return;
	}
	f = display_format_find(format);
	for (uint32_t i = 0; f != NULL && i < width; i++) {
		uint32_t pixel = to_xrgb(load(from + 4ul * i), f);

		memcpy(to + 4ul * i, &pixel, sizeof(pixel));
	}
}

static void blacken(struct display_canvas *canvas, uint32_t x, uint32_t y,
		    uint32_t width)
{
	memset(target(canvas, x, y), 0, (size_t)width * 4);
}

static void draw_row(struct display_canvas *canvas,
		     const struct display_view *view,
		     const struct display_damage *place,
		     const struct display_damage *rect, uint32_t y)
{
	const struct display_damage row = {
		.x = rect->x,
		.y = y,
		.width = rect->width,
		.height = 1,
	};
	struct display_damage in = display_damage_cut(&row, place);
	uint32_t end = in.x + in.width;

	if (in.width == 0) {
		blacken(canvas, rect->x, y, rect->width);
		return;
	}
	blacken(canvas, rect->x, y, in.x - rect->x);
	copy_row(target(canvas, in.x, y),
		 source(view, in.x - place->x, y - place->y), in.width,
		 view->shown.format);
	blacken(canvas, end, y, rect->x + rect->width - end);
}

static uint32_t over(uint32_t top, uint32_t under)
{
	uint32_t rest = 255 - (top >> 24);
	uint32_t ret = 0;

	for (unsigned int shift = 0; shift < 24; shift += 8) {
		uint32_t sum = (top >> shift & 0xff) +
			       ((under >> shift & 0xff) * rest + 127) / 255;

		/* A picture that is not premultiplied is too bright. */
		ret |= (sum < 255 ? sum : 255) << shift;
	}
	return ret;
}

/*
 * From the picture and not from what is drawn already: reading a graphics card's
 * memory may take very long.
 */
static void draw_pointer(struct display_canvas *canvas,
			 const struct display_view *view,
			 const struct display_damage *place,
			 const struct display_damage *rect)
{
	const struct display_format *f =
		display_format_find(view->shown.format);
	struct display_damage all = pointer_rect(canvas, view);
	struct display_damage in = display_damage_cut(&all, rect);
	int64_t left;
	int64_t above;

	if (in.width == 0 || f == NULL) {
		return;
	}
	pointer_at(canvas, view, &left, &above);
	for (uint32_t y = in.y; y < in.y + in.height; y++) {
		for (uint32_t x = in.x; x < in.x + in.width; x++) {
			size_t i = (size_t)(y - above) * DISPLAY_POINTER_SIDE +
				   (size_t)(x - left);
			uint32_t under = to_xrgb(
				load(source(view, x - place->x, y - place->y)),
				f);
			uint32_t pixel = over(view->pointer_pixels[i], under);

			memcpy(target(canvas, x, y), &pixel, sizeof(pixel));
		}
	}
}

uint64_t display_canvas_draw(struct display_canvas *canvas,
			     const struct display_view *view)
{
	struct display_damage place = place_of(canvas, view);
	uint64_t pixels = 0;

	for (uint32_t i = 0; i < canvas->stale.count; i++) {
		const struct display_damage *rect = &canvas->stale.rect[i];

		for (uint32_t y = rect->y; y < rect->y + rect->height; y++) {
			draw_row(canvas, view, &place, rect, y);
		}
		draw_pointer(canvas, view, &place, rect);
		pixels += (uint64_t)rect->width * rect->height;
	}
	canvas->stale.count = 0;
	return pixels;
}

void display_view_take_pointer(struct display_view *view,
			       const struct display_pointer *pointer)
{
	uint32_t format = view->pointer.format;

	view->pointer = *pointer;
	if (pointer->has_picture == 0) {
		view->pointer.format = format;
	} else if (!display_pointer_read(view->memory, pointer,
					 view->pointer_pixels)) {
		view->pointer.format = 0;
	}
}
