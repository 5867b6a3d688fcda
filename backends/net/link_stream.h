/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connected stream socket as the link of virtio-net: before each frame comes
 * its length, four bytes, big-endian, as passt and QEMU's stream and socket
 * network devices have it.  One pair, plain frames, no offloads.
 *
 * The other side is not trusted.  A length that no frame has, an error and the
 * end of the stream are the end of the link: in a stream there is no way to find
 * the next frame.
 *
 * A stream takes part of a frame.  The rest is kept, and nothing else is sent
 * before it: flush() says when that is done.
 */
#ifndef ZV_BACKENDS_NET_LINK_STREAM_H
#define ZV_BACKENDS_NET_LINK_STREAM_H

#include "net/net_hdr.h"
#include "net/net_link.h"

#define LINK_STREAM_PREFIX 4u
#define LINK_STREAM_FRAME_MAX (LINK_STREAM_PREFIX + NET_FRAME_MAX)

struct link_stream {
	struct net_link link;
	char why[64]; /* it is gone; empty: it is not */
	/* Received and not given yet; room for the largest frame and more. */
	uint32_t in_from;
	uint32_t in_to;
	uint8_t in[2 * LINK_STREAM_FRAME_MAX];
	/* Taken and not sent yet: at most one frame. */
	uint32_t out_from;
	uint32_t out_to;
	uint8_t out[LINK_STREAM_FRAME_MAX];
};

/*
 * The fd is such a socket, non-blocking, and stays the caller's.  0; -EINVAL:
 * that is not what it is.
 */
int link_stream_init(struct link_stream *stream, int fd);

#endif /* ZV_BACKENDS_NET_LINK_STREAM_H */
