/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a virtio device and a transport meet.
 *
 * A device type is one const struct virtio_device_ops; it knows no transport,
 * no fd and no process.  A transport is one const struct virtio_transport_ops;
 * the instance's pointer to it is in the device instance, so two devices of a
 * type can use two transports.
 *
 * Life: the driver negotiates features and lays out queues (the transport's
 * business) -> start() -> kick() any number of times -> stop(), which may end
 * later, by the done callback -> start() again, and so on.  Between stop() and
 * its callback the device touches no queue but to drain what it has popped, or
 * to put it back: with the callback, nothing is popped but what dev->inflight
 * tells.  A transport may go on where the queues were.
 * All calls are made on the loop's thread.
 */
#ifndef ZV_BACKENDS_CORE_VIRTIO_DEVICE_H
#define ZV_BACKENDS_CORE_VIRTIO_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event.h"
#include "core/guest_mem.h"
#include "core/inflight.h"
#include "core/vq.h"

#define VIRTIO_QUEUES_MAX 8u
#define VIRTIO_CONFIG_MAX 256u /* bytes of config space */

#define VIRTIO_F_VERSION_1 (1ull << 32)

/* Device ids (virtio 1.2, section 5). */
#define VIRTIO_ID_NET 1u
#define VIRTIO_ID_BLOCK 2u
#define VIRTIO_ID_CONSOLE 3u
#define VIRTIO_ID_ENTROPY 4u
#define VIRTIO_ID_GPU 16u
#define VIRTIO_ID_INPUT 18u

struct virtio_device;
typedef void (*virtio_stop_cb)(struct virtio_device *dev);

struct virtio_device_ops {
	const char *name;
	uint32_t id;
	uint32_t config_len;
	/*
	 * The chains in flight outlive the process: dev->inflight has an area
	 * for each queue.
	 */
	bool tracked;
	/*
	 * Queues (bit q) that the device empties while they are out of use: it
	 * gives chains back without doing what they ask.
	 */
	uint32_t discards;
	/* The device's own features; the transport adds those of the rings. */
	uint64_t (*features)(struct virtio_device *dev);
	/* offset + len <= config_len, checked by the transport */
	void (*config_read)(struct virtio_device *dev, uint32_t offset,
			    void *ret, size_t len);
	void (*config_write)(struct virtio_device *dev, uint32_t offset,
			     const void *src, size_t len);
	/*
	 * The queues in dev->vq that are ready may be used from now on.  A
	 * device that was live in an earlier process starts the same way; the
	 * queues' positions, dev->mark and dev->inflight tell where it was.
	 * An error makes the device broken.
	 */
	int (*start)(struct virtio_device *dev, uint64_t features);
	void (*kick)(struct virtio_device *dev, uint32_t q);
	void (*stop)(struct virtio_device *dev, virtio_stop_cb done);
	/*
	 * The driver has taken queue q, which is not ready any more, away from
	 * a device that runs.  NULL: a queue without chains is all the same.
	 */
	void (*queue_gone)(struct virtio_device *dev, uint32_t q);
	/*
	 * The value of mark[q] when the driver makes queue q anew.  NULL: 0.
	 */
	uint64_t (*mark_fresh)(struct virtio_device *dev, uint32_t q);
	/*
	 * The same when queue q is taken up at position pos by a transport that
	 * has no record of how it got there.  NULL: that of a new one.
	 */
	uint64_t (*mark_at)(struct virtio_device *dev, uint32_t q,
			    uint16_t pos);
	/*
	 * The MTU that the driver is told, where somebody else has the
	 * configuration space.  The device is at rest.  0 or -EINVAL.  NULL: it
	 * is of no interest.
	 */
	int (*set_mtu)(struct virtio_device *dev, uint64_t mtu);
};

/* A queue's two eventfds, which stay the transport's. */
struct virtio_queue_events {
	int kick; /* counts the driver's kicks */
	int call; /* counts up to interrupt it */
};

struct virtio_transport_ops {
	/* Tells the driver of used buffers if it wants to know. */
	void (*signal)(struct virtio_device *dev, uint32_t q);
	void (*config_changed)(struct virtio_device *dev);
	/* The device cannot go on: it needs a reset by the driver. */
	void (*broken)(struct virtio_device *dev, const char *why);
	/*
	 * Lends a queue's events to somebody who serves it in our place:
	 * kick() is not called for it before it is reclaimed.  NULL: this
	 * transport has none.
	 */
	void (*lend)(struct virtio_device *dev, uint32_t q,
		     struct virtio_queue_events *ret);
	void (*reclaim)(struct virtio_device *dev, uint32_t q);
};

struct virtio_device {
	const struct virtio_device_ops *ops;
	const struct virtio_transport_ops *transport;
	void *transport_data;
	struct event_loop *loop;
	uint32_t queue_count; /* of this instance */
	uint32_t queue_size_max; /* 0: whatever the transport has room for */
	struct vq vq[VIRTIO_QUEUES_MAX];
	/*
	 * Queues (bit q, of ops->discards) that are ready but out of use.  Set
	 * by the transport before start().
	 */
	uint32_t discard;
	/*
	 * One word per queue that outlives the process, written with one store;
	 * what it means is the device's business.  Those beyond queue_count are
	 * the device's alone, and 0 at first.  Set by the transport.
	 */
	uint64_t *mark;
	/* Set by the transport if ops->tracked. */
	struct inflight inflight[VIRTIO_QUEUES_MAX];
};

#endif /* ZV_BACKENDS_CORE_VIRTIO_DEVICE_H */
