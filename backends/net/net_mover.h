/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Somebody who moves packets between a pair's queues and its link in the place
 * of this process: the kernel.  What he has of a queue at rest is nothing: all
 * that he took is in the used ring.
 */
#ifndef ZV_BACKENDS_NET_NET_MOVER_H
#define ZV_BACKENDS_NET_NET_MOVER_H

#include <stdint.h>

#include "core/virtio_device.h"

struct net_mover;

struct net_mover_queue {
	const struct vq *vq; /* ready; he begins at its used index */
	struct virtio_queue_events events;
};

struct net_mover_ops {
	/*
	 * The pair's queues, receive and transmit, are his from now on.  0, or
	 * -errno and they are not.
	 */
	int (*start)(struct net_mover *mover, uint32_t pair, uint64_t features,
		     const struct net_mover_queue queue[2]);
	/* When this returns nothing touches them any more. */
	void (*stop)(struct net_mover *mover, uint32_t pair);
};

struct net_mover {
	const struct net_mover_ops *ops;
	int fault_fd; /* an eventfd: the driver broke a rule on some queue */
};

#endif /* ZV_BACKENDS_NET_NET_MOVER_H */
