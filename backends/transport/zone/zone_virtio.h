/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The zone transport of a virtio device: a virtio-mmio window in a shadow page,
 * a doorbell eventfd per queue, one irqfd.
 */
#ifndef ZV_BACKENDS_TRANSPORT_ZONE_ZONE_VIRTIO_H
#define ZV_BACKENDS_TRANSPORT_ZONE_ZONE_VIRTIO_H

#include "core/guest_mem.h"
#include "core/virtio_device.h"
#include "core/virtio_mmio_regs.h"
#include "transport/zone/zone_io.h"

#define ZONE_VIRTIO_FEATURES \
	(VIRTIO_F_VERSION_1 | VQ_F_INDIRECT_DESC | VQ_F_EVENT_IDX)

struct zone_virtio_place {
	uint32_t shadow;
	uint32_t offset;
	uint32_t slot; /* names the restart record */
	uint32_t intid;
	uint32_t doorbell; /* first bit; one per queue */
};

/* In the restart area. */
struct zone_virtio_state {
	struct zone_replay replay;
	struct virtio_mmio_state regs;
};

struct zone_virtio_queue {
	struct event_watch watch;
	struct zone_virtio *zv;
	uint32_t index;
	int fd;
};

struct zone_virtio {
	struct zone_window window;
	struct zone_virtio_state state;
	struct virtio_mmio_info info;
	struct virtio_device *dev;
	struct guest_mem *gm;
	struct zone_virtio_queue queue[VIRTIO_QUEUES_MAX];
	int irq_fd;
	uint32_t doorbell;
	uint32_t slot;
	bool started; /* the device is between start() and stop() */
	bool stopping;
	bool want_start; /* decided by access(), done by settle() */
	bool want_stop;
	uint64_t marks[VIRTIO_QUEUES_MAX]; /* until the record is open */
	/* Told once, when the guest or the device breaks it.  May be NULL. */
	void (*on_broken)(struct zone_virtio *zv, const char *why);
	void *owner;
};

/* 0, or -EMFILE and the like if eventfds cannot be had. */
int zone_virtio_init(struct zone_virtio *zv, struct virtio_device *dev,
		     struct guest_mem *gm,
		     const struct zone_virtio_place *place);
/* After zone_io_stop(). */
void zone_virtio_fini(struct zone_virtio *zv);

#endif /* ZV_BACKENDS_TRANSPORT_ZONE_ZONE_VIRTIO_H */
