/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "display/display_picture.h"

#define BYTES_PER_PIXEL 4u
#define PAGE 4096u
/* What is compared at a time: a change of a pixel is one of so many. */
#define TILE_WIDTH 64u
#define TILE_HEIGHT 16u

/* ---------------------------------------------------------------- memory */

static int map(struct display_copy *copy, int fd, uint64_t size, uint8_t *at)
{
	void *p;

	if (ftruncate(fd, (off_t)size) < 0) {
		return -errno;
	}
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		return -errno;
	}
	copy->pixels = p;
	if (madvise(p, size, MADV_DONTFORK) < 0 ||
	    madvise(p, size, MADV_DONTDUMP) < 0 ||
	    /* No mapping from now on can be made writable. */
	    fcntl(fd, F_ADD_SEALS,
		  F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) < 0 ||
	    mmap(at, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) ==
		    MAP_FAILED) {
		return -errno;
	}
	(void)madvise(at, size, MADV_DONTDUMP);
	return 0;
}

int display_copy_open(struct display_copy *copy, uint32_t heads, uint64_t size,
		      uint8_t *at, uint64_t base)
{
	uint64_t share = size / heads / PAGE * PAGE;
	int fd = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc;

	if (fd < 0) {
		return -errno;
	}
	memset(copy, 0, sizeof(*copy));
	share = share < DISPLAY_COPY_MAX ? share : DISPLAY_COPY_MAX;
	rc = map(copy, fd, share * heads, at);
	close(fd);
	if (rc == 0) {
		copy->base = base;
		copy->share = share;
	}
	return rc;
}

/* --------------------------------------------------------------- copying */

static uint64_t row_bytes(const struct display_scanout *shown)
{
	return (uint64_t)shown->width * BYTES_PER_PIXEL;
}

void display_copy_take(struct display_copy *copy, uint32_t head,
		       const uint8_t *memory,
		       const struct display_scanout *shown,
		       struct display_scanout *ret)
{
	uint64_t row = row_bytes(shown);
	const uint8_t *from = memory + shown->offset;
	uint8_t *to = copy->pixels + head * copy->share;

	*ret = *shown;
	copy->of[head].format = 0;
	if (shown->format == 0 || row * shown->height > copy->share) {
		return;
	}
	for (uint32_t y = 0; y < shown->height; y++) {
		memcpy(to, from, row);
		to += row;
		from += shown->stride;
	}
	ret->offset = copy->base + head * copy->share;
	ret->stride = (uint32_t)row;
	copy->of[head] = *ret;
}

bool display_copy_has(const struct display_copy *copy, uint32_t head,
		      const struct display_scanout *shown)
{
	const struct display_scanout *of = &copy->of[head];

	return of->format != 0 && of->format == shown->format &&
	       of->width == shown->width && of->height == shown->height;
}

/* A row of tiles, or what of it is in the part that is compared. */
struct band {
	uint8_t *to;
	const uint8_t *from;
	size_t to_stride;
	size_t from_stride;
	uint32_t height;
};

static uint8_t *to_row(const struct band *band, uint32_t x, uint32_t y)
{
	return band->to + y * band->to_stride + (size_t)x * BYTES_PER_PIXEL;
}

static const uint8_t *from_row(const struct band *band, uint32_t x, uint32_t y)
{
	return band->from + y * band->from_stride + (size_t)x * BYTES_PER_PIXEL;
}

static bool differs(const struct band *band, uint32_t x, uint32_t width)
{
	for (uint32_t y = 0; y < band->height; y++) {
		if (memcmp(to_row(band, x, y), from_row(band, x, y),
			   (size_t)width * BYTES_PER_PIXEL) != 0) {
			return true;
		}
	}
	return false;
}

/* The guest may write at any time: this may be newer, which it will tell. */
static void copy_tiles(const struct band *band, uint32_t x, uint32_t width)
{
	for (uint32_t y = 0; y < band->height; y++) {
		memcpy(to_row(band, x, y), from_row(band, x, y),
		       (size_t)width * BYTES_PER_PIXEL);
	}
}

struct parts {
	struct display_damage *part;
	size_t count;
};

/* Below one of the same width it makes that one higher. */
static void add_part(struct parts *parts, const struct display_damage *more)
{
	for (size_t i = 0; i < parts->count; i++) {
		struct display_damage *part = &parts->part[i];

		if (part->x == more->x && part->width == more->width &&
		    part->y + part->height == more->y) {
			part->height += more->height;
			return;
		}
	}
	if (parts->count == DISPLAY_COPY_PARTS) {
		display_damage_add(&parts->part[parts->count - 1], more);
	} else {
		parts->part[parts->count++] = *more;
	}
}

/* Tiles from x to end, at place in the picture, have changed, if these are any. */
static void take_run(const struct band *band,
		     const struct display_damage *place, uint32_t x,
		     uint32_t end, struct parts *parts)
{
	if (x < end) {
		copy_tiles(band, x, end - x);
		add_part(parts, &(struct display_damage){
					.x = place->x + x,
					.y = place->y,
					.width = end - x,
					.height = place->height,
				});
	}
}

static void update_band(const struct band *band,
			const struct display_damage *place, struct parts *parts)
{
	uint32_t begin = 0; /* of tiles that have changed, up to x */
	uint32_t width;

	for (uint32_t x = 0; x < place->width; x += width) {
		width = TILE_WIDTH - (place->x + x) % TILE_WIDTH;
		width = width < place->width - x ? width : place->width - x;
		if (!differs(band, x, width)) {
			take_run(band, place, begin, x, parts);
			begin = x + width;
		}
	}
	take_run(band, place, begin, place->width, parts);
}

static uint64_t area(const struct display_damage *part)
{
	return (uint64_t)part->width * part->height;
}

/* One of them, if that does not make much more of it. */
static void join_parts(struct parts *parts)
{
	struct display_damage all = { 0 };
	uint64_t sum = 0;

	for (size_t i = 0; i < parts->count; i++) {
		display_damage_add(&all, &parts->part[i]);
		sum += area(&parts->part[i]);
	}
	if (sum >= area(&all) / 4 * 3 && parts->count != 0) {
		parts->part[0] = all;
		parts->count = 1;
	}
}

size_t display_copy_update(struct display_copy *copy, uint32_t head,
			   const uint8_t *memory,
			   const struct display_scanout *shown,
			   const struct display_damage *part,
			   struct display_damage ret[DISPLAY_COPY_PARTS])
{
	struct parts parts = { .part = ret };
	struct display_damage place = *part;
	size_t row = row_bytes(shown);

	for (uint32_t y = 0; y < part->height; y += place.height) {
		place.y = part->y + y;
		place.height = TILE_HEIGHT - place.y % TILE_HEIGHT;
		place.height = place.height < part->height - y
				       ? place.height
				       : part->height - y;
		update_band(
			&(struct band){
				.to = copy->pixels + head * copy->share +
				      place.y * row +
				      (size_t)place.x * BYTES_PER_PIXEL,
				.from = memory + shown->offset +
					(uint64_t)place.y * shown->stride +
					(size_t)place.x * BYTES_PER_PIXEL,
				.to_stride = row,
				.from_stride = shown->stride,
				.height = place.height,
			},
			&place, &parts);
	}
	join_parts(&parts);
	return parts.count;
}
