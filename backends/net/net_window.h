/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receive buffers taken from a queue and not given back yet, oldest first: room
 * for the packets to come.  A packet that does not come costs nothing, the
 * buffers stay for the next.  A process that dies leaves no trace of them: its
 * successor takes them again, because they were never in the used ring.
 */
#ifndef ZV_BACKENDS_NET_NET_WINDOW_H
#define ZV_BACKENDS_NET_NET_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/vq.h"

/* With two more, what one readv() takes. */
#define NET_WINDOW_SEGS 1022u

struct net_buffer {
	uint16_t head;
	uint16_t segs;
	uint32_t len;
};

struct net_window {
	uint32_t count; /* buffers */
	uint32_t segs;
	uint64_t len; /* bytes of all of them */
	struct net_buffer buffer[VQ_SIZE_MAX];
	struct iovec seg[NET_WINDOW_SEGS];
};

/* Empties it: its buffers will be taken again. */
void net_window_put_back(struct net_window *window, struct vq *vq);

/* The driver cannot give more room than is in the window now. */
bool net_window_full(const struct net_window *window, const struct vq *vq);

/*
 * Takes buffers until there is room for want bytes, the queue is empty or the
 * window full.  scratch is for vq_pop().  0, or -EPROTO: malformed.
 */
int net_window_fill(struct net_window *window, struct vq *vq,
		    struct vq_chain *scratch, uint64_t want);

/* Copies to offset; offset + len must be in the window. */
void net_window_write(const struct net_window *window, uint64_t offset,
		      const void *src, size_t len);

/* Bytes from .. to of it, as at most NET_WINDOW_SEGS pieces: how many. */
int net_window_part(const struct net_window *window, uint64_t from, uint64_t to,
		    struct iovec *ret);

/* How many buffers hold the first len bytes, which must be in the window. */
uint32_t net_window_span(const struct net_window *window, uint64_t len);

/*
 * Gives the first buffers back with len bytes in them, all at once.
 * 0 or -EPROTO
 */
int net_window_give(struct net_window *window, struct vq *vq, uint64_t len);

#endif /* ZV_BACKENDS_NET_NET_WINDOW_H */
