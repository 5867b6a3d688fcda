/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TAP device as the link of virtio-net: one open fd per queue pair, made and
 * configured by whoever has the privilege.  With IFF_VNET_HDR packets carry
 * their header, so that the kernel does checksums and segmentation for both
 * sides; without it there are plain frames and no offloads.
 */
#ifndef ZV_BACKENDS_NET_LINK_TAP_H
#define ZV_BACKENDS_NET_LINK_TAP_H

#include "net/net_link.h"

struct link_tap {
	struct net_link link;
	uint64_t offloads; /* bits of NET_OFFLOADS that can be had */
	uint32_t attached; /* pairs in use */
	bool headers; /* the device has IFF_VNET_HDR */
};

/*
 * The fds are all queues of one device, non-blocking, and stay the caller's.
 * Whatever an earlier process did to them is undone.  The first pair is in use.
 * 0; -EINVAL: that is not what they are; or -errno of an ioctl.
 */
int link_tap_init(struct link_tap *tap, const int *fds, uint32_t count);

#endif /* ZV_BACKENDS_NET_LINK_TAP_H */
