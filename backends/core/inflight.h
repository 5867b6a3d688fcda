/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which chains of a queue the device has taken and not yet given back, in
 * memory that outlives the process: what a successor has to do again.  The
 * format is vhost-user's ("Inflight I/O tracking", split virtqueues), also for
 * the zone transport.
 *
 *   taken:   counter, then inflight 1
 *   given:   last_batch_head = head, [the used ring], inflight 0, used_idx
 *
 * used_idx lags behind the queue's own for as long as the last step is not
 * made, which tells a successor that last_batch_head has been given back.  So
 * a chain is carried out at least once and given back exactly once.
 *
 * What is found is input: another process wrote it for a hostile guest.
 */
#ifndef ZV_BACKENDS_CORE_INFLIGHT_H
#define ZV_BACKENDS_CORE_INFLIGHT_H

#include <stddef.h>
#include <stdint.h>

#include "core/vq.h"

#define INFLIGHT_VERSION 1u
/* The longest queue that the restart area has room for. */
#define INFLIGHT_QUEUE_MAX 128u

struct inflight_desc {
	uint8_t inflight;
	uint8_t padding[5];
	uint16_t next;
	uint64_t counter; /* order of taking */
};

struct inflight_area { /* of one queue */
	uint64_t features;
	uint16_t version; /* 0: never used */
	uint16_t desc_num;
	uint16_t last_batch_head;
	uint16_t used_idx;
	struct inflight_desc desc[];
};

struct inflight {
	struct inflight_area *area; /* NULL: nothing is recorded */
	uint64_t counter;
};

#define INFLIGHT_SIZE(queue_size)       \
	(sizeof(struct inflight_area) + \
	 sizeof(struct inflight_desc) * (queue_size))

/* For a queue that the driver has just made: position 0, nothing taken. */
void inflight_fresh(struct inflight_area *area, uint32_t queue_size);

/*
 * Takes a queue up where a predecessor left it: *ret_heads are to be done
 * again with vq_walk(), oldest first, before inflight_pop() is called.  Returns
 * how many (at most the queue's size), or -EPROTO when area and ring do not fit
 * together.
 */
int inflight_resume(struct inflight *inflight, struct vq *vq,
		    uint16_t ret_heads[VQ_SIZE_MAX]);

/* vq_pop(); a chain that is taken already makes the driver wrong: -EPROTO. */
int inflight_pop(struct inflight *inflight, struct vq *vq,
		 struct vq_chain *ret_chain);

/* vq_push(). */
int inflight_push(struct inflight *inflight, struct vq *vq, uint16_t head,
		  uint32_t len);

#endif /* ZV_BACKENDS_CORE_INFLIGHT_H */
