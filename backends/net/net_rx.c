/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the link to the guest.  A packet is read straight into the buffers at
 * the front of the window, but for its first bytes, which are looked at first,
 * and for what exceeds the window, which waits in spill for room.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "net/net_internal.h"

#define RETRY_NS 10000000ull /* after the link failed to give a packet */
#define SHORT_ROOM 2048u /* for a frame of an Ethernet and its header */
#define SHORT_AFTER 8u /* short packets in a row */

static struct vq *queue_of(struct net_pair *pair)
{
	return &pair->net->dev.vq[net_rx_queue(pair)];
}

static bool mergeable(const struct virtio_net *net)
{
	return (net->features & VIRTIO_NET_F_MRG_RXBUF) != 0;
}

/* Room to have before a packet is read. */
static uint64_t room_wanted(const struct net_pair *pair)
{
	const struct virtio_net *net = pair->net;
	uint32_t mtu = net->mtu != 0 ? net->mtu : NET_MTU_DEFAULT;

	if (pair->pending_len != 0) {
		return pair->pending_len;
	}
	if (!mergeable(net)) {
		return 1; /* one buffer, whatever its size */
	}
	if ((net->offloads &
	     (VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6)) != 0) {
		return NET_PACKET_MAX;
	}
	return NET_PREFIX_SIZE + mtu;
}

/* 1: there is more room after all; 0: the driver's kick will tell */
static int wait_for_room(struct net_pair *pair)
{
	if (vq_enable_kick(queue_of(pair))) {
		return 1;
	}
	pair->rx_starved = true;
	return 0;
}

/* ------------------------------------------------------------- acceptance */

/* A packet made when the link was still allowed more than it is now. */
static bool header_allowed(struct virtio_net *net, struct net_hdr *hdr)
{
	uint8_t type = hdr->gso_type & (uint8_t)~NET_HDR_GSO_ECN;
	uint64_t need = 0;

	if ((net->offloads & VIRTIO_NET_F_GUEST_CSUM) == 0) {
		if ((hdr->flags & NET_HDR_F_NEEDS_CSUM) != 0) {
			return false;
		}
		hdr->flags = 0;
	}
	if (type == NET_HDR_GSO_TCPV4) {
		need = VIRTIO_NET_F_GUEST_TSO4;
	} else if (type == NET_HDR_GSO_TCPV6) {
		need = VIRTIO_NET_F_GUEST_TSO6;
	} else if (type != NET_HDR_GSO_NONE) {
		return false;
	}
	if ((hdr->gso_type & NET_HDR_GSO_ECN) != 0) {
		need |= VIRTIO_NET_F_GUEST_ECN;
	}
	return (net->offloads & need) == need;
}

/* Whether the driver gets the packet of len bytes whose start is in prefix. */
static bool acceptable(struct net_pair *pair, uint32_t len)
{
	struct virtio_net *net = pair->net;
	const uint8_t *frame = pair->prefix + NET_HDR_SIZE;
	size_t seen = len < NET_PREFIX_SIZE ? len : NET_PREFIX_SIZE;
	struct net_hdr hdr;

	if (len < NET_HDR_SIZE + NET_ETH_SIZE || len > NET_PACKET_MAX) {
		net->rx.errors++;
		return false;
	}
	if (!net_filter_passes(&net->filter, frame, seen - NET_HDR_SIZE)) {
		net->rx.filtered++;
		return false;
	}
	memcpy(&hdr, pair->prefix, sizeof(hdr));
	if (!header_allowed(net, &hdr)) {
		net->rx.dropped++;
		return false;
	}
	memcpy(pair->prefix, &hdr, sizeof(hdr));
	return true;
}

/* --------------------------------------------------------------- delivery */

/*
 * The kernel looks at all of the room that a read is given, and room for the
 * longest packet is some forty buffers.  While packets are short the room is
 * short too; what of a longer one comes then goes through the spill.
 */
static uint64_t room_offered(const struct net_pair *pair)
{
	uint64_t all = pair->window.len;

	return pair->short_run < SHORT_AFTER || all < SHORT_ROOM ? all
								 : SHORT_ROOM;
}

static void note_length(struct net_pair *pair, uint32_t len)
{
	if (len > SHORT_ROOM) {
		pair->short_run = 0;
	} else if (pair->short_run < SHORT_AFTER) {
		pair->short_run++;
	}
}

static ssize_t read_packet(struct net_pair *pair)
{
	struct virtio_net *net = pair->net;
	int count = 1;

	net->iov[0] = (struct iovec){ pair->prefix, NET_PREFIX_SIZE };
	pair->offered = room_offered(pair);
	count += net_window_part(&pair->window, NET_PREFIX_SIZE, pair->offered,
				 net->iov + 1);
	net->iov[count++] = (struct iovec){ pair->spill, sizeof(pair->spill) };
	return net->link->ops->read(net->link, pair->index, net->iov, count);
}

/* Completes the packet of len bytes, all of which are in place but the first */
static int deliver(struct net_pair *pair, uint32_t len)
{
	struct virtio_net *net = pair->net;
	uint32_t span = net_window_span(&pair->window, len);
	struct net_hdr hdr;

	memcpy(&hdr, pair->prefix, sizeof(hdr));
	hdr.num_buffers = htole16((uint16_t)span);
	memcpy(pair->prefix, &hdr, sizeof(hdr));
	net_window_write(&pair->window, 0, pair->prefix,
			 len < NET_PREFIX_SIZE ? len : NET_PREFIX_SIZE);
	if (net_window_give(&pair->window, queue_of(pair), len) != 0) {
		return -EPROTO;
	}
	net->rx.packets++;
	net->rx.bytes += len - NET_HDR_SIZE;
	return 1;
}

static int drop(struct net_pair *pair)
{
	pair->pending_len = 0;
	pair->net->rx.dropped++;
	return 1;
}

static int deliver_pending(struct net_pair *pair)
{
	uint32_t len = pair->pending_len;

	if (pair->window.len < len) {
		return net_window_full(&pair->window, queue_of(pair))
			       ? drop(pair)
			       : wait_for_room(pair);
	}
	net_window_write(&pair->window, pair->pending_from, pair->spill,
			 len - pair->pending_from);
	pair->pending_len = 0;
	return deliver(pair, len);
}

static int read_failed(struct net_pair *pair, int rc)
{
	struct virtio_net *net = pair->net;

	if (rc == -EBADFD) {
		net_lost(net);
	} else if (rc != -EAGAIN) {
		net->rx.errors++;
		net_flow_sleep(net, &pair->rx, RETRY_NS);
	}
	return 0;
}

/* The packet of len bytes was read. */
static int place(struct net_pair *pair, uint32_t len)
{
	uint64_t room = pair->offered;

	note_length(pair, len);
	if (!acceptable(pair, len)) {
		return 1;
	}
	if (len <= room) {
		return deliver(pair, len);
	}
	if (len <= pair->window.len) {
		net_window_write(&pair->window, room, pair->spill, len - room);
		return deliver(pair, len);
	}
	if (!mergeable(pair->net)) {
		return drop(pair);
	}
	pair->pending_len = len;
	pair->pending_from =
		room > NET_PREFIX_SIZE ? (uint32_t)room : NET_PREFIX_SIZE;
	if (pair->pending_from > len) {
		pair->pending_from = len;
	}
	return 1;
}

/* 1: go on; 0: nothing more to do now; or -EPROTO */
static int receive(struct net_pair *pair, uint64_t *allowance)
{
	struct virtio_net *net = pair->net;
	ssize_t n;
	int rc;

	rc = net_window_fill(&pair->window, queue_of(pair), &net->chain,
			     room_wanted(pair));
	if (rc < 0) {
		return rc;
	}
	if (pair->pending_len != 0) {
		return deliver_pending(pair);
	}
	if (pair->window.count == 0) {
		return wait_for_room(pair);
	}
	if (net_flow_pauses(net, &pair->rx, &net->rx_rates)) {
		return 0;
	}
	n = read_packet(pair);
	if (n < 0) {
		return read_failed(pair, (int)n);
	}
	net_rates_charge(net, &net->rx_rates, (uint64_t)n);
	*allowance -= (uint64_t)n < *allowance ? (uint64_t)n : *allowance;
	return place(pair, (uint32_t)n);
}

void net_rx_run(struct net_pair *pair)
{
	struct virtio_net *net = pair->net;
	uint64_t allowance = NET_TURN_BYTES;
	unsigned int packets = 0;
	int rc = 1;

	if (!net->running || pair->moved || !net_is_up(net) ||
	    pair->index >= net->pairs || pair->rx_starved || pair->rx.waiting) {
		return;
	}
	while (rc > 0 && allowance != 0 && packets++ < NET_TURN_PACKETS) {
		rc = receive(pair, &allowance);
	}
	if (rc < 0) {
		net_broken(net, "malformed receive queue");
		return;
	}
	net->dev.transport->signal(&net->dev, net_rx_queue(pair));
	if (rc > 0) {
		event_defer(net->dev.loop, &pair->rx.more);
	}
	net_watch(pair);
}

void net_rx_kick(struct net_pair *pair)
{
	if (!pair->rx_starved) {
		return;
	}
	pair->rx_starved = false;
	vq_disable_kick(queue_of(pair));
	net_rx_run(pair);
}
