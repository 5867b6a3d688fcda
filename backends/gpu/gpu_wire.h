/* SPDX-License-Identifier: BSD-2-Clause */
/* What a driver and a graphics device say to each other (virtio 1.2, 5.7.6). */
#ifndef ZV_BACKENDS_GPU_GPU_WIRE_H
#define ZV_BACKENDS_GPU_GPU_WIRE_H

#include <stdint.h>

#include "gpu/video_memory.h"

/* All little-endian, as the machines are that this is built for. */
enum gpu_type {
	GPU_GET_DISPLAY_INFO = 0x0100,
	GPU_RESOURCE_CREATE_2D,
	GPU_RESOURCE_UNREF,
	GPU_SET_SCANOUT,
	GPU_RESOURCE_FLUSH,
	GPU_TRANSFER_TO_HOST_2D,
	GPU_RESOURCE_ATTACH_BACKING,
	GPU_RESOURCE_DETACH_BACKING,
	GPU_GET_EDID = 0x010a,

	GPU_UPDATE_CURSOR = 0x0300,
	GPU_MOVE_CURSOR,

	GPU_OK = 0x1100,
	GPU_OK_DISPLAY_INFO = 0x1101,
	GPU_OK_EDID = 0x1104,

	GPU_ERROR = 0x1200,
	GPU_ERROR_OUT_OF_MEMORY,
	GPU_ERROR_SCANOUT_ID,
	GPU_ERROR_RESOURCE_ID,
	GPU_ERROR_CONTEXT_ID,
	GPU_ERROR_PARAMETER,
};

#define GPU_FLAG_FENCE 1u

/* Bytes in the order of their names, the first at the lowest address. */
enum gpu_format {
	GPU_B8G8R8A8 = 1,
	GPU_B8G8R8X8 = 2,
	GPU_A8R8G8B8 = 3,
	GPU_X8R8G8B8 = 4,
	GPU_R8G8B8A8 = 67,
	GPU_X8B8G8R8 = 68,
	GPU_A8B8G8R8 = 121,
	GPU_R8G8B8X8 = 134,
};

struct gpu_header {
	uint32_t type;
	uint32_t flags;
	uint64_t fence_id;
	uint32_t ctx_id;
	uint8_t ring_idx;
	uint8_t padding[3];
};

struct gpu_create_2d {
	uint32_t resource;
	uint32_t format;
	uint32_t width;
	uint32_t height;
};

/* RESOURCE_UNREF and RESOURCE_DETACH_BACKING */
struct gpu_resource {
	uint32_t resource;
	uint32_t padding;
};

struct gpu_set_scanout {
	struct video_rect rect;
	uint32_t scanout;
	uint32_t resource;
};

struct gpu_flush {
	struct video_rect rect;
	uint32_t resource;
	uint32_t padding;
};

struct gpu_transfer {
	struct video_rect rect;
	uint64_t offset; /* of the rectangle's first pixel, in the backing */
	uint32_t resource;
	uint32_t padding;
};

struct gpu_attach {
	uint32_t resource;
	uint32_t count; /* of entries, which follow */
};

struct gpu_entry {
	uint64_t gpa;
	uint32_t length;
	uint32_t padding;
};

struct gpu_cursor {
	uint32_t scanout;
	uint32_t x;
	uint32_t y;
	uint32_t padding;
	uint32_t resource;
	uint32_t hot_x;
	uint32_t hot_y;
	uint32_t padding2;
};

struct gpu_get_edid {
	uint32_t scanout;
	uint32_t padding;
};

struct gpu_display_info {
	struct {
		struct video_rect rect;
		uint32_t enabled;
		uint32_t flags;
	} mode[VIDEO_SCANOUTS_MAX];
};

struct gpu_edid {
	uint32_t size;
	uint32_t padding;
	uint8_t edid[1024];
};

_Static_assert(sizeof(struct gpu_header) == 24, "guest memory");
_Static_assert(sizeof(struct gpu_transfer) == 32, "guest memory");
_Static_assert(sizeof(struct gpu_cursor) == 32, "guest memory");
_Static_assert(sizeof(struct gpu_display_info) == 384, "guest memory");
_Static_assert(sizeof(struct gpu_edid) == 1032, "guest memory");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "guest memory");

#endif /* ZV_BACKENDS_GPU_GPU_WIRE_H */
