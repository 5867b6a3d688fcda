/* SPDX-License-Identifier: BSD-2-Clause */
#include "gpu/video_memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC 0x315644495645565aull /* "ZVEVIDV1" */
#define BYTES_PER_PIXEL 4u

struct header {
	uint64_t magic; /* written last */
	uint64_t size;
	_Atomic uint32_t generation; /* its lowest bit names the valid state */
	uint32_t reserved;
	struct video_state state[2];
};

/* Before the pages: whole pages, too. */
#define TABLE_OFFSET VIDEO_PAGE
#define TABLE_BYTES (VIDEO_RESOURCES_MAX * sizeof(struct video_resource))
#define DATA_OFFSET                                                   \
	((TABLE_OFFSET + TABLE_BYTES + VIDEO_PAGE - 1) / VIDEO_PAGE * \
	 VIDEO_PAGE)

_Static_assert(sizeof(struct header) <= TABLE_OFFSET, "the table is behind it");
_Static_assert(sizeof(struct video_resource) == 40, "is in a file");

static struct header *header_of(const struct video_memory *video)
{
	return (struct header *)(void *)video->base;
}

static uint64_t pages_of(uint64_t bytes)
{
	return (bytes + VIDEO_PAGE - 1) / VIDEO_PAGE;
}

static uint64_t picture_bytes(const struct video_resource *resource)
{
	return (uint64_t)resource->width * resource->height * BYTES_PER_PIXEL;
}

/* ------------------------------------------------------------------- pages */

static bool page_used(const struct video_memory *video, uint64_t page)
{
	return (video->used[page / 8] >> page % 8 & 1) != 0;
}

static void mark(struct video_memory *video, uint64_t first, uint64_t count,
		 bool used)
{
	for (uint64_t page = first; page < first + count; page++) {
		uint8_t bit = (uint8_t)(1u << page % 8);

		if (used) {
			video->used[page / 8] |= bit;
		} else {
			video->used[page / 8] &= (uint8_t)~bit;
		}
	}
}

/* Offset in the file of that many bytes, or 0. */
static uint64_t alloc(struct video_memory *video, uint64_t bytes)
{
	uint64_t count = pages_of(bytes);
	uint64_t found = 0;

	for (uint64_t page = 0; page < video->page_count; page++) {
		found = page_used(video, page) ? 0 : found + 1;
		if (found == count) {
			mark(video, page + 1 - count, count, true);
			return DATA_OFFSET + (page + 1 - count) * VIDEO_PAGE;
		}
	}
	return 0;
}

static void release(struct video_memory *video, uint64_t offset, uint64_t bytes)
{
	mark(video, (offset - DATA_OFFSET) / VIDEO_PAGE, pages_of(bytes),
	     false);
}

/* Marks what a table found in the file claims; false: it cannot have that. */
static bool claim(struct video_memory *video, uint64_t offset, uint64_t bytes)
{
	uint64_t count = pages_of(bytes);
	uint64_t first;

	if (offset < DATA_OFFSET || offset % VIDEO_PAGE != 0) {
		return false;
	}
	first = (offset - DATA_OFFSET) / VIDEO_PAGE;
	if (first >= video->page_count || count > video->page_count - first) {
		return false;
	}
	for (uint64_t page = first; page < first + count; page++) {
		if (page_used(video, page)) {
			return false;
		}
	}
	mark(video, first, count, true);
	return true;
}

/* ----------------------------------------------------------------- opening */

static bool claim_resource(struct video_memory *video,
			   const struct video_resource *resource)
{
	return resource->width >= 1 && resource->width <= VIDEO_WIDTH_MAX &&
	       resource->height >= 1 && resource->height <= VIDEO_WIDTH_MAX &&
	       claim(video, resource->picture, picture_bytes(resource)) &&
	       (resource->piece_count == 0 ||
		claim(video, resource->pieces,
		      resource->piece_count * sizeof(struct video_piece)));
}

/* A rectangle that is not empty, within a picture of that size. */
static bool is_within(const struct video_rect *rect,
		      const struct video_resource *resource)
{
	return rect->width != 0 && rect->height != 0 &&
	       rect->x <= resource->width &&
	       rect->width <= resource->width - rect->x &&
	       rect->y <= resource->height &&
	       rect->height <= resource->height - rect->y;
}

static bool check_state(struct video_memory *video)
{
	const struct video_state *state = &video->state;

	for (size_t i = 0; i < VIDEO_SCANOUTS_MAX; i++) {
		const struct video_resource *resource;

		if (state->scanout[i].resource == 0) {
			continue;
		}
		resource = video_find(video, state->scanout[i].resource);
		if (resource == NULL ||
		    !is_within(&state->scanout[i].rect, resource)) {
			return false;
		}
	}
	return state->cursor.scanout < VIDEO_SCANOUTS_MAX &&
	       (state->cursor.resource == 0 ||
		video_find(video, state->cursor.resource) != NULL);
}

/* Takes over what is there; false: it does not hold together. */
static bool resume(struct video_memory *video)
{
	struct header *header = header_of(video);
	uint32_t generation = atomic_load(&header->generation);

	if (header->magic != MAGIC || header->size != video->size) {
		return false;
	}
	video->rows = VIDEO_RESOURCES_MAX;
	for (size_t i = 0; i < VIDEO_RESOURCES_MAX; i++) {
		if (video->table[i].id != 0 &&
		    (video_find(video, video->table[i].id) !=
			     &video->table[i] ||
		     !claim_resource(video, &video->table[i]))) {
			return false;
		}
	}
	memcpy(&video->state, &header->state[generation & 1],
	       sizeof(video->state));
	return check_state(video);
}

void video_clear(struct video_memory *video)
{
	struct header *header = header_of(video);

	header->magic = 0;
	atomic_thread_fence(memory_order_seq_cst);
	memset(video->base + TABLE_OFFSET, 0, TABLE_BYTES);
	memset(video->used, 0, (video->page_count + 7) / 8);
	video->rows = 0;
	memset(&video->state, 0, sizeof(video->state));
	memset(header->state, 0, sizeof(header->state));
	header->size = video->size;
	atomic_thread_fence(memory_order_seq_cst);
	header->magic = MAGIC;
}

int video_open(struct video_memory *video, void *base, uint64_t size,
	       bool *ret_resumed)
{
	if (size < VIDEO_SIZE_MIN || size > VIDEO_SIZE_MAX) {
		return -EINVAL;
	}
	memset(video, 0, sizeof(*video));
	video->base = base;
	video->size = size;
	video->table =
		(struct video_resource *)(void *)(video->base + TABLE_OFFSET);
	video->page_count = (uint32_t)((size - DATA_OFFSET) / VIDEO_PAGE);
	video->used = calloc(1, (video->page_count + 7) / 8);
	if (video->used == NULL) {
		return -ENOMEM;
	}
	*ret_resumed = resume(video);
	if (!*ret_resumed) {
		video_clear(video);
	}
	return 0;
}

void video_close(struct video_memory *video)
{
	free(video->used);
	video->used = NULL;
}

/* --------------------------------------------------------------- resources */

struct video_resource *video_find(struct video_memory *video, uint32_t id)
{
	for (size_t i = 0; i < video->rows; i++) {
		if (video->table[i].id == id && id != 0) {
			return &video->table[i];
		}
	}
	return NULL;
}

static struct video_resource *free_row(struct video_memory *video)
{
	for (size_t i = 0; i < VIDEO_RESOURCES_MAX; i++) {
		if (video->table[i].id == 0) {
			video->rows = i < video->rows ? video->rows : i + 1;
			return &video->table[i];
		}
	}
	return NULL;
}

static void set_id(struct video_resource *resource, uint32_t id)
{
	atomic_thread_fence(memory_order_release);
	*(volatile uint32_t *)&resource->id = id;
	atomic_thread_fence(memory_order_seq_cst);
}

struct video_resource *video_create(struct video_memory *video, uint32_t id,
				    uint32_t format, uint32_t width,
				    uint32_t height)
{
	struct video_resource *row = free_row(video);
	struct video_resource resource = {
		.format = format,
		.width = width,
		.height = height,
	};

	if (row == NULL) {
		return NULL;
	}
	resource.picture = alloc(video, picture_bytes(&resource));
	if (resource.picture == 0) {
		return NULL;
	}
	/* Not what another resource has shown. */
	memset(video->base + resource.picture, 0, picture_bytes(&resource));
	*row = resource;
	set_id(row, id);
	return row;
}

void video_destroy(struct video_memory *video, struct video_resource *resource)
{
	set_id(resource, 0);
	video_detach(video, resource);
	release(video, resource->picture, picture_bytes(resource));
}

struct video_piece *video_pieces_alloc(struct video_memory *video,
				       uint32_t count)
{
	uint64_t at = alloc(video, count * sizeof(struct video_piece));

	return at != 0 ? (struct video_piece *)(void *)(video->base + at)
		       : NULL;
}

static uint64_t offset_of(const struct video_memory *video,
			  const struct video_piece *pieces)
{
	return (uint64_t)((const uint8_t *)pieces - video->base);
}

void video_pieces_free(struct video_memory *video,
		       const struct video_piece *pieces, uint32_t count)
{
	release(video, offset_of(video, pieces),
		count * sizeof(struct video_piece));
}

/* A list without a count is none, and a count is written after its list. */
static void set_pieces(struct video_resource *resource, uint64_t offset,
		       uint32_t count)
{
	volatile struct video_resource *row = resource;

	row->piece_count = 0;
	atomic_thread_fence(memory_order_seq_cst);
	row->pieces = offset;
	atomic_thread_fence(memory_order_seq_cst);
	row->piece_count = count;
}

void video_attach(struct video_memory *video, struct video_resource *resource,
		  const struct video_piece *pieces, uint32_t count)
{
	video_detach(video, resource);
	set_pieces(resource, offset_of(video, pieces), count);
}

void video_detach(struct video_memory *video, struct video_resource *resource)
{
	uint32_t count = resource->piece_count;

	if (count != 0) {
		set_pieces(resource, resource->pieces, 0);
		release(video, resource->pieces,
			count * sizeof(struct video_piece));
	}
}

void video_commit(struct video_memory *video)
{
	struct header *header = header_of(video);
	uint32_t generation = atomic_load(&header->generation) + 1;

	memcpy(&header->state[generation & 1], &video->state,
	       sizeof(video->state));
	atomic_store(&header->generation, generation);
}
