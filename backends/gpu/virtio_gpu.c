/* SPDX-License-Identifier: BSD-2-Clause */
#include "gpu/virtio_gpu.h"

#include <string.h>

#include "core/container_of.h"

#define CONTROLQ 0u
#define CURSORQ 1u
#define QUEUES 2u

/* The control queue's mark: what is in the video memory is its driver's. */
#define MARK_OURS 1u

#define F_EDID (1ull << 1)
#define EVENT_DISPLAY 1u

/* One turn of the loop: what a guest can make us do before others get theirs */
#define TURN_CHAINS 64u
#define TURN_BYTES (16u << 20)

struct config { /* as the driver sees it (5.7.4) */
	uint32_t events_read;
	uint32_t events_clear;
	uint32_t scanouts;
	uint32_t capsets;
};

enum outcome {
	SERVED,
	IDLE, /* no request is there */
	WRONG, /* the driver broke a rule */
};

static struct virtio_gpu *from_dev(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_gpu, dev);
}

/* As much of it as the driver has room for, which is the header at least. */
static bool answer(struct virtio_gpu *vgpu, uint32_t *ret_len)
{
	const struct gpu_response *response = &vgpu->response;
	struct chain_io writer;
	uint32_t room = vgpu->chain.writable_len;
	uint32_t body = response->body_len;

	if (room < sizeof(response->header)) {
		return false;
	}
	room -= (uint32_t)sizeof(response->header);
	body = body < room ? body : room;
	chain_writer(&writer, vgpu->dev.vq[CONTROLQ].gm, &vgpu->chain);
	*ret_len = (uint32_t)sizeof(response->header) + body;
	return chain_write(&writer, &response->header,
			   sizeof(response->header)) &&
	       chain_write(&writer, &response->body, body);
}

static enum outcome serve_one(struct virtio_gpu *vgpu, uint32_t q)
{
	struct vq *vq = &vgpu->dev.vq[q];
	int rc = vq_pop(vq, &vgpu->chain);
	struct chain_io reader;
	uint32_t len = 0;

	if (rc <= 0) {
		return rc < 0 ? WRONG : IDLE;
	}
	chain_reader(&reader, vq->gm, &vgpu->chain);
	if (q == CONTROLQ) {
		if (!gpu_2d_control(&vgpu->gpu, &reader, &vgpu->response) ||
		    !answer(vgpu, &len)) {
			return WRONG;
		}
	} else if (!gpu_2d_cursor(&vgpu->gpu, &reader)) {
		return WRONG;
	}
	return vq_push(vq, vgpu->chain.head, len) == 0 ? SERVED : WRONG;
}

static void serve_queue(struct virtio_gpu *vgpu, uint32_t q)
{
	struct virtio_device *dev = &vgpu->dev;
	struct vq *vq = &dev->vq[q];
	uint64_t begin = vgpu->gpu.written;
	enum outcome outcome = SERVED;

	if (!vgpu->running || !vq->ready) {
		return;
	}
	for (unsigned int i = 0; outcome == SERVED && i < TURN_CHAINS &&
				 vgpu->gpu.written - begin < TURN_BYTES;
	     i++) {
		outcome = serve_one(vgpu, q);
	}
	if (outcome == WRONG) {
		dev->transport->broken(dev, q == CONTROLQ
						    ? "malformed control queue"
						    : "malformed cursor queue");
		return;
	}
	dev->transport->signal(dev, q);
	if (outcome == SERVED || vq_enable_kick(vq)) {
		event_defer(dev->loop, &vgpu->more);
	}
}

static void on_more(struct event_defer *defer)
{
	struct virtio_gpu *vgpu = container_of(defer, struct virtio_gpu, more);

	for (uint32_t q = 0; q < QUEUES; q++) {
		serve_queue(vgpu, q);
	}
}

static uint64_t gpu_features(struct virtio_device *dev)
{
	(void)dev;
	return F_EDID;
}

static void gpu_config_read(struct virtio_device *dev, uint32_t offset,
			    void *ret, size_t len)
{
	const struct virtio_gpu *vgpu = from_dev(dev);
	const struct config config = {
		.events_read = vgpu->events,
		.scanouts = vgpu->gpu.scanouts,
	};

	memcpy(ret, (const uint8_t *)&config + offset, len);
}

/* The driver clears what it writes ones to. */
static void gpu_config_write(struct virtio_device *dev, uint32_t offset,
			     const void *src, size_t len)
{
	uint32_t clear;

	if (offset == offsetof(struct config, events_clear) &&
	    len == sizeof(clear)) {
		memcpy(&clear, src, sizeof(clear));
		from_dev(dev)->events &= ~clear;
	}
}

static int gpu_start(struct virtio_device *dev, uint64_t features)
{
	struct virtio_gpu *vgpu = from_dev(dev);

	(void)features;
	if (vgpu->resumed && dev->mark[CONTROLQ] == MARK_OURS) {
		vgpu->gpu.repeats = true;
		gpu_2d_show(&vgpu->gpu);
	} else {
		gpu_2d_reset(&vgpu->gpu);
		__atomic_store_n(&dev->mark[CONTROLQ], MARK_OURS,
				 __ATOMIC_RELEASE);
	}
	vgpu->resumed = false;
	vgpu->running = true;
	/* A kick may have come before we did. */
	event_defer(dev->loop, &vgpu->more);
	return 0;
}

static void gpu_kick(struct virtio_device *dev, uint32_t q)
{
	if (q < QUEUES) {
		serve_queue(from_dev(dev), q);
	}
}

static void gpu_stop(struct virtio_device *dev, virtio_stop_cb done)
{
	struct virtio_gpu *vgpu = from_dev(dev);

	vgpu->running = false;
	event_undefer(dev->loop, &vgpu->more);
	done(dev);
}

static const struct virtio_device_ops gpu_ops = {
	.name = "gpu",
	.id = VIRTIO_ID_GPU,
	.config_len = sizeof(struct config),
	.features = gpu_features,
	.config_read = gpu_config_read,
	.config_write = gpu_config_write,
	.start = gpu_start,
	.kick = gpu_kick,
	.stop = gpu_stop,
};

int virtio_gpu_init(struct virtio_gpu *vgpu, struct event_loop *loop,
		    const struct virtio_gpu_config *config)
{
	int rc;

	memset(vgpu, 0, sizeof(*vgpu));
	rc = video_open(&vgpu->video, config->memory, config->memory_size,
			&vgpu->resumed);
	if (rc < 0) {
		return rc;
	}
	vgpu->dev.ops = &gpu_ops;
	vgpu->dev.loop = loop;
	vgpu->dev.queue_count = QUEUES;
	vgpu->more.cb = on_more;
	vgpu->gpu.video = &vgpu->video;
	vgpu->gpu.output = config->output;
	vgpu->gpu.owner = config->owner;
	vgpu->gpu.scanouts = config->scanouts;
	memcpy(vgpu->gpu.mode, config->mode, sizeof(vgpu->gpu.mode));
	if (!gpu_2d_is_sound(&vgpu->gpu)) {
		video_clear(&vgpu->video);
		vgpu->resumed = false;
	}
	return 0;
}

void virtio_gpu_fini(struct virtio_gpu *vgpu)
{
	video_close(&vgpu->video);
}

void virtio_gpu_set_mode(struct virtio_gpu *vgpu, uint32_t scanout,
			 const struct gpu_mode *mode)
{
	vgpu->gpu.mode[scanout] = *mode;
	vgpu->events |= EVENT_DISPLAY;
	if (vgpu->dev.transport != NULL) {
		vgpu->dev.transport->config_changed(&vgpu->dev);
	}
}
