/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-rng, the entropy device (virtio 1.2, section 5.4): random bytes from
 * an fd straight into the driver's buffers.
 *
 * A buffer gets as much as the source gives at once and the limit allows, at
 * least one byte.  A source with nothing to give, or with an error, is asked
 * again later; the buffers wait meanwhile, as for a slow device.
 */
#ifndef ZV_BACKENDS_RNG_VIRTIO_RNG_H
#define ZV_BACKENDS_RNG_VIRTIO_RNG_H

#include "core/rate.h"
#include "core/virtio_device.h"

struct virtio_rng_config {
	int fd; /* the source, non-blocking; stays the caller's */
	struct rate_limit bytes_sec;
	uint64_t (*now_ns)(void); /* NULL: CLOCK_MONOTONIC */
	/*
	 * The source failed (a negative errno), or gives again (0).  Told on
	 * changes only.  May be NULL.
	 */
	void (*on_source)(void *owner, int error);
	void *owner;
};

struct virtio_rng {
	struct virtio_device dev;
	struct virtio_rng_config config;
	struct rate rate;
	struct event_defer more; /* work left for another turn of the loop */
	uint64_t bytes; /* given */
	struct event_timer retry; /* the limit or the source says: not now */
	bool waiting; /* for retry */
	bool running;
	int error; /* of the source, told last */
	struct vq_chain chain;
};

void virtio_rng_init(struct virtio_rng *rng, struct event_loop *loop,
		     const struct virtio_rng_config *config);

void virtio_rng_set_limit(struct virtio_rng *rng,
			  const struct rate_limit *bytes_sec);

#endif /* ZV_BACKENDS_RNG_VIRTIO_RNG_H */
