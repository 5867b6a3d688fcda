/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net between a driver and a link that the input plays.  An orderly
 * driver must get every packet whole, once and in order, and so must the link;
 * a hostile one may only see writable segments and used rings change.  In some
 * runs it changes all that the device reads right after it was read.  In every
 * run the device must come to rest, and leave nothing behind when it stops.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_input.h"
#include "net/virtio_net.h"

#define RAM 0x10000ull
#define RAM_SIZE 0x20000ull
#define RINGS_SIZE 0x6000ull /* 0x1000 each */
#define DATA (RAM + RINGS_SIZE)
#define DATA_SIZE (RAM_SIZE - RINGS_SIZE)
#define RING_SPACE 0x1000ull
#define QUEUES 5u /* two pairs */
#define RING_MAX 64u
#define TURNS_MAX 4000u
#define TURNS_CHANGING 8u
#define BACKLOG 16u
#define FRAME_SEQ 20u /* where a frame has its number */

#define require(x)               \
	do {                     \
		if (!(x)) {      \
			abort(); \
		}                \
	} while (0)

enum driver {
	ORDERLY,
	HOSTILE,
	CHANGING
};

struct sent {
	uint32_t len; /* with header */
	uint32_t seq;
	struct net_hdr hdr;
};

struct world {
	struct event_loop loop;
	struct event_watch *watch[2];
	unsigned int events[2];
	struct event_timer *timer[4];
	struct net_link link;
	struct sent backlog[2][BACKLOG];
	uint32_t backlog_count[2];
	bool blocked;
	bool gone;
	bool limited;
	uint32_t attached;
	uint64_t link_offloads;

	struct guest_mem gm;
	uint8_t *ram;
	struct virtio_net *net;
	uint64_t marks[VIRTIO_QUEUES_MAX];
	struct vq_layout layout[QUEUES];
	uint16_t avail[QUEUES];
	uint16_t seen_used[QUEUES];
	uint64_t features;
	bool live;

	enum driver driver;
	uint64_t heap; /* of the orderly driver: nothing is used twice */
	uint64_t rx_addr[2][RING_MAX];
	uint32_t rx_len[2][RING_MAX];
	uint32_t next_tx; /* numbers of packets */
	uint32_t next_rx[2];
	uint32_t seen_tx[2];
	uint32_t seen_rx[2];
	uint8_t before[RAM_SIZE];
	uint8_t allowed[RAM_SIZE];
};

static struct world w;
static uint64_t now;

static uint64_t clock_ns(void)
{
	return now;
}

static uint8_t pattern(uint32_t seq, uint32_t i)
{
	return (uint8_t)(seq * 31 + i * 7 + i / 256);
}

/* Without it queue 2 is the control queue. */
static uint32_t pair_count(void)
{
	uint64_t needs = VIRTIO_NET_F_MQ | VIRTIO_NET_F_CTRL_VQ;

	return (w.features & needs) == needs ? 2 : 1;
}

/* -------------------------------------------------------------------- loop */

static int loop_watch(struct event_loop *loop, struct event_watch *watch,
		      int fd, unsigned int events)
{
	(void)loop;
	require(fd == 0 || fd == 1);
	w.watch[fd] = watch;
	w.events[fd] = events;
	watch->impl = &w.watch[fd];
	return 0;
}

static void loop_unwatch(struct event_loop *loop, struct event_watch *watch)
{
	(void)loop;
	*(struct event_watch **)watch->impl = NULL;
	watch->impl = NULL;
}

static int loop_timer(struct event_loop *loop, struct event_timer *timer,
		      uint64_t ms)
{
	(void)loop;
	if (ms == EVENT_NEVER) {
		*(struct event_timer **)timer->impl = NULL;
		timer->impl = NULL;
		return 0;
	}
	for (int i = 0; timer->impl == NULL; i++) {
		require(i < 4);
		if (w.timer[i] == NULL) {
			w.timer[i] = timer;
			timer->impl = &w.timer[i];
		}
	}
	return 0;
}

static int loop_defer(struct event_loop *loop)
{
	(void)loop;
	return 0;
}

static const struct event_loop_ops loop_ops = {
	.watch = loop_watch,
	.unwatch = loop_unwatch,
	.timer = loop_timer,
	.defer = loop_defer,
};

static unsigned int ready(int fd)
{
	unsigned int events = w.blocked ? 0 : EVENT_WRITE;

	if (w.backlog_count[fd] != 0 || w.gone) {
		events |= EVENT_READ;
	}
	return w.watch[fd] != NULL ? w.events[fd] & events : 0;
}

/* Until nothing is left to do: that must come. */
static void settle(void)
{
	for (unsigned int turn = 0;; turn++) {
		bool worked = w.loop.first != NULL;

		if (w.driver == CHANGING && turn == TURNS_CHANGING) {
			return; /* it makes work for us with each look */
		}
		require(turn < TURNS_MAX);
		event_loop_run_deferred(&w.loop);
		for (int fd = 0; fd < 2; fd++) {
			unsigned int events = ready(fd);

			if (events != 0) {
				w.watch[fd]->cb(w.watch[fd], events);
				worked = true;
			}
		}
		if (!worked) {
			return;
		}
	}
}

static void pass_time(void)
{
	now += 200000000;
	for (int i = 0; i < 4; i++) {
		if (w.timer[i] != NULL) {
			w.timer[i]->cb(w.timer[i]);
		}
	}
	settle();
}

/* -------------------------------------------------------------------- link */

static uint64_t link_offloads(struct net_link *link)
{
	(void)link;
	return NET_OFFLOADS;
}

static int link_set_offloads(struct net_link *link, uint64_t offloads)
{
	(void)link;
	require((offloads & ~(w.features & NET_OFFLOADS_GUEST)) == 0);
	w.link_offloads = offloads;
	return 0;
}

static int link_set_pairs(struct net_link *link, uint32_t count)
{
	require(count >= 1 && count <= link->pairs);
	w.attached = count;
	return 0;
}

static int link_set_carrier(struct net_link *link, bool up)
{
	(void)link;
	(void)up;
	return 0;
}

/* Copies between a packet in one piece and the pieces of it. */
static uint64_t copy(struct iovec *iov, int count, uint8_t *packet,
		     uint64_t len, bool out)
{
	uint64_t done = 0;

	for (int i = 0; i < count && done < len; i++) {
		uint64_t n = len - done < iov[i].iov_len ? len - done
							 : iov[i].iov_len;

		if (out) {
			memcpy(iov[i].iov_base, packet + done, n);
		} else {
			memcpy(packet + done, iov[i].iov_base, n);
		}
		done += n;
	}
	return done;
}

static uint8_t frame_byte(const struct sent *sent, uint32_t i)
{
	if (i < 6) {
		return 0xff; /* broadcast */
	}
	return i >= FRAME_SEQ && i < FRAME_SEQ + 4
		       ? (uint8_t)(sent->seq >> 8 * (i - FRAME_SEQ))
		       : pattern(sent->seq, i);
}

static ssize_t link_read(struct net_link *link, uint32_t q, struct iovec *iov,
			 int count)
{
	static uint8_t packet[NET_PACKET_MAX];
	struct sent sent = w.backlog[q][0];
	uint64_t room = 0;

	(void)link;
	require(q < w.attached && count <= 1024);
	require(iov[0].iov_len >= NET_HDR_SIZE);
	for (int i = 0; i < count; i++) {
		require(iov[i].iov_len != 0);
		room += iov[i].iov_len;
	}
	/* Nothing is lost for want of room. */
	require(room >= NET_PACKET_MAX);
	if (w.gone) {
		return -EBADFD;
	}
	if (w.backlog_count[q] == 0) {
		return -EAGAIN;
	}
	w.backlog_count[q]--;
	memmove(&w.backlog[q][0], &w.backlog[q][1],
		sizeof(sent) * w.backlog_count[q]);
	memcpy(packet, &sent.hdr, NET_HDR_SIZE);
	for (uint32_t i = NET_HDR_SIZE; i < sent.len; i++) {
		packet[i] = frame_byte(&sent, i - NET_HDR_SIZE);
	}
	require(copy(iov, count, packet, sent.len, true) == sent.len);
	return sent.len;
}

static void check_sent_header(const struct net_hdr *hdr, uint64_t frame_len)
{
	uint8_t gso = hdr->gso_type & 0x7f;

	require((hdr->flags & ~NET_HDR_F_NEEDS_CSUM) == 0);
	require(hdr->num_buffers == 0);
	require(hdr->flags == 0 || (w.features & VIRTIO_NET_F_CSUM) != 0);
	require(hdr->flags == 0 ||
		hdr->csum_start + hdr->csum_offset + 2u <= frame_len);
	require(hdr->gso_type == 0 || (hdr->flags != 0 && hdr->gso_size != 0 &&
				       hdr->hdr_len <= frame_len));
	require(gso != 1 || (w.features & VIRTIO_NET_F_HOST_TSO4) != 0);
	require(gso != 4 || (w.features & VIRTIO_NET_F_HOST_TSO6) != 0);
	require(gso == 0 || gso == 1 || gso == 4);
}

static ssize_t link_write(struct net_link *link, uint32_t q, struct iovec *iov,
			  int count)
{
	static uint8_t packet[NET_PACKET_MAX];
	struct sent sent = { .len = 0 };
	struct net_hdr hdr;
	uint64_t len = 0;

	(void)link;
	require(q < w.attached && count <= 1024);
	require(iov[0].iov_len == NET_HDR_SIZE);
	for (int i = 0; i < count; i++) {
		len += iov[i].iov_len;
	}
	memcpy(&hdr, iov[0].iov_base, sizeof(hdr));
	require(len >= NET_HDR_SIZE + NET_ETH_SIZE && len <= NET_PACKET_MAX);
	check_sent_header(&hdr, len - NET_HDR_SIZE);
	if (w.gone) {
		return -EBADFD;
	}
	if (w.blocked) {
		return -EAGAIN;
	}
	require(copy(iov, count, packet, sizeof(packet), false) == len);
	if (w.driver == ORDERLY && len >= NET_HDR_SIZE + FRAME_SEQ + 4) {
		memcpy(&sent.seq, packet + NET_HDR_SIZE + FRAME_SEQ, 4);
		require(sent.seq >= w.seen_tx[q] && sent.seq < w.next_tx);
		w.seen_tx[q] = sent.seq + 1;
		for (uint32_t i = 0; i < len - NET_HDR_SIZE; i++) {
			require(packet[NET_HDR_SIZE + i] ==
				frame_byte(&sent, i));
		}
	}
	return (ssize_t)len;
}

static const struct net_link_ops link_ops = {
	.offloads = link_offloads,
	.set_offloads = link_set_offloads,
	.set_pairs = link_set_pairs,
	.set_carrier = link_set_carrier,
	.read = link_read,
	.write = link_write,
};

/* --------------------------------------------------------------- transport */

static void on_signal(struct virtio_device *dev, uint32_t q)
{
	(void)vq_should_signal(&dev->vq[q]);
}

static void on_config(struct virtio_device *dev)
{
	uint8_t config[12];

	dev->ops->config_read(dev, 0, config, sizeof(config));
}

static void on_broken(struct virtio_device *dev, const char *why)
{
	require(why != NULL);
	require(w.driver != ORDERLY);
	for (uint32_t q = 0; q < QUEUES; q++) {
		vq_fini(&dev->vq[q]);
	}
	w.live = false;
}

static void on_stopped(struct virtio_device *dev)
{
	for (uint32_t q = 0; q < QUEUES; q++) {
		vq_fini(&dev->vq[q]);
	}
}

static const struct virtio_transport_ops transport = {
	.signal = on_signal,
	.config_changed = on_config,
	.broken = on_broken,
};

/* ------------------------------------------------------------------ driver */

static uint8_t *mem(uint64_t gpa)
{
	return w.ram + (gpa - RAM);
}

static void put16(uint64_t gpa, uint16_t value)
{
	memcpy(mem(gpa), &value, 2);
}

static uint16_t get16(uint64_t gpa)
{
	uint16_t value;

	memcpy(&value, mem(gpa), 2);
	return value;
}

static void after_read(struct guest_mem *gm, uint64_t gpa, size_t len)
{
	struct vq_desc desc;
	uint8_t *at = guest_mem_map(gm, gpa, len);

	if (len == sizeof(desc)) {
		memcpy(&desc, at, sizeof(desc));
		if ((desc.flags & (VQ_DESC_WRITE | VQ_DESC_INDIRECT)) ==
			    VQ_DESC_WRITE &&
		    guest_mem_map(gm, desc.addr, desc.len) != NULL) {
			memset(w.allowed + (desc.addr - RAM), 1, desc.len);
		}
	}
	for (size_t i = 0; w.driver == CHANGING && i < len; i++) {
		at[i] = (uint8_t)(at[i] ^ (i & 1 ? 0x11 : 1));
	}
}

static void check_writes(void)
{
	for (uint64_t at = 0; at < RAM_SIZE; at += 256) {
		if (memcmp(w.ram + at, w.before + at, 256) == 0) {
			continue;
		}
		for (uint64_t i = at; i < at + 256; i++) {
			require(w.ram[i] == w.before[i] || w.allowed[i] != 0);
		}
	}
}

static void layout_rings(uint32_t size)
{
	memset(w.ram, 0, RINGS_SIZE);
	memset(w.allowed, 0, sizeof(w.allowed));
	memset(w.marks, 0, sizeof(w.marks));
	for (uint32_t q = 0; q < QUEUES; q++) {
		uint64_t base = RAM + q * RING_SPACE;
		struct vq_layout *at = &w.layout[q];

		*at = (struct vq_layout){ size, base, base + 0x800,
					  base + 0xa00 };
		memset(w.allowed + (at->used - RAM), 1, 6 + 8ull * size);
		w.avail[q] = 0;
		w.seen_used[q] = 0;
	}
	for (uint32_t pair = 0; pair < 2; pair++) {
		w.seen_rx[pair] = w.next_rx[pair] - w.backlog_count[pair];
		w.seen_tx[pair] = 0;
	}
	w.heap = DATA;
}

/* 0, or what the device says to rings of which it knows better. */
static int start(uint64_t ring_features)
{
	for (uint32_t q = 0; q < QUEUES; q++) {
		if (vq_init(&w.net->dev.vq[q], &w.gm, &w.layout[q],
			    ring_features) != 0) {
			return -EPROTO;
		}
	}
	return w.net->dev.ops->start(&w.net->dev, w.features);
}

static void make_net(struct fuzz_input *in)
{
	struct virtio_net_config config = {
		.mac = { 0x52, 0, 0, 0, 0, 1 },
		.mtu = 1500,
		.now_ns = clock_ns,
	};

	w.limited = (fuzz_u8(in) & 7) == 7;
	if (w.limited) {
		config.rx_limits.bytes.per_second = 5000;
		config.tx_limits.packets.per_second = 50;
	}
	require(virtio_net_init(w.net, &w.loop, &w.link, &config) == 0);
	w.net->dev.transport = &transport;
	w.net->dev.mark = w.marks;
}

static void stop(void)
{
	w.net->dev.ops->stop(&w.net->dev, on_stopped);
	w.live = false;
	require(w.loop.first == NULL);
	require(w.watch[0] == NULL && w.watch[1] == NULL);
	for (int i = 0; i < 4; i++) {
		require(w.timer[i] == NULL);
	}
}

static void begin(struct fuzz_input *in)
{
	uint64_t ring_features =
		fuzz_u8(in) % 4 * VQ_F_INDIRECT_DESC; /* and EVENT_IDX */
	uint32_t features = fuzz_u32(in);

	stop();
	/* Mostly what a real driver takes. */
	w.features = w.net->dev.ops->features(&w.net->dev);
	w.features &=
		(features & 0x80000000u) != 0 ? features : ~(features & 0x8000);
	layout_rings(1u << (2 + fuzz_u8(in) % 5));
	w.live = start(ring_features) == 0;
	require(w.live);
}

static void put_desc(uint64_t at, uint64_t addr, uint32_t len, uint16_t flags,
		     uint16_t next)
{
	struct vq_desc desc = { addr, len, flags, next };

	memcpy(mem(at), &desc, sizeof(desc));
}

static void offer(uint32_t q, uint16_t head)
{
	const struct vq_layout *at = &w.layout[q];

	put16(at->avail + 4 + 2 * (w.avail[q] % at->size), head);
	put16(at->avail + 2, ++w.avail[q]);
}

static uint16_t free_slots(uint32_t q)
{
	return (uint16_t)(w.layout[q].size -
			  (uint16_t)(w.avail[q] - get16(w.layout[q].used + 2)));
}

static uint64_t alloc(uint32_t len)
{
	uint64_t at = w.heap;

	if (len > RAM + RAM_SIZE - at) {
		return 0;
	}
	w.heap += len;
	return at;
}

static void offer_rx(struct fuzz_input *in, uint32_t pair)
{
	uint32_t q = 2 * pair;
	uint16_t head = (uint16_t)(w.avail[q] % w.layout[q].size);
	/* Room for the header, as 5.1.6.3.1 wants it. */
	uint32_t len = NET_HDR_SIZE + fuzz_u16(in) % 3000;
	uint64_t at = free_slots(q) != 0 ? alloc(len) : 0;

	/* Given back in order, so the slot's descriptor is free. */
	if (at == 0) {
		return;
	}
	put_desc(w.layout[q].desc + 16ull * head, at, len, VQ_DESC_WRITE, 0);
	w.rx_addr[pair][head] = at;
	w.rx_len[pair][head] = len;
	offer(q, head);
}

static void offer_tx(struct fuzz_input *in, uint32_t pair)
{
	uint32_t q = 2 * pair + 1;
	uint16_t head = (uint16_t)(w.avail[q] % w.layout[q].size);
	uint32_t frame = NET_ETH_SIZE + fuzz_u16(in) % 2000;
	uint64_t at = free_slots(q) != 0 ? alloc(NET_HDR_SIZE + frame) : 0;
	struct sent sent = { .seq = w.next_tx };
	struct net_hdr hdr = {
		.flags = fuzz_u8(in),
		.gso_type = fuzz_u8(in),
		.hdr_len = fuzz_u16(in),
		.gso_size = fuzz_u16(in),
		.csum_start = fuzz_u16(in) & 0x3ff,
		.csum_offset = fuzz_u8(in),
	};

	if (at == 0) {
		return;
	}
	if ((frame & 3) != 0) {
		/* Usually nothing is asked for. */
		memset(&hdr, 0, sizeof(hdr));
	}
	w.next_tx++;
	memcpy(mem(at), &hdr, sizeof(hdr));
	for (uint32_t i = 0; i < frame; i++) {
		mem(at)[NET_HDR_SIZE + i] = frame_byte(&sent, i);
	}
	put_desc(w.layout[q].desc + 16ull * head, at, NET_HDR_SIZE + frame, 0,
		 0);
	offer(q, head);
}

static void command(struct fuzz_input *in)
{
	uint32_t q = 2 * pair_count();
	uint64_t at = DATA - 0x200;
	uint64_t desc = w.layout[q].desc;
	uint32_t len = 2 + fuzz_u8(in) % 24;

	if ((w.features & VIRTIO_NET_F_CTRL_VQ) == 0 || free_slots(q) == 0) {
		return;
	}
	mem(at)[0] = fuzz_u8(in) % 7;
	mem(at)[1] = fuzz_u8(in) % 3;
	for (uint32_t i = 2; i < len; i++) {
		mem(at)[i] = fuzz_u8(in) % 8;
	}
	put_desc(desc, at, len, VQ_DESC_NEXT, 1);
	put_desc(desc + 16, at + 0x100, 1, VQ_DESC_WRITE, 0);
	offer(q, 0);
	w.net->dev.ops->kick(&w.net->dev, q);
}

static void any_desc(struct fuzz_input *in, uint32_t q)
{
	uint64_t table = fuzz_u8(in) % 4 == 0 ? DATA : w.layout[q].desc;
	uint8_t kind = fuzz_u8(in);
	uint64_t addr = DATA + fuzz_u16(in);
	uint32_t len = kind & 0x40 ? fuzz_u16(in) : fuzz_u8(in);

	if ((kind & 0x38) == 0x38) {
		put_desc(table + 16ull * (fuzz_u8(in) % 32), DATA,
			 16u * (fuzz_u8(in) % 40), VQ_DESC_INDIRECT, 0);
		return;
	}
	put_desc(table + 16ull * (fuzz_u8(in) % 32), addr, len,
		 kind & (VQ_DESC_NEXT | VQ_DESC_WRITE), fuzz_u8(in) % 34);
}

/* ------------------------------------------------------------------ oracle */

/* One packet out of the receive queue, as the driver of Linux takes it. */
static bool take_rx(uint32_t pair)
{
	uint32_t q = 2 * pair;
	uint64_t used = w.layout[q].used;
	uint32_t buffers = 1;
	struct net_hdr hdr;
	struct sent sent;
	uint32_t at = 0;
	uint32_t seq = 0;

	if (get16(used + 2) == w.seen_used[q]) {
		return false;
	}
	for (uint32_t n = 0; n < buffers; n++) {
		uint32_t slot = w.seen_used[q] % w.layout[q].size;
		uint32_t element[2];
		const uint8_t *data;

		/* All of a packet's buffers come at once. */
		require(get16(used + 2) != w.seen_used[q]);
		memcpy(element, mem(used + 4 + 8ull * slot), sizeof(element));
		w.seen_used[q]++;
		require(element[0] == slot);
		require(element[1] <= w.rx_len[pair][slot]);
		data = mem(w.rx_addr[pair][slot]);
		if (n == 0) {
			require(element[1] >= NET_HDR_SIZE);
			memcpy(&hdr, data, sizeof(hdr));
			buffers = hdr.num_buffers;
			require(buffers == 1 ||
				(w.features & VIRTIO_NET_F_MRG_RXBUF) != 0);
		}
		require(n + 1 == buffers || element[1] == w.rx_len[pair][slot]);
		for (uint32_t i = 0; i < element[1]; i++, at++) {
			uint32_t f = at - NET_HDR_SIZE;

			if (at < NET_HDR_SIZE) {
				continue;
			}
			if (f >= FRAME_SEQ && f < FRAME_SEQ + 4) {
				seq |= (uint32_t)data[i] << 8 * (f - FRAME_SEQ);
			}
			sent.seq = seq;
			require(f < FRAME_SEQ + 4 ||
				data[i] == frame_byte(&sent, f));
		}
	}
	require(at >= NET_HDR_SIZE + FRAME_SEQ + 4);
	require(seq >= w.seen_rx[pair] && seq < w.next_rx[pair]);
	w.seen_rx[pair] = seq + 1;
	return true;
}

static void take_all(void)
{
	if (w.driver != ORDERLY) {
		return;
	}
	for (uint32_t pair = 0; pair < pair_count(); pair++) {
		uint32_t q = 2 * pair + 1;

		/* Nothing to wait for: all of it is done with. */
		require(pair >= w.attached || w.blocked || w.limited ||
			get16(w.layout[q].used + 2) == w.avail[q]);
		while (take_rx(pair)) {}
	}
}

static void peer_send(struct fuzz_input *in, uint32_t pair)
{
	const uint32_t least = NET_HDR_SIZE + FRAME_SEQ + 4;
	struct sent *sent = &w.backlog[pair][w.backlog_count[pair]];
	uint32_t len = fuzz_u16(in) % (NET_PACKET_MAX - least + 1);

	if (w.backlog_count[pair] == BACKLOG) {
		return;
	}
	if ((fuzz_u8(in) & 3) != 0) {
		len %= 2000;
	}
	*sent = (struct sent){
		.len = least + len,
		.seq = w.next_rx[pair]++,
	};
	sent->hdr.flags = fuzz_u8(in) & 3;
	sent->hdr.gso_type = (uint8_t)(fuzz_u8(in) % 6);
	w.backlog_count[pair]++;
}

/* A kill at any time that leaves the marks whole, and a new process. */
static void restart(struct fuzz_input *in)
{
	uint64_t ring_features = 0;

	for (uint32_t q = 0; q < QUEUES; q++) {
		const struct vq *vq = &w.net->dev.vq[q];

		ring_features |= vq->indirect ? VQ_F_INDIRECT_DESC : 0;
		ring_features |= vq->event_idx ? VQ_F_EVENT_IDX : 0;
	}
	stop();
	make_net(in);
	w.live = start(ring_features) == 0;
	require(w.live || w.driver != ORDERLY);
}

static void step(struct fuzz_input *in)
{
	uint8_t what = fuzz_u8(in);
	uint32_t pair = (what >> 7) % pair_count();

	switch (what & 15) {
	case 0:
	case 1:
	case 2:
		offer_rx(in, pair);
		break;
	case 3:
	case 4:
		offer_tx(in, pair);
		break;
	case 5:
	case 6:
		peer_send(in, pair);
		break;
	case 7:
		command(in);
		break;
	case 8:
		w.blocked = (what & 16) != 0;
		break;
	case 9:
		virtio_net_set_plugged(w.net, (what & 16) != 0);
		break;
	case 10:
		pass_time();
		break;
	case 11:
		restart(in);
		break;
	case 12:
		if (w.driver != ORDERLY) {
			any_desc(in, fuzz_u8(in) % QUEUES);
			offer(fuzz_u8(in) % QUEUES, fuzz_u8(in) % 34);
		}
		break;
	case 13:
		if (w.driver != ORDERLY) {
			mem(RAM)[fuzz_u16(in) % RINGS_SIZE] = fuzz_u8(in);
		}
		break;
	case 14:
		virtio_net_announce(w.net);
		w.gone = what == 0x7e;
		break;
	default:
		begin(in);
		break;
	}
}

static void run_step(struct fuzz_input *in)
{
	step(in);
	if (w.driver == HOSTILE) {
		memcpy(w.before, w.ram, RAM_SIZE);
	}
	for (uint32_t q = 0; q < QUEUES; q++) {
		w.net->dev.ops->kick(&w.net->dev, q);
	}
	settle();
	if (w.driver == HOSTILE) {
		check_writes();
	}
	take_all();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };

	memset(&w, 0, sizeof(w));
	event_loop_init(&w.loop, &loop_ops);
	w.link = (struct net_link){ &link_ops, 2, { 0, 1 } };
	w.ram = calloc(1, RAM_SIZE);
	w.net = calloc(1, sizeof(*w.net));
	guest_mem_init(&w.gm);
	(void)guest_mem_add(&w.gm, RAM, RAM_SIZE, w.ram);
	w.gm.after_read = after_read;
	w.driver = fuzz_u8(&in) % 3;
	make_net(&in);
	begin(&in);
	for (int i = 0; i < 300 && in.left != 0; i++) {
		run_step(&in);
	}
	stop();
	free(w.net);
	free(w.ram);
	return 0;
}
