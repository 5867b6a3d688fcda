/* SPDX-License-Identifier: BSD-2-Clause */
/* From the guest to the link, straight from the guest's buffers. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "net/net_internal.h"

static struct vq *queue_of(struct net_pair *pair)
{
	return &pair->net->dev.vq[net_tx_queue(pair)];
}

/* The chains taken are those that the mover has given back. */
#define MARK_MOVED (1ull << 16)

static void store_mark(struct net_pair *pair, uint64_t mark)
{
	__atomic_store_n(&pair->net->dev.mark[net_tx_queue(pair)], mark,
			 __ATOMIC_RELEASE);
}

static void set_mark(struct net_pair *pair)
{
	store_mark(pair, queue_of(pair)->last_avail);
}

void net_tx_note_moved(struct net_pair *pair)
{
	store_mark(pair, MARK_MOVED);
}

int net_tx_resume(struct net_pair *pair)
{
	struct vq *vq = queue_of(pair);
	uint64_t mark = pair->net->dev.mark[net_tx_queue(pair)];
	uint16_t avail = (uint16_t)mark;
	uint16_t head;

	if (!vq->ready) {
		return 0;
	}
	if ((mark & MARK_MOVED) != 0) {
		return 0;
	}
	switch ((uint16_t)(avail - vq->used_idx)) {
	case 0:
		return 0;
	case 1:
		/* Killed around the sending: it may have been sent. */
		if (vq_head_at(vq, vq->used_idx, &head) != 0 ||
		    vq_push(vq, head, 0) != 0) {
			return -EPROTO;
		}
		vq->last_avail = avail;
		return 0;
	default:
		return -EPROTO;
	}
}

/* ----------------------------------------------------------------- header */

/* Copies the header out; *ret_count segments at ret are the frame. */
static void split_chain(const struct vq_chain *chain, struct net_hdr *ret_hdr,
			struct iovec *ret, int *ret_count)
{
	uint8_t *hdr = (uint8_t *)ret_hdr;
	size_t have = 0;
	int count = 0;

	for (uint32_t i = 0; i < chain->readable; i++) {
		uint8_t *base = chain->seg[i].base;
		size_t len = chain->seg[i].len;
		size_t n =
			NET_HDR_SIZE - have < len ? NET_HDR_SIZE - have : len;

		memcpy(hdr + have, base, n);
		have += n;
		if (n != len) {
			ret[count++] = (struct iovec){ base + n, len - n };
		}
	}
	*ret_count = count;
	/* Keeps the compiler from looking at guest memory again later. */
	__asm__ volatile("" ::: "memory");
}

static bool gso_allowed(const struct virtio_net *net, const struct net_hdr *hdr)
{
	uint8_t type = hdr->gso_type & (uint8_t)~NET_HDR_GSO_ECN;
	uint64_t need;

	if (type == NET_HDR_GSO_TCPV4) {
		need = VIRTIO_NET_F_HOST_TSO4;
	} else if (type == NET_HDR_GSO_TCPV6) {
		need = VIRTIO_NET_F_HOST_TSO6;
	} else {
		return false;
	}
	if ((hdr->gso_type & NET_HDR_GSO_ECN) != 0) {
		need |= VIRTIO_NET_F_HOST_ECN;
	}
	return (net->features & need) == need && hdr->gso_size != 0;
}

/*
 * Leaves in the header what the driver may ask for and nothing else
 * (5.1.6.2.2); false if it asks for what cannot be.
 */
static bool clean_header(const struct virtio_net *net, struct net_hdr *hdr,
			 uint64_t frame_len)
{
	bool csum = (net->features & VIRTIO_NET_F_CSUM) != 0 &&
		    (hdr->flags & NET_HDR_F_NEEDS_CSUM) != 0;
	struct net_hdr clean = { .flags = csum ? NET_HDR_F_NEEDS_CSUM : 0 };

	if (frame_len < NET_ETH_SIZE || frame_len > NET_FRAME_MAX) {
		return false;
	}
	if (csum) {
		if ((uint64_t)le16toh(hdr->csum_start) +
			    le16toh(hdr->csum_offset) + 2 >
		    frame_len) {
			return false;
		}
		clean.csum_start = hdr->csum_start;
		clean.csum_offset = hdr->csum_offset;
	}
	if (hdr->gso_type != NET_HDR_GSO_NONE) {
		if (!csum || !gso_allowed(net, hdr)) {
			return false;
		}
		clean.gso_type = hdr->gso_type;
		clean.gso_size = hdr->gso_size;
		clean.hdr_len =
			le16toh(hdr->hdr_len) <= frame_len ? hdr->hdr_len : 0;
	}
	*hdr = clean;
	return true;
}

/* ---------------------------------------------------------------- sending */

/* The driver puts nothing new there, but what is there is to be given back. */
static bool out_of_use(const struct net_pair *pair)
{
	const struct virtio_net *net = pair->net;

	return pair->index >= net->pairs ||
	       (net->dev.discard & 1u << net_tx_queue(pair)) != 0;
}

/* The packet's fate is counted; -EAGAIN: it has to be tried again. */
static int send_chain(struct net_pair *pair, uint64_t *allowance)
{
	struct virtio_net *net = pair->net;
	uint64_t frame_len = net->chain.readable_len - NET_HDR_SIZE;
	struct net_hdr hdr;
	ssize_t n;
	int count;

	split_chain(&net->chain, &hdr, net->iov + 1, &count);
	if (!clean_header(net, &hdr, frame_len)) {
		net->tx.errors++;
		return 0;
	}
	if (!net_is_up(net) || out_of_use(pair)) {
		net->tx.dropped++;
		return 0;
	}
	net->iov[0] = (struct iovec){ &hdr, sizeof(hdr) };
	n = net->link->ops->write(net->link, pair->index, net->iov, count + 1);
	if (n == -EAGAIN) {
		return -EAGAIN;
	}
	net_rates_charge(net, &net->tx_rates, frame_len);
	*allowance -= frame_len < *allowance ? frame_len : *allowance;
	if (n >= 0) {
		net->tx.packets++;
		net->tx.bytes += frame_len;
	} else if (n == -EBADFD) {
		net->tx.dropped++;
		net_lost(net);
	} else {
		net->tx.errors++;
	}
	return 0;
}

/* False: the link has to send first what is left of an earlier packet. */
static bool link_is_ready(struct net_pair *pair)
{
	struct virtio_net *net = pair->net;
	struct net_link *link = net->link;
	int rc = 0;

	if (link->ops->flush != NULL && net_is_up(net)) {
		rc = link->ops->flush(link, pair->index);
	}
	if (rc == -EBADFD) {
		net_lost(net);
	}
	return rc != -EAGAIN;
}

/* 1: go on; 0: nothing more to do now; or -EPROTO */
static int transmit(struct net_pair *pair, uint64_t *allowance)
{
	struct virtio_net *net = pair->net;
	struct vq *vq = queue_of(pair);
	int rc;

	if (!out_of_use(pair)) {
		if (!link_is_ready(pair)) {
			pair->tx_blocked = true;
			return 0;
		}
		if (net_flow_pauses(net, &pair->tx, &net->tx_rates)) {
			return 0;
		}
	}
	rc = vq_pop(vq, &net->chain);
	if (rc < 0) {
		return rc;
	}
	if (rc == 0) {
		return vq_enable_kick(vq) ? 1 : 0;
	}
	if (net->chain.readable_len < NET_HDR_SIZE) {
		return -EPROTO;
	}
	set_mark(pair);
	if (send_chain(pair, allowance) == -EAGAIN) {
		vq_unpop(vq);
		set_mark(pair);
		pair->tx_blocked = true;
		return 0;
	}
	return vq_push(vq, net->chain.head, 0) == 0 ? 1 : -EPROTO;
}

void net_tx_run(struct net_pair *pair)
{
	struct virtio_net *net = pair->net;
	uint64_t allowance = NET_TURN_BYTES;
	unsigned int packets = 0;
	int rc = 1;

	if (!net->running || pair->moved || pair->tx_blocked ||
	    pair->tx.waiting) {
		return;
	}
	vq_disable_kick(queue_of(pair));
	while (rc > 0 && allowance != 0 && packets++ < NET_TURN_PACKETS) {
		rc = transmit(pair, &allowance);
	}
	if (rc < 0) {
		net_broken(net, "malformed transmit queue");
		return;
	}
	net->dev.transport->signal(&net->dev, net_tx_queue(pair));
	if (rc > 0) {
		event_defer(net->dev.loop, &pair->tx.more);
	}
	net_watch(pair);
}
