/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net (virtio 1.2, section 5.1) over a struct net_link.
 *
 * Queues 2i and 2i + 1 are the receive and transmit queue of pair i; the
 * control queue comes after the last pair, which is queue 2 for a driver that
 * does not do multiqueue.
 *
 * Packets pass at most once.  A chain's place is noted in the transmit queue's
 * mark before the packet goes, and a chain that a killed process left behind
 * there is given back unsent.  Receive buffers are taken again.  What a driver
 * asked for through the control queue is in two marks:
 *
 *   mark[0]         the MAC address it has set
 *   mark[control]   receive mode, pairs, offloads, whether there are tables
 *
 * Tables do not fit; after a restart all that they could let pass does.
 *
 * Over vhost-user the front-end has configuration and control queue: the device
 * is its queue pairs (rings_only).  Those that the front-end enables are in use.
 *
 * One thread.  The struct is large: allocate it.
 */
#ifndef ZV_BACKENDS_NET_VIRTIO_NET_H
#define ZV_BACKENDS_NET_VIRTIO_NET_H

#include "core/rate.h"
#include "core/virtio_device.h"
#include "net/net_filter.h"
#include "net/net_link.h"
#include "net/net_mover.h"
#include "net/net_window.h"

/* What is read apart from guest memory, to be looked at: up to a VLAN tag. */
#define NET_PREFIX_SIZE (NET_HDR_SIZE + NET_ETH_SIZE + NET_VLAN_SIZE)

/* Of what this process moves; bytes are those of frames. */
struct net_counters {
	uint64_t packets;
	uint64_t bytes;
	uint64_t dropped; /* no room, no cable */
	uint64_t errors; /* malformed, or refused by the link */
	uint64_t filtered; /* of no interest to the driver */
};

struct net_limits {
	struct rate_limit bytes;
	struct rate_limit packets;
};

struct virtio_net_config {
	uint8_t mac[NET_MAC_SIZE];
	uint16_t mtu; /* 0: the usual 1500, and the driver is not told */
	bool rings_only; /* for vhost-user; without mac and mtu */
	struct net_limits rx_limits; /* to the guest */
	struct net_limits tx_limits; /* from the guest */
	/* A clock that never goes back; NULL: CLOCK_MONOTONIC. */
	uint64_t (*now_ns)(void);
};

struct net_flow { /* one direction of a pair */
	struct event_defer more; /* work left for another turn of the loop */
	struct event_timer timer;
	bool waiting; /* for the timer */
};

struct net_pair {
	struct virtio_net *net;
	uint32_t index;
	struct event_watch watch;
	unsigned int watched; /* EVENT_READ, EVENT_WRITE; 0: not watched */
	struct net_flow rx;
	struct net_flow tx;
	bool moved; /* the mover has its queues */
	bool tx_blocked; /* the link takes no more */
	bool rx_starved; /* there is no room for the next packet */
	struct net_window window;
	uint64_t offered; /* bytes of the window that the last read was given */
	unsigned int short_run; /* short packets in a row */
	/*
	 * A packet that was longer than the window: its first bytes are in
	 * prefix and in the window's buffers, those from pending_from on in
	 * spill until the driver gives room.
	 */
	uint32_t pending_len; /* 0: there is none */
	uint32_t pending_from;
	uint8_t prefix[NET_PREFIX_SIZE];
	uint8_t spill[NET_PACKET_MAX + 1];
};

struct net_rates {
	struct rate bytes;
	struct rate packets;
};

struct virtio_net {
	struct virtio_device dev;
	struct net_link *link;
	bool rings_only;
	uint8_t default_mac[NET_MAC_SIZE];
	uint16_t mtu; /* what the driver sees; 0: nothing */
	uint16_t next_mtu; /* from the next reset on */
	uint64_t (*now_ns)(void);
	bool plugged;
	bool lost; /* the link is gone */
	bool announce; /* the driver has been asked to */

	bool running;
	uint64_t features;
	uint64_t offloads; /* bits of NET_OFFLOADS_GUEST in use now */
	uint32_t pairs; /* in use now; 0 only with rings_only */
	uint32_t ctrl; /* the control queue; VIRTIO_QUEUES_MAX: none */
	bool tables; /* MAC or VLAN tables were set */
	struct net_filter filter;
	struct event_defer more_ctrl;
	struct net_mover *mover; /* NULL: none */
	struct event_watch faults; /* of the mover */
	int mover_error; /* why it is not used any more */
	struct vq_chain chain;
	struct iovec iov[NET_WINDOW_SEGS + 2];
	struct net_pair pair[NET_PAIRS_MAX];

	struct net_rates rx_rates;
	struct net_rates tx_rates;
	struct net_counters rx; /* to the guest */
	struct net_counters tx; /* from the guest */

	/* Told once when the link is gone for good.  May be NULL. */
	void (*on_lost)(struct virtio_net *net);
	/* Told once when the mover has refused a queue.  May be NULL. */
	void (*on_mover_lost)(struct virtio_net *net);
	void *owner;
};

/*
 * The address must be unicast (its first byte even), an MTU at least
 * NET_MTU_MIN; 0 or -EINVAL.  The link must outlive the device.
 */
int virtio_net_init(struct virtio_net *net, struct event_loop *loop,
		    struct net_link *link,
		    const struct virtio_net_config *config);

/*
 * Before the first start, if the transport lends queues: somebody who moves the
 * packets when nothing is asked of them that only this process can do.  0 or
 * -errno.  To be undone before the mover or the device goes.
 */
int virtio_net_set_mover(struct virtio_net *net, struct net_mover *mover);
void virtio_net_unset_mover(struct virtio_net *net);

/* Plugs the cable in or out; the driver is told. */
void virtio_net_set_plugged(struct virtio_net *net, bool plugged);

/*
 * A driver that is running keeps the MTU that it has seen (5.1.4.1) until it
 * resets the device.  0 or -EINVAL.
 */
int virtio_net_set_mtu(struct virtio_net *net, uint16_t mtu);

/* Has the driver tell the network where it is, if it can. */
void virtio_net_announce(struct virtio_net *net);

/* They count at once, also for what waits because of the old ones. */
void virtio_net_set_limits(struct virtio_net *net, const struct net_limits *rx,
			   const struct net_limits *tx);

#endif /* ZV_BACKENDS_NET_VIRTIO_NET_H */
