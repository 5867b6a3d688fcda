/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control queue (virtio 1.2, 5.1.6.5): what the driver wants to get and
 * how.  Commands set things, so one that is seen again after a restart does no
 * harm.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "net/net_internal.h"

#define TURN_COMMANDS 16u

/* ------------------------------------------------------------------- marks */

#define MARK_VALID (1ull << 63)
#define MARK_PROMISC (1ull << 0)
#define MARK_ALLMULTI (1ull << 1)
#define MARK_ALLUNI (1ull << 2)
#define MARK_NOMULTI (1ull << 3)
#define MARK_NOUNI (1ull << 4)
#define MARK_NOBCAST (1ull << 5)
#define MARK_TABLES (1ull << 6)
#define MARK_PAIRS_SHIFT 8
#define MARK_PAIRS_MASK 0xfull
#define MARK_OFFLOADS_SHIFT 16 /* bits of NET_OFFLOADS_GUEST, all below 16 */

_Static_assert(NET_OFFLOADS_GUEST < 1ull << 16, "their place in the mark");

static void store_mark(struct virtio_net *net, uint32_t q, uint64_t mark)
{
	__atomic_store_n(&net->dev.mark[q], mark, __ATOMIC_RELEASE);
}

static void note_mode(struct virtio_net *net)
{
	const struct net_filter *filter = &net->filter;

	store_mark(net, net->ctrl,
		   MARK_VALID | (filter->promisc ? MARK_PROMISC : 0) |
			   (filter->allmulti ? MARK_ALLMULTI : 0) |
			   (filter->alluni ? MARK_ALLUNI : 0) |
			   (filter->nomulti ? MARK_NOMULTI : 0) |
			   (filter->nouni ? MARK_NOUNI : 0) |
			   (filter->nobcast ? MARK_NOBCAST : 0) |
			   (net->tables ? MARK_TABLES : 0) |
			   (uint64_t)net->pairs << MARK_PAIRS_SHIFT |
			   net->offloads << MARK_OFFLOADS_SHIFT);
}

static void note_mac(struct virtio_net *net)
{
	uint64_t mark = MARK_VALID;

	for (uint32_t i = 0; i < NET_MAC_SIZE; i++) {
		mark |= (uint64_t)net->filter.mac[i] << (8 * i);
	}
	store_mark(net, 0, mark);
}

static void resume_mac(struct virtio_net *net)
{
	uint64_t mark = net->dev.mark[0];

	if (!net->dev.vq[0].ready || (mark & MARK_VALID) == 0 ||
	    (mark & 1) != 0) {
		return;
	}
	for (uint32_t i = 0; i < NET_MAC_SIZE; i++) {
		net->filter.mac[i] = (uint8_t)(mark >> (8 * i));
	}
}

void net_ctrl_resume(struct virtio_net *net)
{
	struct net_filter *filter = &net->filter;
	uint64_t mark;
	uint64_t pairs;

	/* The mark of a queue that this driver did not make is another's. */
	if (net->ctrl == VIRTIO_QUEUES_MAX || !net->dev.vq[net->ctrl].ready) {
		return;
	}
	resume_mac(net);
	mark = net->dev.mark[net->ctrl];
	if ((mark & MARK_VALID) == 0) {
		return;
	}
	filter->promisc = (mark & MARK_PROMISC) != 0;
	filter->allmulti = (mark & MARK_ALLMULTI) != 0;
	filter->alluni = (mark & MARK_ALLUNI) != 0;
	filter->nomulti = (mark & MARK_NOMULTI) != 0;
	filter->nouni = (mark & MARK_NOUNI) != 0;
	filter->nobcast = (mark & MARK_NOBCAST) != 0;
	net->tables = (mark & MARK_TABLES) != 0;
	if (net->tables) {
		filter->unicast.all = true;
		filter->multicast.all = true;
		filter->vlans_all = true;
	}
	pairs = mark >> MARK_PAIRS_SHIFT & MARK_PAIRS_MASK;
	if ((net->features & VIRTIO_NET_F_MQ) != 0 && pairs >= 1 &&
	    pairs <= net->link->pairs) {
		net->pairs = (uint32_t)pairs;
	}
	net->offloads &= mark >> MARK_OFFLOADS_SHIFT;
}

int net_ctrl_apply(struct virtio_net *net)
{
	const struct net_link_ops *ops = net->link->ops;
	int rc = ops->set_offloads(net->link, net->offloads);

	if (rc != 0) {
		return rc;
	}
	return ops->set_pairs(net->link, net->pairs != 0 ? net->pairs : 1);
}

/* ---------------------------------------------------------------- commands */

/* What is left of the chain's readable part; each byte is read once. */
struct reader {
	const struct vq_chain *chain;
	uint32_t seg;
	uint32_t offset;
	uint32_t left;
};

static bool take(struct reader *reader, void *ret, size_t len)
{
	uint8_t *to = ret; /* NULL: skip */

	if (len > reader->left) {
		return false;
	}
	reader->left -= (uint32_t)len;
	while (len != 0) {
		const struct vq_seg *seg = &reader->chain->seg[reader->seg];
		uint32_t n = seg->len - reader->offset;

		n = len < n ? (uint32_t)len : n;
		if (to != NULL) {
			memcpy(to, seg->base + reader->offset, n);
			to += n;
		}
		len -= n;
		reader->offset += n;
		if (reader->offset == seg->len) {
			reader->seg++;
			reader->offset = 0;
		}
	}
	__asm__ volatile("" ::: "memory");
	return true;
}

/* All that is left must be one thing of that length. */
static bool take_last(struct reader *reader, void *ret, size_t len)
{
	return reader->left == len && take(reader, ret, len);
}

static bool has(const struct virtio_net *net, uint64_t feature)
{
	return (net->features & feature) != 0;
}

static bool set_mode(struct virtio_net *net, uint8_t command,
		     struct reader *reader)
{
	struct net_filter *filter = &net->filter;
	const struct {
		bool *mode;
		uint64_t feature;
	} modes[] = {
		[NET_CTRL_RX_PROMISC] = { &filter->promisc,
					  VIRTIO_NET_F_CTRL_RX },
		[NET_CTRL_RX_ALLMULTI] = { &filter->allmulti,
					   VIRTIO_NET_F_CTRL_RX },
		[NET_CTRL_RX_ALLUNI] = { &filter->alluni,
					 VIRTIO_NET_F_CTRL_RX_EXTRA },
		[NET_CTRL_RX_NOMULTI] = { &filter->nomulti,
					  VIRTIO_NET_F_CTRL_RX_EXTRA },
		[NET_CTRL_RX_NOUNI] = { &filter->nouni,
					VIRTIO_NET_F_CTRL_RX_EXTRA },
		[NET_CTRL_RX_NOBCAST] = { &filter->nobcast,
					  VIRTIO_NET_F_CTRL_RX_EXTRA },
	};
	uint8_t on;

	if (command >= sizeof(modes) / sizeof(modes[0]) ||
	    !has(net, modes[command].feature) ||
	    !take_last(reader, &on, sizeof(on))) {
		return false;
	}
	*modes[command].mode = on != 0;
	return true;
}

static bool take_table(struct reader *reader, struct net_filter_table *ret)
{
	uint32_t count;

	if (!take(reader, &count, sizeof(count))) {
		return false;
	}
	count = le32toh(count);
	ret->all = count > NET_FILTER_MACS;
	ret->count = ret->all ? 0 : count;
	return take(reader, ret->all ? NULL : ret->mac,
		    (size_t)count * NET_MAC_SIZE);
}

static bool set_mac_tables(struct virtio_net *net, struct reader *reader)
{
	struct net_filter_table unicast;
	struct net_filter_table multicast;

	if (!has(net, VIRTIO_NET_F_CTRL_RX) || !take_table(reader, &unicast) ||
	    !take_table(reader, &multicast) || reader->left != 0) {
		return false;
	}
	net->filter.unicast = unicast;
	net->filter.multicast = multicast;
	net->tables = true;
	return true;
}

static bool set_mac(struct virtio_net *net, struct reader *reader)
{
	uint8_t mac[NET_MAC_SIZE];

	if (!has(net, VIRTIO_NET_F_CTRL_MAC_ADDR) ||
	    !take_last(reader, mac, sizeof(mac)) || (mac[0] & 1) != 0) {
		return false;
	}
	memcpy(net->filter.mac, mac, sizeof(mac));
	note_mac(net);
	return true;
}

static bool set_vlan(struct virtio_net *net, uint8_t command,
		     struct reader *reader)
{
	uint16_t vlan;

	if (!has(net, VIRTIO_NET_F_CTRL_VLAN) || command > NET_CTRL_VLAN_DEL ||
	    !take_last(reader, &vlan, sizeof(vlan)) ||
	    le16toh(vlan) >= NET_FILTER_VLANS) {
		return false;
	}
	net_filter_set_vlan(&net->filter, le16toh(vlan),
			    command == NET_CTRL_VLAN_ADD);
	net->tables = true;
	return true;
}

static bool end_announce(struct virtio_net *net, struct reader *reader)
{
	if (!has(net, VIRTIO_NET_F_GUEST_ANNOUNCE) || reader->left != 0) {
		return false;
	}
	if (net->announce) {
		net->announce = false;
		net->dev.transport->config_changed(&net->dev);
	}
	return true;
}

static void set_pairs_in_use(struct virtio_net *net, uint32_t pairs)
{
	net->pairs = pairs;
	for (uint32_t i = 0; i < net->link->pairs; i++) {
		struct net_pair *pair = &net->pair[i];

		/* What waits in a pair that is out of use now is dropped. */
		pair->tx_blocked = false;
		event_defer(net->dev.loop, &pair->rx.more);
		event_defer(net->dev.loop, &pair->tx.more);
		net_path_choose(pair);
		net_watch(pair);
	}
}

static bool set_pairs(struct virtio_net *net, struct reader *reader)
{
	uint16_t pairs;

	if (!has(net, VIRTIO_NET_F_MQ) ||
	    !take_last(reader, &pairs, sizeof(pairs)) || le16toh(pairs) < 1 ||
	    le16toh(pairs) > net->link->pairs ||
	    net->link->ops->set_pairs(net->link, le16toh(pairs)) != 0) {
		return false;
	}
	set_pairs_in_use(net, le16toh(pairs));
	return true;
}

static bool set_offloads(struct virtio_net *net, struct reader *reader)
{
	uint64_t offloads;

	if (!has(net, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) ||
	    !take_last(reader, &offloads, sizeof(offloads))) {
		return false;
	}
	offloads = le64toh(offloads);
	if ((offloads & ~(net->features & NET_OFFLOADS_GUEST)) != 0 ||
	    net->link->ops->set_offloads(net->link, offloads) != 0) {
		return false;
	}
	net->offloads = offloads;
	return true;
}

static bool obey(struct virtio_net *net, uint8_t class, uint8_t command,
		 struct reader *reader)
{
	if (class == NET_CTRL_RX) {
		return set_mode(net, command, reader);
	}
	if (class == NET_CTRL_VLAN) {
		return set_vlan(net, command, reader);
	}
	if (class == NET_CTRL_MAC && command == NET_CTRL_MAC_ADDR_SET) {
		return set_mac(net, reader);
	}
	if (class == NET_CTRL_MAC && command == NET_CTRL_MAC_TABLE_SET) {
		return set_mac_tables(net, reader);
	}
	if (class == NET_CTRL_ANNOUNCE && command == NET_CTRL_ANNOUNCE_ACK) {
		return end_announce(net, reader);
	}
	if (class == NET_CTRL_MQ && command == NET_CTRL_MQ_VQ_PAIRS_SET) {
		return set_pairs(net, reader);
	}
	if (class == NET_CTRL_GUEST_OFFLOADS &&
	    command == NET_CTRL_GUEST_OFFLOADS_SET) {
		return set_offloads(net, reader);
	}
	return false;
}

/* 1: go on; 0: the queue is empty; or -EPROTO */
static int run_command(struct virtio_net *net)
{
	struct vq *vq = &net->dev.vq[net->ctrl];
	struct reader reader = { .chain = &net->chain };
	uint8_t command[2];
	uint8_t ack;
	int rc = vq_pop(vq, &net->chain);

	if (rc < 0) {
		return rc;
	}
	if (rc == 0) {
		return vq_enable_kick(vq) ? 1 : 0;
	}
	reader.left = net->chain.readable_len;
	if (net->chain.writable == 0 ||
	    !take(&reader, command, sizeof(command))) {
		return -EPROTO;
	}
	rc = obey(net, command[0], command[1], &reader);
	if (rc != 0) {
		note_mode(net);
	}
	ack = (uint8_t)(rc != 0 ? NET_CTRL_OK : NET_CTRL_ERR);
	net->chain.seg[net->chain.readable].base[0] = ack;
	return vq_push(vq, net->chain.head, 1) == 0 ? 1 : -EPROTO;
}

void net_ctrl_run(struct virtio_net *net)
{
	unsigned int commands = 0;
	int rc = 1;

	if (!net->running || net->ctrl == VIRTIO_QUEUES_MAX) {
		return;
	}
	while (rc > 0 && commands++ < TURN_COMMANDS) {
		rc = run_command(net);
	}
	if (rc < 0) {
		net_broken(net, "malformed control queue");
		return;
	}
	net->dev.transport->signal(&net->dev, net->ctrl);
	if (rc > 0) {
		event_defer(net->dev.loop, &net->more_ctrl);
	}
}
