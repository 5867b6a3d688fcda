/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a graphics device's pictures go.  An output reads pixels from the
 * device's video memory when it wants to; the device tells it what is where and
 * what has changed.
 */
#ifndef ZV_BACKENDS_GPU_GPU_OUTPUT_H
#define ZV_BACKENDS_GPU_GPU_OUTPUT_H

#include <stdint.h>

#include "gpu/video_memory.h"

/* What a scanout shows: height rows of width pixels of 32 bits. */
struct gpu_picture {
	uint32_t format; /* gpu_wire.h; 0: nothing is shown */
	uint32_t width; /* in pixels */
	uint32_t height;
	uint32_t stride; /* bytes from row to row */
	uint64_t offset; /* of the first pixel, in video memory */
};

struct gpu_pointer {
	uint32_t scanout;
	uint32_t x; /* where it points at, in the scanout */
	uint32_t y;
	uint32_t hot_x; /* which pixel of its picture points */
	uint32_t hot_y;
};

struct gpu_output_ops {
	/* From now on that; format 0: nothing. All of it has changed. */
	void (*scanout)(void *owner, uint32_t scanout,
			const struct gpu_picture *picture);
	/* That part of what the scanout shows has changed. */
	void (*damage)(void *owner, uint32_t scanout,
		       const struct video_rect *rect);
	/* Of 64x64 pixels; NULL: it keeps the one it has, and has moved. */
	void (*pointer)(void *owner, const struct gpu_pointer *pointer,
			const struct gpu_picture *picture);
};

#endif /* ZV_BACKENDS_GPU_GPU_OUTPUT_H */
