/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of a graphics device: what the guest's resources look like, and
 * what they are, in a file that outlives the process.
 *
 *   header, two copies of the state | table of resources | pages
 *
 * A resource owns pages for its picture and for the list of guest memory behind
 * it.  All that a guest can make us keep is in this file, so its size is the
 * device's budget.  A kill may fall between any two instructions: a resource is
 * there once its id is written, and a state once its generation is.
 *
 * Who shows the pictures maps the same file, read-only.  What is found in it was
 * written by a process that handles hostile input, so it is checked on opening;
 * the map of pages in use is made of it and is ours alone.
 */
#ifndef ZV_BACKENDS_GPU_VIDEO_MEMORY_H
#define ZV_BACKENDS_GPU_VIDEO_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIDEO_PAGE 4096u
#define VIDEO_RESOURCES_MAX 1024u
#define VIDEO_SCANOUTS_MAX 16u /* virtio 1.2, 5.7.6.8 */
/* Of the file: header and table, and a picture of 640x480 at least. */
#define VIDEO_SIZE_MIN (2u << 20)
#define VIDEO_SIZE_MAX (512u << 20)
#define VIDEO_WIDTH_MAX 16384u /* and the height, of a picture */

/* A piece of guest memory; `length` bytes at `gpa`. */
struct video_piece {
	uint64_t gpa;
	uint64_t length;
};

struct video_resource {
	uint32_t id; /* 0: none */
	uint32_t format; /* of virtio_gpu_formats: 32 bits a pixel */
	uint32_t width; /* in pixels */
	uint32_t height;
	uint64_t picture; /* offset in the file; width * 4 bytes a row */
	uint64_t pieces; /* offset in the file of the list of pieces */
	uint32_t piece_count; /* 0: there is no guest memory behind it */
	uint32_t reserved;
};

struct video_rect {
	uint32_t x;
	uint32_t y;
	uint32_t width;
	uint32_t height;
};

struct video_state {
	struct {
		uint32_t resource; /* 0: nothing is shown */
		struct video_rect rect; /* of the resource */
	} scanout[VIDEO_SCANOUTS_MAX];
	struct {
		uint32_t resource; /* 0: none */
		uint32_t scanout;
		uint32_t x;
		uint32_t y;
		uint32_t hot_x;
		uint32_t hot_y;
	} cursor;
};

struct video_memory {
	uint8_t *base;
	uint64_t size; /* bytes */
	struct video_resource *table; /* VIDEO_RESOURCES_MAX of them */
	size_t rows; /* of the table, that were ever in use */
	struct video_state state; /* ours; video_commit() stores it */
	uint32_t page_count;
	uint8_t *used; /* a bit for each page */
};

/*
 * base is size bytes of a file that was zero when it was made, and is mapped
 * writable and shared.  *ret_resumed: a predecessor's resources are there; what
 * does not hold together is cleared and not taken.  0, -EINVAL for a size out of
 * bounds, or -ENOMEM.
 */
int video_open(struct video_memory *video, void *base, uint64_t size,
	       bool *ret_resumed);
void video_close(struct video_memory *video);

/* Forgets all resources and what is shown. */
void video_clear(struct video_memory *video);

/* NULL: there is no such resource. */
struct video_resource *video_find(struct video_memory *video, uint32_t id);

/*
 * A black picture without guest memory.  id is not 0 and not taken, width and
 * height are 1 .. VIDEO_WIDTH_MAX.  NULL: the budget is used up.
 */
struct video_resource *video_create(struct video_memory *video, uint32_t id,
				    uint32_t format, uint32_t width,
				    uint32_t height);
void video_destroy(struct video_memory *video, struct video_resource *resource);

/* Room for count pieces, to be filled before video_attach(); NULL: none. */
struct video_piece *video_pieces_alloc(struct video_memory *video,
				       uint32_t count);
void video_pieces_free(struct video_memory *video,
		       const struct video_piece *pieces, uint32_t count);
/* The pieces become the resource's, in place of those it has. */
void video_attach(struct video_memory *video, struct video_resource *resource,
		  const struct video_piece *pieces, uint32_t count);
void video_detach(struct video_memory *video, struct video_resource *resource);

/* Makes video->state what a successor finds. */
void video_commit(struct video_memory *video);

static inline uint8_t *video_picture(const struct video_memory *video,
				     const struct video_resource *resource)
{
	return video->base + resource->picture;
}

static inline const struct video_piece *
video_pieces(const struct video_memory *video,
	     const struct video_resource *resource)
{
	return (const struct video_piece *)(video->base + resource->pieces);
}

#endif /* ZV_BACKENDS_GPU_VIDEO_MEMORY_H */
