/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of a graphics device without 3D (virtio 1.2, 5.7): a machine
 * that turns a request into a response, changes its video memory and tells the
 * output.  It knows no queue and no process.
 *
 * A guest can make it keep what the video memory has room for and no more, and
 * a request costs at most a copy of one picture.  Responses with an error change
 * nothing.
 */
#ifndef ZV_BACKENDS_GPU_GPU_2D_H
#define ZV_BACKENDS_GPU_GPU_2D_H

#include <stdbool.h>
#include <stdint.h>

#include "core/chain_io.h"
#include "core/guest_mem.h"
#include "gpu/edid.h"
#include "gpu/gpu_output.h"
#include "gpu/gpu_wire.h"
#include "gpu/video_memory.h"

#define GPU_CURSOR_SIDE 64u /* pixels of a cursor's picture, each way */
/* Pieces of guest memory behind a resource: 64 MiB in single pages. */
#define GPU_ENTRIES_MAX 16384u

/* A scanout's mode, as the owner wants it. */
struct gpu_mode {
	bool enabled;
	uint32_t width; /* in pixels, 1 .. EDID_SIDE_MAX */
	uint32_t height;
};

struct gpu_2d {
	struct video_memory *video;
	const struct gpu_output_ops *output;
	void *owner; /* of the output */
	uint32_t scanouts; /* 1 .. VIDEO_SCANOUTS_MAX */
	struct gpu_mode mode[VIDEO_SCANOUTS_MAX];
	/*
	 * The next command may be one that a predecessor carried out and did
	 * not answer.
	 */
	bool repeats;
	uint64_t bytes; /* ever copied from guest memory to pictures */
	uint64_t written; /* ... or made black: what takes our time */
	uint64_t flushes;
};

union gpu_body {
	struct gpu_display_info info;
	struct gpu_edid edid;
};

struct gpu_response {
	struct gpu_header header;
	union gpu_body body;
	uint32_t body_len; /* bytes */
};

/*
 * One request, from reader.  false: it is not even a header, and the driver is
 * wrong.
 */
bool gpu_2d_control(struct gpu_2d *gpu, struct chain_io *reader,
		    struct gpu_response *ret);
/* The same of the cursor queue, whose requests have no answer. */
bool gpu_2d_cursor(struct gpu_2d *gpu, struct chain_io *reader);

/* Forgets all resources; nothing is shown. */
void gpu_2d_reset(struct gpu_2d *gpu);

/*
 * Whether no more is there than commands can have made: what video_open() knows
 * nothing of.
 */
bool gpu_2d_is_sound(const struct gpu_2d *gpu);
/* Tells the output all that a predecessor left. */
void gpu_2d_show(struct gpu_2d *gpu);

#endif /* ZV_BACKENDS_GPU_GPU_2D_H */
