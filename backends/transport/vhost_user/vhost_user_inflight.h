/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The buffer in which the chains in flight are recorded (core/inflight.h).  We
 * make it, the front-end keeps it, and gives it to us or to our successor: one
 * area per queue, each as long as the next, on lines of their own.
 */
#ifndef ZV_BACKENDS_TRANSPORT_VHOST_USER_VHOST_USER_INFLIGHT_H
#define ZV_BACKENDS_TRANSPORT_VHOST_USER_VHOST_USER_INFLIGHT_H

#include "core/inflight.h"
#include "transport/vhost_user/shared_map.h"

struct vhost_user_tracking {
	struct shared_map map;
	uint32_t queue_count;
	uint32_t queue_size;
};

uint64_t vhost_user_tracking_size(uint32_t queue_count, uint32_t queue_size);
/* A new file of that size that cannot shrink: its fd, or negative errno. */
int vhost_user_tracking_make(uint64_t size);
/* NULL if queue q is not tracked. */
struct inflight_area *
vhost_user_tracking_area(const struct vhost_user_tracking *tracking,
			 uint32_t q);
/*
 * Makes q's area, if it has one, fit for a queue of that size whose used index
 * is used_idx, unless it holds chains that a predecessor has left.  -EFBIG if
 * the queue is longer than the area.
 */
int vhost_user_tracking_prepare(const struct vhost_user_tracking *tracking,
				uint32_t q, uint32_t queue_size,
				uint16_t used_idx);

#endif /* ZV_BACKENDS_TRANSPORT_VHOST_USER_VHOST_USER_INFLIGHT_H */
