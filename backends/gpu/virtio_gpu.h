/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-gpu without 3D (virtio 1.2, 5.7): its two queues on a gpu_2d.
 *
 * Requests are carried out one after the other, and each is answered before the
 * next is taken.  So at most one is under way when the process is killed; its
 * successor finds it again, with what it has changed in the video memory.
 */
#ifndef ZV_BACKENDS_GPU_VIRTIO_GPU_H
#define ZV_BACKENDS_GPU_VIRTIO_GPU_H

#include <stdint.h>

#include "core/event.h"
#include "core/virtio_device.h"
#include "gpu/gpu_2d.h"

struct virtio_gpu_config {
	void *memory; /* of the pictures, as video_open() wants it */
	uint64_t memory_size; /* bytes */
	uint32_t scanouts; /* 1 .. VIDEO_SCANOUTS_MAX */
	struct gpu_mode mode[VIDEO_SCANOUTS_MAX];
	const struct gpu_output_ops *output;
	void *owner; /* of the output */
};

struct virtio_gpu {
	struct virtio_device dev;
	struct video_memory video;
	struct gpu_2d gpu;
	bool resumed; /* from a predecessor, and not started since */
	bool running;
	uint32_t events; /* that the driver has not cleared */
	struct event_defer more;
	struct vq_chain chain;
	struct gpu_response response;
};

/* 0, or what video_open() returns. */
int virtio_gpu_init(struct virtio_gpu *vgpu, struct event_loop *loop,
		    const struct virtio_gpu_config *config);
void virtio_gpu_fini(struct virtio_gpu *vgpu);

/* The guest is told to look again. */
void virtio_gpu_set_mode(struct virtio_gpu *vgpu, uint32_t scanout,
			 const struct gpu_mode *mode);

#endif /* ZV_BACKENDS_GPU_VIRTIO_GPU_H */
