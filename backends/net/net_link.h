/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is below a virtio-net device: something with a queue pair or more that
 * takes and gives whole packets, each a struct net_hdr and an Ethernet frame.
 *
 * Packets go straight between the link and guest memory.  Nothing here blocks;
 * fd[q] tells when it is worth another try.
 */
#ifndef ZV_BACKENDS_NET_NET_LINK_H
#define ZV_BACKENDS_NET_NET_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define NET_PAIRS_MAX 3u /* with the control queue, 7 of VIRTIO_QUEUES_MAX */

struct net_link;

struct net_link_ops {
	/* Bits of NET_OFFLOADS that it can carry; 0 if only plain frames. */
	uint64_t (*offloads)(struct net_link *link);
	/* Bits of NET_OFFLOADS_GUEST that what it gives may need from now on */
	int (*set_offloads)(struct net_link *link, uint64_t offloads);
	/* The first count queue pairs are in use, the others get nothing. */
	int (*set_pairs)(struct net_link *link, uint32_t count);
	/* The cable: while it is out the link neither takes nor gives. */
	int (*set_carrier)(struct net_link *link, bool up);
	/*
	 * One packet: its length, -EAGAIN, -EBADFD when the link is gone, or
	 * another error that concerns this packet.  iov[0] is NET_HDR_SIZE
	 * bytes or longer; the array may be changed.  What exceeds the room of
	 * a read is lost.
	 */
	ssize_t (*read)(struct net_link *link, uint32_t q, struct iovec *iov,
			int count);
	ssize_t (*write)(struct net_link *link, uint32_t q, struct iovec *iov,
			 int count);
	/*
	 * Sends what is left of a packet that write() took: 0, -EAGAIN or
	 * -EBADFD.  NULL: nothing ever is.
	 */
	int (*flush)(struct net_link *link, uint32_t q);
};

struct net_link {
	const struct net_link_ops *ops;
	uint32_t pairs;
	int fd[NET_PAIRS_MAX];
};

#endif /* ZV_BACKENDS_NET_NET_LINK_H */
