/* SPDX-License-Identifier: BSD-2-Clause */
#include "gpu/gpu_2d.h"

#include <string.h>

#define BYTES_PER_PIXEL 4u
#define ENTRIES_AT_ONCE 64u

typedef enum gpu_type (*command_fn)(struct gpu_2d *gpu, struct chain_io *reader,
				    struct gpu_response *ret);

/* ------------------------------------------------------------ what is shown */

static void picture_of(const struct video_resource *resource,
		       const struct video_rect *rect, struct gpu_picture *ret)
{
	*ret = (struct gpu_picture){
		.format = resource->format,
		.width = rect->width,
		.height = rect->height,
		.stride = resource->width * BYTES_PER_PIXEL,
		.offset = resource->picture +
			  ((uint64_t)rect->y * resource->width + rect->x) *
				  BYTES_PER_PIXEL,
	};
}

static void show_scanout(struct gpu_2d *gpu, uint32_t scanout)
{
	const struct video_state *state = &gpu->video->state;
	struct gpu_picture picture = { 0 };
	const struct video_resource *resource =
		video_find(gpu->video, state->scanout[scanout].resource);

	if (resource != NULL) {
		picture_of(resource, &state->scanout[scanout].rect, &picture);
	}
	gpu->output->scanout(gpu->owner, scanout, &picture);
}

static void show_pointer(struct gpu_2d *gpu, bool moved_only)
{
	const struct video_state *state = &gpu->video->state;
	const struct gpu_pointer pointer = {
		.scanout = state->cursor.scanout,
		.x = state->cursor.x,
		.y = state->cursor.y,
		.hot_x = state->cursor.hot_x,
		.hot_y = state->cursor.hot_y,
	};
	static const struct video_rect all = { 0, 0, GPU_CURSOR_SIDE,
					       GPU_CURSOR_SIDE };
	struct gpu_picture picture = { 0 };
	const struct video_resource *resource =
		video_find(gpu->video, state->cursor.resource);

	if (resource != NULL) {
		picture_of(resource, &all, &picture);
	}
	gpu->output->pointer(gpu->owner, &pointer,
			     moved_only ? NULL : &picture);
}

void gpu_2d_show(struct gpu_2d *gpu)
{
	for (uint32_t i = 0; i < gpu->scanouts; i++) {
		show_scanout(gpu, i);
	}
	show_pointer(gpu, false);
}

void gpu_2d_reset(struct gpu_2d *gpu)
{
	video_clear(gpu->video);
	gpu_2d_show(gpu);
}

static bool is_within(const struct video_rect *rect, uint32_t width,
		      uint32_t height)
{
	return rect->width != 0 && rect->height != 0 && rect->x <= width &&
	       rect->width <= width - rect->x && rect->y <= height &&
	       rect->height <= height - rect->y;
}

/* -------------------------------------------------------------------- modes */

static enum gpu_type get_display_info(struct gpu_2d *gpu,
				      struct chain_io *reader,
				      struct gpu_response *ret)
{
	struct gpu_display_info *info = &ret->body.info;
	uint32_t x = 0;

	(void)reader;
	memset(info, 0, sizeof(*info));
	/* Side by side, as pointers are moved across them. */
	for (uint32_t i = 0; i < gpu->scanouts; i++) {
		info->mode[i].rect.x = x;
		info->mode[i].rect.width = gpu->mode[i].width;
		info->mode[i].rect.height = gpu->mode[i].height;
		info->mode[i].enabled = gpu->mode[i].enabled;
		x += gpu->mode[i].width;
	}
	ret->body_len = sizeof(*info);
	return GPU_OK_DISPLAY_INFO;
}

static enum gpu_type get_edid(struct gpu_2d *gpu, struct chain_io *reader,
			      struct gpu_response *ret)
{
	struct gpu_edid *edid = &ret->body.edid;
	struct gpu_get_edid wanted;

	if (!chain_read(reader, &wanted, sizeof(wanted))) {
		return GPU_ERROR_PARAMETER;
	}
	if (wanted.scanout >= gpu->scanouts) {
		return GPU_ERROR_SCANOUT_ID;
	}
	memset(edid, 0, sizeof(*edid));
	edid->size = EDID_SIZE;
	edid_make(edid->edid, gpu->mode[wanted.scanout].width,
		  gpu->mode[wanted.scanout].height, wanted.scanout + 1);
	ret->body_len = sizeof(*edid);
	return GPU_OK_EDID;
}

/* ---------------------------------------------------------------- resources */

static bool is_format(uint32_t format)
{
	switch (format) {
	case GPU_B8G8R8A8:
	case GPU_B8G8R8X8:
	case GPU_A8R8G8B8:
	case GPU_X8R8G8B8:
	case GPU_R8G8B8A8:
	case GPU_X8B8G8R8:
	case GPU_A8B8G8R8:
	case GPU_R8G8B8X8:
		return true;
	default:
		return false;
	}
}

static enum gpu_type create_2d(struct gpu_2d *gpu, struct chain_io *reader,
			       struct gpu_response *ret)
{
	const struct video_resource *there;
	struct gpu_create_2d wanted;

	(void)ret;
	if (!chain_read(reader, &wanted, sizeof(wanted)) ||
	    !is_format(wanted.format) || wanted.width == 0 ||
	    wanted.width > VIDEO_WIDTH_MAX || wanted.height == 0 ||
	    wanted.height > VIDEO_WIDTH_MAX) {
		return GPU_ERROR_PARAMETER;
	}
	there = video_find(gpu->video, wanted.resource);
	if (there != NULL && gpu->repeats && there->format == wanted.format &&
	    there->width == wanted.width && there->height == wanted.height) {
		return GPU_OK;
	}
	if (wanted.resource == 0 || there != NULL) {
		return GPU_ERROR_RESOURCE_ID;
	}
	if (video_create(gpu->video, wanted.resource, wanted.format,
			 wanted.width, wanted.height) == NULL) {
		return GPU_ERROR_OUT_OF_MEMORY;
	}
	gpu->written +=
		(uint64_t)wanted.width * wanted.height * BYTES_PER_PIXEL;
	return GPU_OK;
}

/* Nobody shows it any more. */
static void hide(struct gpu_2d *gpu, uint32_t id)
{
	struct video_state *state = &gpu->video->state;

	for (uint32_t i = 0; i < gpu->scanouts; i++) {
		if (state->scanout[i].resource == id) {
			state->scanout[i].resource = 0;
			video_commit(gpu->video);
			show_scanout(gpu, i);
		}
	}
	if (state->cursor.resource == id) {
		state->cursor.resource = 0;
		video_commit(gpu->video);
		show_pointer(gpu, false);
	}
}

static enum gpu_type unref(struct gpu_2d *gpu, struct chain_io *reader,
			   struct gpu_response *ret)
{
	struct video_resource *resource;
	struct gpu_resource wanted;

	(void)ret;
	if (!chain_read(reader, &wanted, sizeof(wanted))) {
		return GPU_ERROR_PARAMETER;
	}
	resource = video_find(gpu->video, wanted.resource);
	if (resource == NULL) {
		return gpu->repeats ? GPU_OK : GPU_ERROR_RESOURCE_ID;
	}
	hide(gpu, wanted.resource);
	video_destroy(gpu->video, resource);
	return GPU_OK;
}

/* Copies entries into the list while they make sense. */
static bool read_entries(struct chain_io *reader, struct video_piece *pieces,
			 uint32_t count)
{
	struct gpu_entry entries[ENTRIES_AT_ONCE];

	for (uint32_t done = 0; done < count;) {
		uint32_t n = count - done < ENTRIES_AT_ONCE ? count - done
							    : ENTRIES_AT_ONCE;

		if (!chain_read(reader, entries, n * sizeof(entries[0]))) {
			return false;
		}
		for (uint32_t i = 0; i < n; i++) {
			if (guest_mem_map(reader->gm, entries[i].gpa,
					  entries[i].length) == NULL) {
				return false;
			}
			pieces[done + i] =
				(struct video_piece){ entries[i].gpa,
						      entries[i].length };
		}
		done += n;
	}
	return true;
}

static enum gpu_type attach(struct gpu_2d *gpu, struct chain_io *reader,
			    struct gpu_response *ret)
{
	struct video_resource *resource;
	struct video_piece *pieces;
	struct gpu_attach wanted;

	(void)ret;
	if (!chain_read(reader, &wanted, sizeof(wanted)) || wanted.count == 0 ||
	    wanted.count > GPU_ENTRIES_MAX) {
		return GPU_ERROR_PARAMETER;
	}
	resource = video_find(gpu->video, wanted.resource);
	if (resource == NULL) {
		return GPU_ERROR_RESOURCE_ID;
	}
	if (resource->piece_count != 0 && !gpu->repeats) {
		return GPU_ERROR;
	}
	pieces = video_pieces_alloc(gpu->video, wanted.count);
	if (pieces == NULL) {
		return GPU_ERROR_OUT_OF_MEMORY;
	}
	if (!read_entries(reader, pieces, wanted.count)) {
		video_pieces_free(gpu->video, pieces, wanted.count);
		return GPU_ERROR_PARAMETER;
	}
	video_attach(gpu->video, resource, pieces, wanted.count);
	return GPU_OK;
}

static enum gpu_type detach(struct gpu_2d *gpu, struct chain_io *reader,
			    struct gpu_response *ret)
{
	struct video_resource *resource;
	struct gpu_resource wanted;

	(void)ret;
	if (!chain_read(reader, &wanted, sizeof(wanted))) {
		return GPU_ERROR_PARAMETER;
	}
	resource = video_find(gpu->video, wanted.resource);
	if (resource == NULL) {
		return GPU_ERROR_RESOURCE_ID;
	}
	video_detach(gpu->video, resource);
	return GPU_OK;
}

/* ---------------------------------------------------------------- transfers */

/* A position in the guest memory behind a resource. */
struct backing {
	const struct guest_mem *gm;
	const struct video_piece *piece;
	const struct video_piece *end;
	uint64_t done; /* bytes of the piece before the position */
};

/* False: it ends before. */
static bool backing_skip(struct backing *b, uint64_t len)
{
	while (b->piece < b->end) {
		uint64_t left = b->piece->length - b->done;

		if (len < left) {
			b->done += len;
			return true;
		}
		len -= left;
		b->piece++;
		b->done = 0;
	}
	return len == 0;
}

/* Pieces are looked up anew: the list may be a predecessor's. */
static bool backing_copy(struct backing *b, uint8_t *to, uint64_t len)
{
	while (len != 0 && b->piece < b->end) {
		uint64_t left = b->piece->length - b->done;
		uint64_t n = left < len ? left : len;
		const uint8_t *from =
			guest_mem_map(b->gm, b->piece->gpa + b->done, n);

		if (from == NULL) {
			return false;
		}
		memcpy(to, from, n);
		to += n;
		len -= n;
		if (!backing_skip(b, n)) {
			return false;
		}
	}
	return len == 0;
}

static uint64_t backing_length(const struct video_piece *pieces, uint32_t count)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		sum += pieces[i].length;
	}
	return sum;
}

/* The rectangle, which is within the resource, from offset on. */
static bool copy_rect(struct gpu_2d *gpu, struct guest_mem *gm,
		      const struct video_resource *resource,
		      const struct video_rect *rect, uint64_t offset)
{
	const struct video_piece *pieces = video_pieces(gpu->video, resource);
	struct backing backing = {
		.gm = gm,
		.piece = pieces,
		.end = pieces + resource->piece_count,
	};
	uint64_t stride = (uint64_t)resource->width * BYTES_PER_PIXEL;
	uint64_t row = (uint64_t)rect->width * BYTES_PER_PIXEL;
	uint64_t span = stride * (rect->height - 1) + row;
	uint64_t length = backing_length(pieces, resource->piece_count);
	uint8_t *to = video_picture(gpu->video, resource) + rect->y * stride +
		      rect->x * BYTES_PER_PIXEL;

	if (span > length || offset > length - span) {
		return false;
	}
	backing_skip(&backing, offset);
	for (uint32_t y = 0; y < rect->height; y++) {
		if (!backing_copy(&backing, to, row)) {
			return false;
		}
		backing_skip(&backing, stride - row);
		to += stride;
	}
	gpu->bytes += row * rect->height;
	gpu->written += row * rect->height;
	return true;
}

static enum gpu_type transfer(struct gpu_2d *gpu, struct chain_io *reader,
			      struct gpu_response *ret)
{
	const struct video_resource *resource;
	struct gpu_transfer wanted;

	(void)ret;
	if (!chain_read(reader, &wanted, sizeof(wanted))) {
		return GPU_ERROR_PARAMETER;
	}
	resource = video_find(gpu->video, wanted.resource);
	if (resource == NULL) {
		return GPU_ERROR_RESOURCE_ID;
	}
	if (!is_within(&wanted.rect, resource->width, resource->height)) {
		return GPU_ERROR_PARAMETER;
	}
	if (resource->piece_count == 0) {
		return GPU_ERROR;
	}
	return copy_rect(gpu, reader->gm, resource, &wanted.rect, wanted.offset)
		       ? GPU_OK
		       : GPU_ERROR_PARAMETER;
}

/* ----------------------------------------------------------------- scanouts */

static enum gpu_type set_scanout(struct gpu_2d *gpu, struct chain_io *reader,
				 struct gpu_response *ret)
{
	struct video_state *state = &gpu->video->state;
	const struct video_resource *resource;
	struct gpu_set_scanout wanted;

	(void)ret;
	if (!chain_read(reader, &wanted, sizeof(wanted))) {
		return GPU_ERROR_PARAMETER;
	}
	if (wanted.scanout >= gpu->scanouts) {
		return GPU_ERROR_SCANOUT_ID;
	}
	if (wanted.resource != 0) {
		resource = video_find(gpu->video, wanted.resource);
		if (resource == NULL) {
			return GPU_ERROR_RESOURCE_ID;
		}
		if (!is_within(&wanted.rect, resource->width,
			       resource->height)) {
			return GPU_ERROR_PARAMETER;
		}
	}
	state->scanout[wanted.scanout].resource = wanted.resource;
	state->scanout[wanted.scanout].rect = wanted.rect;
	video_commit(gpu->video);
	show_scanout(gpu, wanted.scanout);
	return GPU_OK;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* The part of a that b covers, seen from b's corner; false: none. */
static bool overlap(const struct video_rect *a, const struct video_rect *b,
		    struct video_rect *ret)
{
	uint32_t left = larger(a->x, b->x);
	uint32_t top = larger(a->y, b->y);
	uint32_t right = smaller(a->x + a->width, b->x + b->width);
	uint32_t bottom = smaller(a->y + a->height, b->y + b->height);

	if (left >= right || top >= bottom) {
		return false;
	}
	*ret = (struct video_rect){ left - b->x, top - b->y, right - left,
				    bottom - top };
	return true;
}

static enum gpu_type flush(struct gpu_2d *gpu, struct chain_io *reader,
			   struct gpu_response *ret)
{
	const struct video_state *state = &gpu->video->state;
	const struct video_resource *resource;
	struct gpu_flush wanted;
	struct video_rect part;

	(void)ret;
	if (!chain_read(reader, &wanted, sizeof(wanted))) {
		return GPU_ERROR_PARAMETER;
	}
	resource = video_find(gpu->video, wanted.resource);
	if (resource == NULL) {
		return GPU_ERROR_RESOURCE_ID;
	}
	if (!is_within(&wanted.rect, resource->width, resource->height)) {
		return GPU_ERROR_PARAMETER;
	}
	gpu->flushes++;
	for (uint32_t i = 0; i < gpu->scanouts; i++) {
		if (state->scanout[i].resource == wanted.resource &&
		    overlap(&wanted.rect, &state->scanout[i].rect, &part)) {
			gpu->output->damage(gpu->owner, i, &part);
		}
	}
	return GPU_OK;
}

/* ------------------------------------------------------------------- cursor */

static bool is_cursor(const struct video_resource *resource)
{
	return resource != NULL && resource->width >= GPU_CURSOR_SIDE &&
	       resource->height >= GPU_CURSOR_SIDE;
}

bool gpu_2d_cursor(struct gpu_2d *gpu, struct chain_io *reader)
{
	struct video_state *state = &gpu->video->state;
	struct gpu_header header;
	struct gpu_cursor wanted;
	bool update;

	if (!chain_read(reader, &header, sizeof(header)) ||
	    !chain_read(reader, &wanted, sizeof(wanted))) {
		return false;
	}
	update = header.type == GPU_UPDATE_CURSOR;
	/* There is no answer that could say what is wrong with it. */
	if ((!update && header.type != GPU_MOVE_CURSOR) ||
	    wanted.scanout >= gpu->scanouts ||
	    (update && wanted.resource != 0 &&
	     !is_cursor(video_find(gpu->video, wanted.resource)))) {
		return true;
	}
	state->cursor.scanout = wanted.scanout;
	state->cursor.x = wanted.x;
	state->cursor.y = wanted.y;
	if (update) {
		state->cursor.resource = wanted.resource;
		state->cursor.hot_x = wanted.hot_x;
		state->cursor.hot_y = wanted.hot_y;
	}
	video_commit(gpu->video);
	show_pointer(gpu, !update);
	return true;
}

bool gpu_2d_is_sound(const struct gpu_2d *gpu)
{
	const struct video_memory *video = gpu->video;
	const struct video_state *state = &video->state;

	for (size_t i = 0; i < video->rows; i++) {
		if (video->table[i].id != 0 &&
		    !is_format(video->table[i].format)) {
			return false;
		}
	}
	for (uint32_t i = gpu->scanouts; i < VIDEO_SCANOUTS_MAX; i++) {
		if (state->scanout[i].resource != 0) {
			return false;
		}
	}
	return state->cursor.scanout < gpu->scanouts &&
	       (state->cursor.resource == 0 ||
		is_cursor(video_find(gpu->video, state->cursor.resource)));
}

/* ------------------------------------------------------------------ control */

static const struct {
	enum gpu_type type;
	command_fn fn;
} commands[] = {
	{ GPU_GET_DISPLAY_INFO, get_display_info },
	{ GPU_GET_EDID, get_edid },
	{ GPU_RESOURCE_CREATE_2D, create_2d },
	{ GPU_RESOURCE_UNREF, unref },
	{ GPU_RESOURCE_ATTACH_BACKING, attach },
	{ GPU_RESOURCE_DETACH_BACKING, detach },
	{ GPU_TRANSFER_TO_HOST_2D, transfer },
	{ GPU_SET_SCANOUT, set_scanout },
	{ GPU_RESOURCE_FLUSH, flush },
};

bool gpu_2d_control(struct gpu_2d *gpu, struct chain_io *reader,
		    struct gpu_response *ret)
{
	struct gpu_header header;
	enum gpu_type type = GPU_ERROR;

	if (!chain_read(reader, &header, sizeof(header))) {
		return false;
	}
	ret->body_len = 0;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (commands[i].type == header.type) {
			type = commands[i].fn(gpu, reader, ret);
			break;
		}
	}
	gpu->repeats = false;
	ret->header = (struct gpu_header){
		.type = type,
		.flags = header.flags & GPU_FLAG_FENCE,
		.fence_id = (header.flags & GPU_FLAG_FENCE) != 0
				    ? header.fence_id
				    : 0,
		.ctx_id = header.ctx_id,
	};
	return true;
}
