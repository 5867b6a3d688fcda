/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-net with a driver and a cable made of memory and sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/virtio_net.h"
#include "support/event_pump.h"
#include "support/pipe_link.h"
#include "support/ring_driver.h"

#define RAM 0x40000000ull
#define RAM_SIZE 0x800000ull
#define RING_SPACE 0x2000ull
#define RING_SIZE 256u
#define HEAP (RAM + 8 * RING_SPACE)

#define CTRL_FEATURES                                          \
	(VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX |         \
	 VIRTIO_NET_F_CTRL_RX_EXTRA | VIRTIO_NET_F_CTRL_VLAN | \
	 VIRTIO_NET_F_CTRL_MAC_ADDR | VIRTIO_NET_F_GUEST_ANNOUNCE)
#define USUAL (VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MRG_RXBUF)

static const uint8_t own_mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };

struct fixture {
	struct guest_mem gm;
	uint8_t *ram;
	struct event_pump pump;
	struct pipe_link pipe;
	struct virtio_net *net;
	struct ring_driver ring[VIRTIO_QUEUES_MAX];
	uint64_t buffer[VIRTIO_QUEUES_MAX][RING_SIZE]; /* address by head */
	uint16_t next_head[VIRTIO_QUEUES_MAX];
	uint64_t heap;
	uint64_t marks[VIRTIO_QUEUES_MAX];
	uint64_t ring_features;
	uint32_t ring_size;
	unsigned int signals[VIRTIO_QUEUES_MAX];
	unsigned int config_changes;
	unsigned int losses;
	const char *broken;
	bool stopped;
};

static uint64_t fake_now_ms;

static uint64_t fake_now(void)
{
	return fake_now_ms * 1000000;
}

static struct fixture *of(struct virtio_device *dev)
{
	return dev->transport_data;
}

static void on_signal(struct virtio_device *dev, uint32_t q)
{
	of(dev)->signals[q] += vq_should_signal(&dev->vq[q]);
}

static void on_config(struct virtio_device *dev)
{
	of(dev)->config_changes++;
}

static void on_broken(struct virtio_device *dev, const char *why)
{
	of(dev)->broken = why;
	for (uint32_t q = 0; q < dev->queue_count; q++) {
		vq_fini(&dev->vq[q]);
	}
}

static void on_stopped(struct virtio_device *dev)
{
	of(dev)->stopped = true;
}

static void on_lost(struct virtio_net *net)
{
	of(&net->dev)->losses++;
}

static const struct virtio_transport_ops test_transport = {
	.signal = on_signal,
	.config_changed = on_config,
	.broken = on_broken,
};

static void make_net(struct fixture *f, const struct virtio_net_config *config)
{
	f->net = malloc(sizeof(*f->net));
	assert_int_equal(
		virtio_net_init(f->net, &f->pump.loop, &f->pipe.link, config),
		0);
	f->net->dev.transport = &test_transport;
	f->net->dev.transport_data = f;
	f->net->dev.mark = f->marks;
	f->net->on_lost = on_lost;
}

static struct virtio_net_config usual_config(void)
{
	struct virtio_net_config config = { .now_ns = fake_now };

	memcpy(config.mac, own_mac, sizeof(own_mac));
	return config;
}

static struct fixture *make(uint32_t pairs)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct virtio_net_config config = usual_config();

	f->ram = calloc(1, RAM_SIZE);
	guest_mem_init(&f->gm);
	assert_int_equal(guest_mem_add(&f->gm, RAM, RAM_SIZE, f->ram), 0);
	event_pump_init(&f->pump);
	pipe_link_init(&f->pipe, pairs, NET_OFFLOADS);
	f->heap = HEAP;
	f->ring_size = RING_SIZE;
	fake_now_ms = 1000;
	make_net(f, &config);
	return f;
}

static int setup(void **state)
{
	*state = make(1);
	return 0;
}

static int setup_mq(void **state)
{
	*state = make(3);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	f->net->dev.ops->stop(&f->net->dev, on_stopped);
	assert_true(f->stopped);
	assert_int_equal(event_pump_fini(&f->pump), 0);
	pipe_link_fini(&f->pipe);
	free(f->net);
	free(f->ram);
	free(f);
	return 0;
}

/* ------------------------------------------------------------- the driver */

/* Makes new rings, as a driver does after a reset. */
static void make_rings(struct fixture *f)
{
	for (uint32_t q = 0; q < f->net->dev.queue_count; q++) {
		ring_driver_init(&f->ring[q], &f->gm, RAM + q * RING_SPACE,
				 f->ring_size);
		f->marks[q] = 0;
		f->next_head[q] = 0;
	}
}

/* Binds the rings that are there: a start, or a start over. */
static int bind_rings(struct fixture *f, uint64_t features)
{
	for (uint32_t q = 0; q < f->net->dev.queue_count; q++) {
		assert_int_equal(vq_init(&f->net->dev.vq[q], &f->gm,
					 &f->ring[q].at, f->ring_features),
				 0);
	}
	return f->net->dev.ops->start(&f->net->dev, features);
}

static void start(struct fixture *f, uint64_t features)
{
	make_rings(f);
	assert_int_equal(bind_rings(f, features), 0);
	assert_true(event_pump_run(&f->pump));
}

static void reset(struct fixture *f)
{
	f->stopped = false;
	f->net->dev.ops->stop(&f->net->dev, on_stopped);
	assert_true(f->stopped);
}

/* A new process takes the device over: nothing is left but memory and link. */
static int restart(struct fixture *f, uint64_t features)
{
	struct virtio_net_config config = usual_config();
	int rc;

	f->net->dev.ops->stop(&f->net->dev, on_stopped);
	free(f->net);
	make_net(f, &config);
	rc = bind_rings(f, features);
	if (rc == 0) {
		assert_true(event_pump_run(&f->pump));
	}
	return rc;
}

static uint64_t alloc(struct fixture *f, size_t len)
{
	uint64_t at = f->heap;

	f->heap += len;
	assert_true(f->heap <= RAM + RAM_SIZE);
	return at;
}

static void *mem(struct fixture *f, uint64_t gpa)
{
	return f->ram + (gpa - RAM);
}

static void kick(struct fixture *f, uint32_t q)
{
	f->net->dev.ops->kick(&f->net->dev, q);
	assert_true(event_pump_run(&f->pump));
}

/* A buffer to receive into; no kick. */
static uint16_t offer_rx(struct fixture *f, uint32_t q, uint32_t size)
{
	uint16_t head = f->next_head[q]++ % (uint16_t)f->ring_size;

	f->buffer[q][head] = alloc(f, size);
	ring_driver_desc(&f->ring[q], f->ring[q].at.desc, head,
			 f->buffer[q][head], size, VQ_DESC_WRITE, 0);
	ring_driver_offer(&f->ring[q], head);
	return head;
}

static void offer_many(struct fixture *f, uint32_t q, uint32_t count,
		       uint32_t size)
{
	while (count-- != 0) {
		offer_rx(f, q, size);
	}
	kick(f, q);
}

/* A chain of buffers, each of 2^k bytes: header and data all over them. */
static void offer_scattered(struct fixture *f, uint32_t q, uint32_t count)
{
	uint16_t head = f->next_head[q];
	uint64_t base = f->heap;

	f->buffer[q][head] = base;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t len = 1u << i;

		ring_driver_desc(&f->ring[q], f->ring[q].at.desc, head + i,
				 alloc(f, len), len,
				 (uint16_t)(VQ_DESC_WRITE |
					    (i + 1 < count ? VQ_DESC_NEXT : 0)),
				 (uint16_t)(head + i + 1));
	}
	f->next_head[q] = (uint16_t)(head + count);
	ring_driver_offer(&f->ring[q], head);
}

/* len bytes of a packet whose header is hdr, cut after each cut bytes. */
static uint16_t offer_tx(struct fixture *f, uint32_t q, const void *packet,
			 uint32_t len, uint32_t cut)
{
	uint16_t head = f->next_head[q] % (uint16_t)f->ring_size;
	uint64_t at = alloc(f, len);

	memcpy(mem(f, at), packet, len);
	for (uint32_t done = 0; done < len; done += cut) {
		uint16_t i = f->next_head[q]++ % (uint16_t)f->ring_size;
		bool last = done + cut >= len;

		ring_driver_desc(&f->ring[q], f->ring[q].at.desc, i, at + done,
				 last ? len - done : cut,
				 last ? 0 : VQ_DESC_NEXT,
				 (uint16_t)((i + 1) % f->ring_size));
	}
	ring_driver_offer(&f->ring[q], head);
	return head;
}

static bool took(struct fixture *f, uint32_t q, uint32_t *ret_head,
		 uint32_t *ret_len)
{
	return ring_driver_take(&f->ring[q], ret_head, ret_len);
}

static bool nothing_used(struct fixture *f, uint32_t q)
{
	return f->ring[q].seen_used == ring_driver_used_idx(&f->ring[q]);
}

/* ----------------------------------------------------------------- packets */

#define PACKET_MAX (NET_PACKET_MAX + 1000)

struct packet {
	union {
		struct net_hdr hdr;
		uint8_t bytes[PACKET_MAX];
	};
	uint32_t len;
};

static void make_packet(struct packet *packet, uint32_t frame_len, uint8_t seed)
{
	memset(packet, 0, NET_HDR_SIZE);
	packet->len = NET_HDR_SIZE + frame_len;
	for (uint32_t i = NET_HDR_SIZE; i < packet->len; i++) {
		packet->bytes[i] = (uint8_t)(seed + i + i / 251);
	}
	memcpy(packet->bytes + NET_HDR_SIZE, own_mac, 6);
	packet->bytes[NET_HDR_SIZE + 12] = 8; /* IPv4 */
	packet->bytes[NET_HDR_SIZE + 13] = 0;
}

static void peer_send(struct fixture *f, uint32_t pair,
		      const struct packet *packet)
{
	assert_int_equal(send(f->pipe.peer[pair], packet->bytes, packet->len,
			      MSG_NOSIGNAL),
			 packet->len);
}

static bool peer_take(struct fixture *f, uint32_t pair, struct packet *ret)
{
	ssize_t n = recv(f->pipe.peer[pair], ret->bytes, sizeof(ret->bytes), 0);

	ret->len = n > 0 ? (uint32_t)n : 0;
	return n > 0;
}

/* The next packet must be this one, but for num_buffers: how many it says. */
static uint32_t expect_rx(struct fixture *f, uint32_t q,
			  const struct packet *want)
{
	static struct packet got;
	uint32_t buffers = 0;
	uint32_t head;
	uint32_t len;

	got.len = 0;
	do {
		assert_true(took(f, q, &head, &len));
		assert_true(got.len + len <= sizeof(got.bytes));
		memcpy(got.bytes + got.len, mem(f, f->buffer[q][head]), len);
		got.len += len;
		buffers++;
	} while (buffers < got.hdr.num_buffers);
	assert_int_equal(got.hdr.num_buffers, buffers);
	assert_int_equal(got.len, want->len);
	got.hdr.num_buffers = want->hdr.num_buffers;
	assert_memory_equal(got.bytes, want->bytes, want->len);
	return buffers;
}

static void expect_tx(struct fixture *f, uint32_t pair,
		      const struct packet *want)
{
	static struct packet got;

	assert_true(peer_take(f, pair, &got));
	assert_int_equal(got.len, want->len);
	assert_memory_equal(got.bytes, want->bytes, want->len);
}

/* What the device makes of a command; -1: nothing. */
static int ctrl_at(struct fixture *f, uint32_t q, uint8_t class,
		   uint8_t command, const void *data, uint32_t len)
{
	uint8_t words[2] = { class, command };
	uint64_t at = alloc(f, 2 + len);
	uint64_t ack = alloc(f, 1);
	uint64_t desc = f->ring[q].at.desc;
	uint32_t head;
	uint32_t used;

	memcpy(mem(f, at), words, 2);
	if (len != 0) {
		memcpy((uint8_t *)mem(f, at) + 2, data, len);
	}
	*(uint8_t *)mem(f, ack) = 0xaa;
	/* Cut in the middle of the words. */
	ring_driver_desc(&f->ring[q], desc, 0, at, 1, VQ_DESC_NEXT, 1);
	ring_driver_desc(&f->ring[q], desc, 1, at + 1, 1 + len, VQ_DESC_NEXT,
			 2);
	ring_driver_desc(&f->ring[q], desc, 2, ack, 1, VQ_DESC_WRITE, 0);
	ring_driver_offer(&f->ring[q], 0);
	kick(f, q);
	if (!took(f, q, &head, &used)) {
		return -1;
	}
	assert_int_equal(used, 1);
	return *(uint8_t *)mem(f, ack);
}

static int ctrl(struct fixture *f, uint8_t class, uint8_t command,
		const void *data, uint32_t len)
{
	return ctrl_at(f, 2, class, command, data, len);
}

static int set_mode(struct fixture *f, uint8_t mode, uint8_t on)
{
	return ctrl(f, NET_CTRL_RX, mode, &on, 1);
}

struct config {
	uint8_t mac[6];
	uint16_t status;
	uint16_t pairs;
	uint16_t mtu;
};

static struct config read_config(struct fixture *f)
{
	struct config config;

	f->net->dev.ops->config_read(&f->net->dev, 0, &config, sizeof(config));
	return config;
}

/* ------------------------------------------------------- features, config */

static void features_follow_the_link(void **state)
{
	struct fixture *f = *state;
	struct virtio_device *dev = &f->net->dev;
	uint64_t features = dev->ops->features(dev);

	assert_int_equal(features & NET_OFFLOADS, NET_OFFLOADS);
	assert_true((features & VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) != 0);
	assert_int_equal(features & (USUAL | CTRL_FEATURES),
			 USUAL | CTRL_FEATURES);
	assert_int_equal(features & (VIRTIO_NET_F_MTU | VIRTIO_NET_F_MQ), 0);
	f->pipe.can = 0;
	features = dev->ops->features(dev);
	assert_int_equal(
		features & (NET_OFFLOADS | VIRTIO_NET_F_CTRL_GUEST_OFFLOADS),
		0);
}

static void config_space(void **state)
{
	struct fixture *f = *state;
	struct virtio_net_config config = usual_config();
	struct config seen;
	uint16_t status;

	seen = read_config(f);
	assert_memory_equal(seen.mac, own_mac, 6);
	assert_int_equal(seen.status, NET_STATUS_LINK_UP);
	assert_int_equal(seen.pairs, 3);
	assert_int_equal(seen.mtu, 0);
	assert_true((f->net->dev.ops->features(&f->net->dev) &
		     VIRTIO_NET_F_MQ) != 0);
	assert_int_equal(f->net->dev.queue_count, 7);
	f->net->dev.ops->config_read(&f->net->dev, 6, &status, 2);
	assert_int_equal(status, NET_STATUS_LINK_UP);

	free(f->net);
	config.mtu = 9000;
	make_net(f, &config);
	assert_int_equal(read_config(f).mtu, 9000);
	assert_true((f->net->dev.ops->features(&f->net->dev) &
		     VIRTIO_NET_F_MTU) != 0);
}

static void bad_settings(void **state)
{
	struct fixture *f = *state;
	struct virtio_net_config config = usual_config();
	struct virtio_net *net = malloc(sizeof(*net));

	config.mac[0] |= 1;
	assert_int_equal(
		virtio_net_init(net, &f->pump.loop, &f->pipe.link, &config),
		-EINVAL);
	config = usual_config();
	config.mtu = 67;
	assert_int_equal(
		virtio_net_init(net, &f->pump.loop, &f->pipe.link, &config),
		-EINVAL);
	free(net);
}

/* What a driver takes without what it needs is as if it had not (5.1.3.1). */
static void features_without_what_they_need(void **state)
{
	struct fixture *f = *state;

	start(f, USUAL | NET_OFFLOADS | VIRTIO_NET_F_CTRL_RX);
	assert_int_equal(f->net->features & VIRTIO_NET_F_CTRL_RX, 0);
	assert_int_equal(f->pipe.offloads, NET_OFFLOADS_GUEST);
	reset(f);
	start(f, USUAL | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_ECN |
			 VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_ECN);
	assert_int_equal(f->net->features & NET_OFFLOADS, 0);
	assert_int_equal(f->pipe.offloads, 0);
	reset(f);
	start(f, USUAL | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_ECN);
	assert_int_equal(f->pipe.offloads, VIRTIO_NET_F_GUEST_CSUM);
}

/* ------------------------------------------------------------------ receive */

static void rx_one(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	start(f, USUAL);
	offer_many(f, 0, 4, 1526);
	make_packet(&packet, 60, 7);
	peer_send(f, 0, &packet);
	assert_true(event_pump_run(&f->pump));
	assert_int_equal(expect_rx(f, 0, &packet), 1);
	assert_true(nothing_used(f, 0));
	assert_int_equal(f->signals[0], 1);
	assert_int_equal(f->net->rx.packets, 1);
	assert_int_equal(f->net->rx.bytes, 60);
}

static void rx_splits_over_buffers(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;
	static const uint32_t sizes[] = { 14,	1514, 1515, 3040, 5000,
					  9000, 1,    13,   18,	  19 };

	start(f, USUAL | NET_OFFLOADS);
	offer_many(f, 0, 128, 1526);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		make_packet(&packet, sizes[i], (uint8_t)i);
		peer_send(f, 0, &packet);
		assert_true(event_pump_run(&f->pump));
		if (sizes[i] < NET_ETH_SIZE) {
			assert_true(nothing_used(f, 0));
			continue;
		}
		assert_int_equal(expect_rx(f, 0, &packet),
				 (packet.len + 1525) / 1526);
	}
	assert_int_equal(f->net->rx.errors, 2);
}

/* Header and frame in pieces of 1, 2, 4 ... bytes. */
static void rx_any_layout(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	start(f, USUAL);
	for (uint32_t i = 0; i < 6; i++) {
		offer_scattered(f, 0, 11);
	}
	kick(f, 0);
	for (uint32_t len = 14; len < 1800; len += 353) {
		make_packet(&packet, len, (uint8_t)len);
		peer_send(f, 0, &packet);
		assert_true(event_pump_run(&f->pump));
		expect_rx(f, 0, &packet);
	}
}

/* Buffers smaller than the header. */
static void rx_tiny_buffers(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	start(f, USUAL);
	offer_many(f, 0, 40, 5);
	make_packet(&packet, 60, 3);
	peer_send(f, 0, &packet);
	assert_true(event_pump_run(&f->pump));
	/* num_buffers is not in the first one: look at all by hand. */
	for (uint32_t i = 0; i < 15; i++) {
		uint32_t head;
		uint32_t len;

		assert_true(took(f, 0, &head, &len));
		assert_int_equal(len, i < 14 ? 5 : 2);
		if (i > 2) {
			assert_memory_equal(mem(f, f->buffer[0][head]),
					    packet.bytes + 5 * i, len);
		}
	}
	assert_true(nothing_used(f, 0));
}

static void rx_needs_buffers(void **state)
{
	static struct packet packet[3];
	struct fixture *f = *state;

	start(f, USUAL);
	for (uint8_t i = 0; i < 3; i++) {
		make_packet(&packet[i], 100, i);
		peer_send(f, 0, &packet[i]);
	}
	/* No buffer: neither read nor watched, so the loop goes idle. */
	assert_true(event_pump_run(&f->pump));
	assert_int_equal(f->pipe.reads, 0);
	offer_many(f, 0, 2, 2000);
	expect_rx(f, 0, &packet[0]);
	expect_rx(f, 0, &packet[1]);
	assert_true(nothing_used(f, 0));
	offer_many(f, 0, 1, 2000);
	expect_rx(f, 0, &packet[2]);
}

/* Without event indexes, kicks are asked for only when they are needed. */
static void rx_kick_suppression(void **state)
{
	struct fixture *f = *state;

	start(f, USUAL);
	assert_int_equal(ring_driver_used_flags(&f->ring[0]), 0);
	offer_many(f, 0, 2, 2000);
	assert_int_equal(ring_driver_used_flags(&f->ring[0]),
			 VQ_USED_NO_NOTIFY);
	reset(f);
	f->ring_features = VQ_F_EVENT_IDX;
	start(f, USUAL);
	assert_int_equal(ring_driver_avail_event(&f->ring[0]), 0);
}

/* A packet beyond the buffers at hand waits for more, and only for them. */
static void rx_waits_for_room(void **state)
{
	static struct packet big;
	static struct packet small;
	struct fixture *f = *state;

	f->ring_features = VQ_F_EVENT_IDX;
	start(f, USUAL | NET_OFFLOADS);
	offer_many(f, 0, 10, 1526);
	make_packet(&big, 40000, 9);
	big.hdr.gso_type = NET_HDR_GSO_TCPV4;
	big.hdr.flags = NET_HDR_F_NEEDS_CSUM;
	make_packet(&small, 60, 10);
	peer_send(f, 0, &big);
	peer_send(f, 0, &small);
	assert_true(event_pump_run(&f->pump));
	assert_true(nothing_used(f, 0));
	/* A kick with the very next buffer is asked for. */
	assert_int_equal(ring_driver_avail_event(&f->ring[0]), 10);
	offer_many(f, 0, 10, 1526);
	assert_true(nothing_used(f, 0));
	offer_many(f, 0, 20, 1526);
	assert_int_equal(expect_rx(f, 0, &big), 27);
	assert_int_equal(expect_rx(f, 0, &small), 1);
	assert_int_equal(f->net->rx.dropped, 0);
}

static void some_short_ones(struct fixture *f)
{
	static struct packet packet;

	for (uint8_t i = 0; i < 10; i++) {
		offer_many(f, 0, 1, 1526);
		make_packet(&packet, 1000, i);
		peer_send(f, 0, &packet);
		assert_true(event_pump_run(&f->pump));
		assert_int_equal(expect_rx(f, 0, &packet), 1);
	}
}

/* While packets are short so is the room; a long one is complete all the same. */
static void rx_room_follows_length(void **state)
{
	static struct packet big;
	struct fixture *f = *state;

	start(f, USUAL | NET_OFFLOADS);
	offer_many(f, 0, 60, 1526);
	make_packet(&big, 30000, 9);
	big.hdr.gso_type = NET_HDR_GSO_TCPV4;
	big.hdr.flags = NET_HDR_F_NEEDS_CSUM;
	for (unsigned int round = 0; round < 2; round++) {
		some_short_ones(f);
		assert_int_equal(f->pipe.pieces, 4);
		peer_send(f, 0, &big);
		assert_true(event_pump_run(&f->pump));
		assert_int_equal(expect_rx(f, 0, &big), 20);
		/* Looking for the next one. */
		assert_true(f->pipe.pieces > 20);
		offer_many(f, 0, 20, 1526);
	}
	/* Longer than the window too. */
	reset(f);
	start(f, USUAL | NET_OFFLOADS);
	offer_many(f, 0, 10, 1526);
	some_short_ones(f);
	peer_send(f, 0, &big);
	assert_true(event_pump_run(&f->pump));
	assert_true(nothing_used(f, 0));
	offer_many(f, 0, 10, 1526);
	assert_int_equal(expect_rx(f, 0, &big), 20);
	assert_int_equal(f->net->rx.dropped, 0);
}

static void rx_waits_with_tiny_room(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	start(f, USUAL);
	for (uint32_t frame = 14; frame < 60; frame += 9) {
		offer_many(f, 0, 1, 7);
		make_packet(&packet, frame, (uint8_t)frame);
		peer_send(f, 0, &packet);
		assert_true(event_pump_run(&f->pump));
		assert_true(nothing_used(f, 0));
		offer_many(f, 0, 1, 100);
		{
			uint32_t head;
			uint32_t len;

			assert_true(took(f, 0, &head, &len));
			assert_int_equal(len, 7);
			assert_true(took(f, 0, &head, &len));
			assert_int_equal(len, packet.len - 7);
			assert_memory_equal(
				(uint8_t *)mem(f, f->buffer[0][head]) + 5,
				packet.bytes + 12, frame);
		}
		assert_true(nothing_used(f, 0));
	}
}

/* Shorter than what is looked at: there is nothing more to copy then. */
static void rx_waits_short(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;
	uint32_t head;
	uint32_t len;

	start(f, USUAL);
	offer_many(f, 0, 1, 7);
	make_packet(&packet, NET_ETH_SIZE, 1);
	peer_send(f, 0, &packet);
	assert_true(event_pump_run(&f->pump));
	offer_many(f, 0, 1, 0x400000);
	assert_true(took(f, 0, &head, &len));
	assert_true(took(f, 0, &head, &len));
	assert_int_equal(len, packet.len - 7);
}

/* All the driver can give is not enough: the packet goes, the rest stays. */
static void rx_ring_too_small(void **state)
{
	static struct packet big;
	static struct packet small;
	struct fixture *f = *state;

	f->ring_size = 4;
	start(f, USUAL | NET_OFFLOADS);
	offer_many(f, 0, 4, 1526);
	make_packet(&big, 9000, 1);
	make_packet(&small, 60, 2);
	peer_send(f, 0, &big);
	peer_send(f, 0, &small);
	assert_true(event_pump_run(&f->pump));
	assert_int_equal(expect_rx(f, 0, &small), 1);
	assert_int_equal(f->net->rx.dropped, 1);
}

static void rx_not_mergeable(void **state)
{
	static struct packet big;
	static struct packet small;
	struct fixture *f = *state;

	start(f, VIRTIO_NET_F_MAC);
	offer_many(f, 0, 2, 1526);
	make_packet(&big, 1515, 1);
	make_packet(&small, 1514, 2);
	peer_send(f, 0, &big);
	peer_send(f, 0, &small);
	assert_true(event_pump_run(&f->pump));
	assert_int_equal(expect_rx(f, 0, &small), 1);
	assert_true(nothing_used(f, 0));
	assert_int_equal(f->net->rx.dropped, 1);
}

static void rx_longest_and_longer(void **state)
{
	static struct packet longest;
	static struct packet longer;
	struct fixture *f = *state;

	start(f, USUAL | NET_OFFLOADS);
	offer_many(f, 0, 128, 1526);
	make_packet(&longest, NET_FRAME_MAX, 1);
	make_packet(&longer, NET_FRAME_MAX + 1, 2);
	peer_send(f, 0, &longer);
	peer_send(f, 0, &longest);
	assert_true(event_pump_run(&f->pump));
	expect_rx(f, 0, &longest);
	assert_true(nothing_used(f, 0));
	assert_int_equal(f->net->rx.errors, 1);
}

/* Packets made while the link was allowed more than it is now. */
static void rx_of_other_times(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;
	static const struct {
		uint64_t features;
		uint8_t flags;
		uint8_t gso;
		bool passes;
	} cases[] = {
		{ 0, NET_HDR_F_NEEDS_CSUM, 0, false },
		{ 0, 0, NET_HDR_GSO_TCPV4, false },
		{ VIRTIO_NET_F_GUEST_CSUM, NET_HDR_F_NEEDS_CSUM, 0, true },
		{ VIRTIO_NET_F_GUEST_CSUM, NET_HDR_F_DATA_VALID, 0, true },
		{ VIRTIO_NET_F_GUEST_CSUM, 1, NET_HDR_GSO_TCPV4, false },
		{ VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4, 1,
		  NET_HDR_GSO_TCPV4, true },
		{ VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4, 1,
		  NET_HDR_GSO_TCPV6, false },
		{ VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO6, 1,
		  NET_HDR_GSO_TCPV6, true },
		{ VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4, 1,
		  NET_HDR_GSO_TCPV4 | NET_HDR_GSO_ECN, false },
		{ NET_OFFLOADS_GUEST, 1, NET_HDR_GSO_TCPV4 | NET_HDR_GSO_ECN,
		  true },
		{ NET_OFFLOADS_GUEST, 1, 3, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(f, USUAL | cases[i].features);
		f->heap = HEAP;
		offer_many(f, 0, 64, 1526);
		make_packet(&packet, 400, (uint8_t)i);
		packet.hdr.flags = cases[i].flags;
		packet.hdr.gso_type = cases[i].gso;
		peer_send(f, 0, &packet);
		assert_true(event_pump_run(&f->pump));
		if (cases[i].passes) {
			expect_rx(f, 0, &packet);
		} else {
			assert_true(nothing_used(f, 0));
		}
		reset(f);
	}
	/* A remark about the checksum means nothing to such a driver. */
	start(f, USUAL);
	offer_many(f, 0, 2, 1526);
	make_packet(&packet, 60, 1);
	packet.hdr.flags = NET_HDR_F_DATA_VALID;
	peer_send(f, 0, &packet);
	assert_true(event_pump_run(&f->pump));
	packet.hdr.flags = 0;
	expect_rx(f, 0, &packet);
}

static void rx_turns_are_bounded(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	start(f, USUAL);
	offer_many(f, 0, 200, 1526);
	make_packet(&packet, 60, 1);
	for (int i = 0; i < 100; i++) {
		peer_send(f, 0, &packet);
	}
	event_pump_turn(&f->pump);
	assert_int_equal(f->net->rx.packets, 64);
	assert_true(event_pump_run(&f->pump));
	assert_int_equal(f->net->rx.packets, 100);
}

/* ------------------------------------------------------------------ filter */

#define A_GROUP                        \
	{                              \
		0x01, 0, 0x5e, 1, 2, 3 \
	}
#define ANOTHER_GROUP                  \
	{                              \
		0x33, 0x33, 0, 0, 0, 1 \
	}
#define A_NEIGHBOUR                    \
	{                              \
		0x52, 0x54, 0, 9, 9, 9 \
	}
#define ANOTHER_NEIGHBOUR              \
	{                              \
		0x52, 0x54, 0, 9, 9, 8 \
	}
#define BROADCAST                                  \
	{                                          \
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff \
	}

static bool passes(struct fixture *f, const uint8_t mac[6], uint32_t vlan)
{
	static struct packet packet;
	bool got;

	make_packet(&packet, 80, 1);
	memcpy(packet.bytes + NET_HDR_SIZE, mac, 6);
	if (vlan != 0) {
		packet.bytes[NET_HDR_SIZE + 12] = 0x81;
		packet.bytes[NET_HDR_SIZE + 13] = 0;
		packet.bytes[NET_HDR_SIZE + 14] = (uint8_t)(0xe0 | vlan >> 8);
		packet.bytes[NET_HDR_SIZE + 15] = (uint8_t)vlan;
	}
	offer_many(f, 0, 1, 2000);
	peer_send(f, 0, &packet);
	assert_true(event_pump_run(&f->pump));
	got = !nothing_used(f, 0);
	if (got) {
		expect_rx(f, 0, &packet);
	}
	return got;
}

static void filter_modes(void **state)
{
	struct fixture *f = *state;
	static const uint8_t mac[][6] = {
		BROADCAST, A_GROUP, A_NEIGHBOUR, { 0x52, 0x54, 0, 1, 2, 3 }
	};
	static const struct {
		uint8_t mode;
		uint8_t on;
		bool passes[4]; /* afterwards, in the order above */
	} steps[] = {
		{ NET_CTRL_RX_PROMISC, 0, { true, false, false, true } },
		{ NET_CTRL_RX_ALLMULTI, 1, { true, true, false, true } },
		{ NET_CTRL_RX_NOMULTI, 1, { true, false, false, true } },
		{ NET_CTRL_RX_NOBCAST, 1, { false, false, false, true } },
		{ NET_CTRL_RX_ALLUNI, 1, { false, false, true, true } },
		{ NET_CTRL_RX_NOUNI, 1, { false, false, false, false } },
		{ NET_CTRL_RX_PROMISC, 1, { true, true, true, true } },
		{ NET_CTRL_RX_PROMISC, 0, { false, false, false, false } },
		{ NET_CTRL_RX_NOUNI, 0, { false, false, true, true } },
		{ NET_CTRL_RX_NOBCAST, 0, { true, false, true, true } },
	};

	start(f, USUAL | CTRL_FEATURES);
	for (int i = 0; i < 4; i++) {
		assert_true(passes(f, mac[i], 0));
	}
	for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
		assert_int_equal(set_mode(f, steps[s].mode, steps[s].on),
				 NET_CTRL_OK);
		for (int i = 0; i < 4; i++) {
			assert_int_equal(passes(f, mac[i], 0),
					 steps[s].passes[i]);
		}
	}
	assert_true(f->net->rx.filtered > 0);
}

struct tables {
	uint8_t bytes[8 + 6 * 300];
	uint32_t len;
};

static void add_table(struct tables *tables, uint32_t says, uint32_t has,
		      const uint8_t first[6])
{
	memcpy(tables->bytes + tables->len, &says, 4);
	tables->len += 4;
	for (uint32_t i = 0; i < has; i++) {
		uint8_t *mac = tables->bytes + tables->len;

		memcpy(mac, first, 6);
		mac[5] = (uint8_t)(mac[5] + i);
		tables->len += 6;
	}
}

static void filter_tables(void **state)
{
	struct fixture *f = *state;
	static const uint8_t group[] = A_GROUP;
	static const uint8_t group2[] = ANOTHER_GROUP;
	static const uint8_t near[] = A_NEIGHBOUR;
	static const uint8_t near2[] = ANOTHER_NEIGHBOUR;
	struct tables t = { .len = 0 };

	start(f, USUAL | CTRL_FEATURES);
	assert_int_equal(set_mode(f, NET_CTRL_RX_PROMISC, 0), NET_CTRL_OK);
	add_table(&t, 1, 1, near);
	add_table(&t, 1, 1, group);
	assert_int_equal(ctrl(f, NET_CTRL_MAC, 0, t.bytes, t.len), NET_CTRL_OK);
	assert_true(passes(f, near, 0));
	assert_false(passes(f, near2, 0));
	assert_true(passes(f, group, 0));
	assert_false(passes(f, group2, 0));
	/* As many as there is room for, the last one included. */
	t.len = 0;
	add_table(&t, 64, 64, near);
	add_table(&t, 0, 0, group);
	assert_int_equal(ctrl(f, NET_CTRL_MAC, 0, t.bytes, t.len), NET_CTRL_OK);
	assert_true(passes(f, t.bytes + 4 + 63 * 6, 0));
	assert_false(passes(f, group, 0));
	assert_false(passes(f, near2, 0));
	/* More: all of that kind pass. */
	t.len = 0;
	add_table(&t, 0, 0, near);
	add_table(&t, 65, 65, group);
	assert_int_equal(ctrl(f, NET_CTRL_MAC, 0, t.bytes, t.len), NET_CTRL_OK);
	assert_true(passes(f, group2, 0));
	assert_false(passes(f, near, 0));
	/* Lengths that do not add up change nothing. */
	t.len = 0;
	add_table(&t, 2, 1, near);
	add_table(&t, 0, 0, group);
	assert_int_equal(ctrl(f, NET_CTRL_MAC, 0, t.bytes, t.len),
			 NET_CTRL_ERR);
	t.len = 0;
	add_table(&t, 0, 0, near);
	add_table(&t, 1, 2, group);
	assert_int_equal(ctrl(f, NET_CTRL_MAC, 0, t.bytes, t.len),
			 NET_CTRL_ERR);
	t.len = 0;
	add_table(&t, 0x80000000u, 3, near);
	add_table(&t, 0, 0, group);
	assert_int_equal(ctrl(f, NET_CTRL_MAC, 0, t.bytes, t.len),
			 NET_CTRL_ERR);
	t.len = 0;
	add_table(&t, 200, 100, near);
	assert_int_equal(ctrl(f, NET_CTRL_MAC, 0, t.bytes, t.len),
			 NET_CTRL_ERR);
	t.len = 3;
	assert_int_equal(ctrl(f, NET_CTRL_MAC, 0, t.bytes, t.len),
			 NET_CTRL_ERR);
	assert_true(passes(f, group2, 0));
	assert_false(passes(f, near, 0));
}

static void filter_vlans(void **state)
{
	struct fixture *f = *state;
	uint16_t vlan = 5;

	start(f, USUAL | CTRL_FEATURES);
	assert_true(passes(f, own_mac, 5));
	assert_int_equal(set_mode(f, NET_CTRL_RX_PROMISC, 0), NET_CTRL_OK);
	assert_true(passes(f, own_mac, 0));
	assert_false(passes(f, own_mac, 5));
	assert_int_equal(ctrl(f, NET_CTRL_VLAN, 0, &vlan, 2), NET_CTRL_OK);
	assert_true(passes(f, own_mac, 5));
	assert_false(passes(f, own_mac, 6));
	assert_false(passes(f, own_mac, 0x105));
	assert_int_equal(ctrl(f, NET_CTRL_VLAN, 1, &vlan, 2), NET_CTRL_OK);
	assert_false(passes(f, own_mac, 5));
	vlan = 4095;
	assert_int_equal(ctrl(f, NET_CTRL_VLAN, 0, &vlan, 2), NET_CTRL_OK);
	assert_true(passes(f, own_mac, 4095));
	vlan = 4096;
	assert_int_equal(ctrl(f, NET_CTRL_VLAN, 0, &vlan, 2), NET_CTRL_ERR);
	vlan = 1;
	assert_int_equal(ctrl(f, NET_CTRL_VLAN, 2, &vlan, 2), NET_CTRL_ERR);
	assert_int_equal(ctrl(f, NET_CTRL_VLAN, 0, &vlan, 1), NET_CTRL_ERR);
	/* A driver that cannot tell which gets all of them. */
	reset(f);
	start(f, USUAL | (CTRL_FEATURES & ~VIRTIO_NET_F_CTRL_VLAN));
	assert_int_equal(set_mode(f, NET_CTRL_RX_PROMISC, 0), NET_CTRL_OK);
	assert_true(passes(f, own_mac, 5));
	assert_int_equal(ctrl(f, NET_CTRL_VLAN, 0, &vlan, 2), NET_CTRL_ERR);
}

/* ---------------------------------------------------------- control queue */

static void ctrl_what_was_not_agreed(void **state)
{
	struct fixture *f = *state;
	uint64_t none = 0;
	uint16_t one = 1;
	uint8_t on = 1;

	start(f, USUAL | VIRTIO_NET_F_CTRL_VQ);
	for (uint8_t class = 0; class < 8; class ++) {
		for (uint8_t command = 0; command < 8; command++) {
			assert_int_equal(ctrl(f, class, command, &on, 1),
					 NET_CTRL_ERR);
			assert_int_equal(ctrl(f, class, command, &one, 2),
					 NET_CTRL_ERR);
			assert_int_equal(ctrl(f, class, command, own_mac, 6),
					 NET_CTRL_ERR);
			assert_int_equal(ctrl(f, class, command, &none, 8),
					 NET_CTRL_ERR);
			assert_int_equal(ctrl(f, class, command, NULL, 0),
					 NET_CTRL_ERR);
		}
	}
	assert_null(f->broken);
}

static void ctrl_wrong_lengths(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[16] = { 0 };

	start(f, USUAL | CTRL_FEATURES | NET_OFFLOADS |
			 VIRTIO_NET_F_CTRL_GUEST_OFFLOADS);
	assert_int_equal(ctrl(f, NET_CTRL_RX, 0, bytes, 2), NET_CTRL_ERR);
	assert_int_equal(ctrl(f, NET_CTRL_RX, 6, bytes, 1), NET_CTRL_ERR);
	assert_int_equal(ctrl(f, NET_CTRL_RX, 255, bytes, 1), NET_CTRL_ERR);
	assert_int_equal(ctrl(f, NET_CTRL_MAC, 1, bytes, 5), NET_CTRL_ERR);
	assert_int_equal(ctrl(f, NET_CTRL_MAC, 1, bytes, 7), NET_CTRL_ERR);
	assert_int_equal(ctrl(f, NET_CTRL_MAC, 2, bytes, 6), NET_CTRL_ERR);
	assert_int_equal(ctrl(f, NET_CTRL_ANNOUNCE, 0, bytes, 1), NET_CTRL_ERR);
	assert_int_equal(ctrl(f, NET_CTRL_ANNOUNCE, 1, bytes, 0), NET_CTRL_ERR);
	assert_int_equal(ctrl(f, NET_CTRL_GUEST_OFFLOADS, 0, bytes, 4),
			 NET_CTRL_ERR);
	assert_int_equal(ctrl(f, NET_CTRL_GUEST_OFFLOADS, 1, bytes, 8),
			 NET_CTRL_ERR);
	assert_int_equal(ctrl(f, NET_CTRL_MQ, 0, bytes, 2), NET_CTRL_ERR);
}

static void ctrl_malformed(void **state)
{
	struct fixture *f = *state;

	/* No room for an answer. */
	start(f, USUAL | CTRL_FEATURES);
	offer_tx(f, 2, "\0\0\1", 3, 8);
	kick(f, 2);
	assert_non_null(f->broken);
	/* Too short to be a command. */
	f->broken = NULL;
	reset(f);
	start(f, USUAL | CTRL_FEATURES);
	ring_driver_desc(&f->ring[2], f->ring[2].at.desc, 0, HEAP, 1,
			 VQ_DESC_NEXT, 1);
	ring_driver_desc(&f->ring[2], f->ring[2].at.desc, 1, HEAP, 1,
			 VQ_DESC_WRITE, 0);
	ring_driver_offer(&f->ring[2], 0);
	kick(f, 2);
	assert_non_null(f->broken);
	assert_true(nothing_used(f, 2));
}

static void ctrl_turns_are_bounded(void **state)
{
	struct fixture *f = *state;

	start(f, USUAL | CTRL_FEATURES);
	ring_driver_desc(&f->ring[2], f->ring[2].at.desc, 0, HEAP, 2,
			 VQ_DESC_NEXT, 1);
	ring_driver_desc(&f->ring[2], f->ring[2].at.desc, 1, HEAP + 8, 1,
			 VQ_DESC_WRITE, 0);
	for (int i = 0; i < 100; i++) {
		ring_driver_offer(&f->ring[2], 0);
	}
	f->net->dev.ops->kick(&f->net->dev, 2);
	assert_int_equal(ring_driver_used_idx(&f->ring[2]), 16);
	assert_true(event_pump_run(&f->pump));
	assert_int_equal(ring_driver_used_idx(&f->ring[2]), 100);
}

static void mac_by_driver(void **state)
{
	struct fixture *f = *state;
	static const uint8_t mine[] = A_NEIGHBOUR;
	static const uint8_t group[] = A_GROUP;
	uint64_t features = USUAL | CTRL_FEATURES;

	start(f, features);
	assert_int_equal(set_mode(f, NET_CTRL_RX_PROMISC, 0), NET_CTRL_OK);
	assert_int_equal(ctrl(f, NET_CTRL_MAC, 1, group, 6), NET_CTRL_ERR);
	assert_int_equal(ctrl(f, NET_CTRL_MAC, 1, mine, 6), NET_CTRL_OK);
	assert_memory_equal(read_config(f).mac, mine, 6);
	assert_true(passes(f, mine, 0));
	assert_false(passes(f, own_mac, 0));
	/* It outlives the process, and is shown again. */
	f->config_changes = 0;
	assert_int_equal(restart(f, features), 0);
	assert_memory_equal(read_config(f).mac, mine, 6);
	assert_int_equal(f->config_changes, 1);
	assert_true(passes(f, mine, 0));
	assert_false(passes(f, own_mac, 0));
	/* But not a reset. */
	reset(f);
	assert_memory_equal(read_config(f).mac, own_mac, 6);
	start(f, features);
	assert_memory_equal(read_config(f).mac, own_mac, 6);
}

static void guest_offloads(void **state)
{
	struct fixture *f = *state;
	uint64_t features = USUAL | CTRL_FEATURES | VIRTIO_NET_F_GUEST_CSUM |
			    VIRTIO_NET_F_GUEST_TSO4 |
			    VIRTIO_NET_F_CTRL_GUEST_OFFLOADS;
	uint64_t want = VIRTIO_NET_F_GUEST_CSUM;

	start(f, features);
	assert_int_equal(f->pipe.offloads,
			 VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4);
	assert_int_equal(ctrl(f, NET_CTRL_GUEST_OFFLOADS, 0, &want, 8),
			 NET_CTRL_OK);
	assert_int_equal(f->pipe.offloads, VIRTIO_NET_F_GUEST_CSUM);
	/* Only what was agreed. */
	want = VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO6;
	assert_int_equal(ctrl(f, NET_CTRL_GUEST_OFFLOADS, 0, &want, 8),
			 NET_CTRL_ERR);
	want = VIRTIO_NET_F_CSUM;
	assert_int_equal(ctrl(f, NET_CTRL_GUEST_OFFLOADS, 0, &want, 8),
			 NET_CTRL_ERR);
	/* A link that cannot do it. */
	want = 0;
	f->pipe.fail_set = -EINVAL;
	assert_int_equal(ctrl(f, NET_CTRL_GUEST_OFFLOADS, 0, &want, 8),
			 NET_CTRL_ERR);
	f->pipe.fail_set = 0;
	f->pipe.offloads = 0;
	assert_int_equal(restart(f, features), 0);
	assert_int_equal(f->pipe.offloads, VIRTIO_NET_F_GUEST_CSUM);
}

static void announce(void **state)
{
	struct fixture *f = *state;

	virtio_net_announce(f->net);
	assert_int_equal(f->config_changes, 0);
	start(f, USUAL | CTRL_FEATURES);
	virtio_net_announce(f->net);
	virtio_net_announce(f->net);
	assert_int_equal(f->config_changes, 1);
	assert_int_equal(read_config(f).status,
			 NET_STATUS_LINK_UP | NET_STATUS_ANNOUNCE);
	assert_int_equal(ctrl(f, NET_CTRL_ANNOUNCE, 0, NULL, 0), NET_CTRL_OK);
	assert_int_equal(read_config(f).status, NET_STATUS_LINK_UP);
	assert_int_equal(f->config_changes, 2);
	assert_int_equal(ctrl(f, NET_CTRL_ANNOUNCE, 0, NULL, 0), NET_CTRL_OK);
	assert_int_equal(f->config_changes, 2);
	reset(f);
	start(f, USUAL);
	virtio_net_announce(f->net);
	assert_int_equal(f->config_changes, 2);
}

/* --------------------------------------------------------------- multiqueue */

#define RINGS_FEATURES (VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_MQ)

/* As over vhost-user. */
static void make_rings_only(struct fixture *f, const struct net_limits *tx)
{
	struct virtio_net_config config = {
		.rings_only = true,
		.tx_limits = *tx,
		.now_ns = fake_now,
	};

	free(f->net);
	make_net(f, &config);
	make_rings(f);
}

/* Starts over with some queues (bit q), some of which are out of use. */
static void use_queues(struct fixture *f, uint64_t features, uint32_t queues,
		       uint32_t discard)
{
	const struct virtio_device_ops *ops = f->net->dev.ops;

	reset(f);
	for (uint32_t q = 0; q < f->net->dev.queue_count; q++) {
		struct vq *vq = &f->net->dev.vq[q];
		uint16_t pos = vq->last_avail;

		vq_fini(vq);
		if ((queues & 1u << q) != 0) {
			assert_int_equal(vq_init(vq, &f->gm, &f->ring[q].at, 0),
					 0);
			vq->last_avail = pos;
			f->marks[q] = ops->mark_at(&f->net->dev, q, pos);
		}
		vq->last_avail = pos;
	}
	f->net->dev.discard = discard;
	assert_int_equal(ops->start(&f->net->dev, features), 0);
	assert_true(event_pump_run(&f->pump));
}

static void rings_only(void **state)
{
	struct fixture *f = *state;
	const struct net_limits none = { 0 };
	const struct virtio_device_ops *ops;

	make_rings_only(f, &none);
	ops = f->net->dev.ops;
	assert_int_equal(f->net->dev.queue_count, 6);
	assert_int_equal(ops->config_len, 0);
	assert_int_equal(ops->discards & 0x3f, 0x2a);
	assert_true(ops->features(&f->net->dev) ==
		    (VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_MQ |
		     VIRTIO_NET_F_MTU | VIRTIO_NET_F_GUEST_ANNOUNCE |
		     NET_OFFLOADS));
	/* What was agreed about the control queue is not ours to know. */
	use_queues(f, RINGS_FEATURES | NET_OFFLOADS, 3, 0);
	assert_int_equal(f->pipe.offloads, NET_OFFLOADS_GUEST);
	use_queues(f, RINGS_FEATURES | CTRL_FEATURES, 0x3f, 0);
	assert_int_equal(f->net->ctrl, VIRTIO_QUEUES_MAX);
	/* The MTU, for which room is kept. */
	assert_int_equal(f->net->mtu, NET_MTU_DEFAULT);
	reset(f);
	assert_int_equal(ops->set_mtu(&f->net->dev, 67), -EINVAL);
	assert_int_equal(ops->set_mtu(&f->net->dev, 0x105dc), -EINVAL);
	assert_int_equal(ops->set_mtu(&f->net->dev, 9000), 0);
	assert_int_equal(f->net->mtu, 9000);
}

static void rings_only_packets(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;
	const struct net_limits none = { 0 };

	make_rings_only(f, &none);
	use_queues(f, USUAL, 3, 0);
	offer_many(f, 0, 4, 2000);
	make_packet(&packet, 60, 1);
	/* For whom it is: the front-end knows. */
	packet.bytes[NET_HDR_SIZE + 5] ^= 0x55;
	packet.bytes[NET_HDR_SIZE + 12] = 0x81; /* with a VLAN */
	packet.bytes[NET_HDR_SIZE + 13] = 0;
	for (int i = 0; i < 3; i++) {
		peer_send(f, 0, &packet);
		assert_true(event_pump_run(&f->pump));
		expect_rx(f, 0, &packet);
		offer_tx(f, 1, &packet, packet.len, 4096);
		kick(f, 1);
		expect_tx(f, 0, &packet);
		/* Nothing is lost by starting over. */
		use_queues(f, USUAL, 3, 0);
	}
	assert_int_equal(ring_driver_used_idx(&f->ring[0]), 3);
	assert_int_equal(ring_driver_used_idx(&f->ring[1]), 3);
}

/* The front-end says which pairs are in use by enabling their rings. */
static void rings_only_pairs(void **state)
{
	static const struct {
		uint32_t queues;
		uint32_t discard;
		uint32_t pairs;
		uint32_t of_link;
	} cases[] = {
		{ 0x00, 0x00, 0, 1 }, { 0x01, 0x00, 1, 1 },
		{ 0x02, 0x00, 1, 1 }, { 0x03, 0x00, 1, 1 },
		{ 0x0f, 0x00, 2, 2 }, { 0x07, 0x00, 2, 2 },
		{ 0x3f, 0x00, 3, 3 }, { 0x2b, 0x28, 1, 1 },
		{ 0x2f, 0x20, 2, 2 }, { 0x02, 0x02, 0, 1 },
		{ 0x20, 0x00, 3, 3 }, { 0x22, 0x22, 0, 1 },
	};
	struct fixture *f = *state;
	const struct net_limits none = { 0 };

	make_rings_only(f, &none);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		use_queues(f, RINGS_FEATURES, cases[i].queues,
			   cases[i].discard);
		assert_int_equal(f->net->pairs, cases[i].pairs);
		assert_int_equal(f->pipe.pairs, cases[i].of_link);
	}
	/* A driver without multiqueue has one. */
	use_queues(f, USUAL, 0x3f, 0);
	assert_int_equal(f->net->pairs, 1);
}

/* A queue that is out of use is emptied at once, and nothing of it is sent. */
static void rings_only_discard(void **state)
{
	static struct packet packet;
	static struct packet got;
	struct fixture *f = *state;
	const struct net_limits slow = { .packets = { 1, 1 } };

	make_rings_only(f, &slow);
	make_packet(&packet, 60, 1);
	for (int i = 0; i < 3; i++) {
		offer_tx(f, 1, &packet, packet.len, 4096);
		offer_tx(f, 3, &packet, packet.len, 4096);
	}
	use_queues(f, RINGS_FEATURES, 0xa, 0xa);
	assert_int_equal(ring_driver_used_idx(&f->ring[1]), 3);
	assert_int_equal(ring_driver_used_idx(&f->ring[3]), 3);
	offer_tx(f, 1, &packet, packet.len, 4096);
	kick(f, 1);
	assert_int_equal(ring_driver_used_idx(&f->ring[1]), 4);
	assert_false(peer_take(f, 0, &got));
	assert_false(peer_take(f, 1, &got));
	assert_int_equal(f->net->tx.dropped, 7);
	/* One that is out of use below one that is in use. */
	use_queues(f, RINGS_FEATURES, 0xe, 2);
	offer_tx(f, 1, &packet, packet.len, 4096);
	kick(f, 1);
	offer_tx(f, 3, &packet, packet.len, 4096);
	kick(f, 3);
	assert_int_equal(ring_driver_used_idx(&f->ring[1]), 5);
	assert_false(peer_take(f, 0, &got));
	expect_tx(f, 1, &packet);
	/* A limit delays what is sent, and only that. */
	offer_tx(f, 3, &packet, packet.len, 4096);
	kick(f, 3);
	assert_int_equal(ring_driver_used_idx(&f->ring[3]), 4);
	offer_tx(f, 1, &packet, packet.len, 4096);
	kick(f, 1);
	assert_int_equal(ring_driver_used_idx(&f->ring[1]), 6);
}

#define MQ_FEATURES (USUAL | CTRL_FEATURES | VIRTIO_NET_F_MQ)

static int set_pairs(struct fixture *f, uint16_t pairs)
{
	return ctrl_at(f, 6, NET_CTRL_MQ, NET_CTRL_MQ_VQ_PAIRS_SET, &pairs, 2);
}

static void expect_given_back(struct fixture *f, uint32_t q)
{
	uint32_t head;
	uint32_t len;

	assert_true(took(f, q, &head, &len));
	assert_int_equal(len, 0);
	assert_true(nothing_used(f, q));
}

static void mq_pairs(void **state)
{
	static struct packet packet;
	static struct packet got;
	struct fixture *f = *state;

	start(f, MQ_FEATURES);
	assert_int_equal(f->pipe.pairs, 1);
	/* Pairs that are not in use get nothing, and send nothing. */
	make_packet(&packet, 60, 1);
	offer_tx(f, 5, &packet, packet.len, 4096);
	kick(f, 5);
	expect_given_back(f, 5);
	offer_many(f, 4, 2, 2000);
	peer_send(f, 2, &packet);
	assert_true(event_pump_run(&f->pump));
	assert_true(nothing_used(f, 4));
	/* And are served as soon as they are. */
	assert_int_equal(set_pairs(f, 3), NET_CTRL_OK);
	assert_int_equal(f->pipe.pairs, 3);
	assert_false(peer_take(f, 2, &got));
	offer_tx(f, 5, &packet, packet.len, 4096);
	kick(f, 5);
	expect_tx(f, 2, &packet);
	expect_rx(f, 4, &packet);
	assert_int_equal(set_pairs(f, 1), NET_CTRL_OK);
	peer_send(f, 2, &packet);
	assert_true(event_pump_run(&f->pump));
	assert_true(nothing_used(f, 4));
	assert_int_equal(set_pairs(f, 0), NET_CTRL_ERR);
	assert_int_equal(set_pairs(f, 4), NET_CTRL_ERR);
	f->pipe.fail_set = -EIO;
	assert_int_equal(set_pairs(f, 2), NET_CTRL_ERR);
	f->pipe.fail_set = 0;
	assert_int_equal(f->net->pairs, 1);
}

/* A driver waits for what it has sent, also where it sends no more. */
static void mq_fewer(void **state)
{
	static struct packet packet;
	static struct packet got;
	struct fixture *f = *state;
	const struct net_limits none = { 0 };
	const struct net_limits slow = { .packets = { 1, 1 } };
	uint64_t sent;

	start(f, MQ_FEATURES);
	assert_int_equal(set_pairs(f, 2), NET_CTRL_OK);
	/* It waits for the link. */
	make_packet(&packet, 8000, 0);
	for (uint32_t i = 0; i < 200; i++) {
		offer_tx(f, 3, &packet, packet.len, 16384);
	}
	kick(f, 3);
	assert_true(f->net->pair[1].tx_blocked);
	sent = f->net->tx.packets;
	assert_int_equal(set_pairs(f, 1), NET_CTRL_OK);
	assert_int_equal(ring_driver_used_idx(&f->ring[3]), 200);
	while (peer_take(f, 1, &got)) {
		assert_true(event_pump_run(&f->pump));
	}
	assert_int_equal(f->net->tx.packets, sent);
	/* It waits for the limit. */
	virtio_net_set_limits(f->net, &none, &slow);
	assert_int_equal(set_pairs(f, 2), NET_CTRL_OK);
	for (uint32_t i = 0; i < 10; i++) {
		offer_tx(f, 3, &packet, packet.len, 16384);
	}
	kick(f, 3);
	assert_true(f->net->pair[1].tx.waiting);
	assert_int_equal(set_pairs(f, 1), NET_CTRL_OK);
	fake_now_ms += 1000;
	event_pump_advance(&f->pump, 1001);
	assert_int_equal(ring_driver_used_idx(&f->ring[3]), 210);
	assert_int_equal(f->net->tx.packets, sent + 1);
}

static void mq_restart(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	start(f, MQ_FEATURES);
	assert_int_equal(set_pairs(f, 2), NET_CTRL_OK);
	f->pipe.pairs = 0;
	assert_int_equal(restart(f, MQ_FEATURES), 0);
	assert_int_equal(f->pipe.pairs, 2);
	make_packet(&packet, 60, 1);
	offer_many(f, 2, 2, 2000);
	peer_send(f, 1, &packet);
	assert_true(event_pump_run(&f->pump));
	expect_rx(f, 2, &packet);
	reset(f);
	start(f, MQ_FEATURES);
	assert_int_equal(f->pipe.pairs, 1);
}

/*
 * A pair that had no room when it went out of use looks at its ring again when
 * it comes back: the kick that told of room went by meanwhile.
 */
static void mq_room_while_out_of_use(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	f->ring_features = VQ_F_EVENT_IDX;
	start(f, MQ_FEATURES);
	assert_int_equal(set_pairs(f, 2), NET_CTRL_OK);
	assert_true(f->net->pair[1].rx_starved);
	assert_int_equal(set_pairs(f, 1), NET_CTRL_OK);
	offer_many(f, 2, 2, 2000);
	assert_int_equal(set_pairs(f, 2), NET_CTRL_OK);
	make_packet(&packet, 60, 1);
	peer_send(f, 1, &packet);
	assert_true(event_pump_run(&f->pump));
	expect_rx(f, 2, &packet);
}

/* A driver without it finds the control queue after the first pair. */
static void mq_not_taken(void **state)
{
	struct fixture *f = *state;

	start(f, USUAL | CTRL_FEATURES);
	assert_int_equal(set_mode(f, NET_CTRL_RX_ALLMULTI, 1), NET_CTRL_OK);
	assert_int_equal(ctrl_at(f, 6, NET_CTRL_RX, 0, "", 1), -1);
	kick(f, 7);
	assert_null(f->broken);
}

/* The mark of a control queue that an earlier driver made is not ours. */
static void mark_of_another_driver(void **state)
{
	struct fixture *f = *state;

	start(f, MQ_FEATURES);
	assert_int_equal(set_pairs(f, 2), NET_CTRL_OK);
	reset(f);
	make_rings(f);
	f->marks[6] = ~0ull;
	f->marks[0] = ~0ull;
	for (uint32_t q = 0; q < 2; q++) {
		assert_int_equal(
			vq_init(&f->net->dev.vq[q], &f->gm, &f->ring[q].at, 0),
			0);
	}
	vq_fini(&f->net->dev.vq[6]);
	assert_int_equal(f->net->dev.ops->start(&f->net->dev, MQ_FEATURES), 0);
	assert_int_equal(f->net->pairs, 1);
	assert_true(f->net->filter.promisc);
	assert_false(f->net->filter.nouni);
}

/* ----------------------------------------------------------------- transmit */

static void tx_any_layout(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;
	static const uint32_t cuts[] = { 4096, 12, 5, 1, 11, 13, 60 };
	uint32_t head;
	uint32_t len;

	start(f, USUAL);
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		uint16_t offered;

		make_packet(&packet, 100, (uint8_t)i);
		offered = offer_tx(f, 1, &packet, packet.len, cuts[i]);
		kick(f, 1);
		expect_tx(f, 0, &packet);
		assert_true(took(f, 1, &head, &len));
		assert_int_equal(head, offered);
		assert_int_equal(len, 0);
	}
	assert_int_equal(f->net->tx.packets, 7);
	assert_int_equal(f->net->tx.bytes, 700);
	assert_true(f->signals[1] > 0);
}

static void tx_headers(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;
	static const uint64_t tso4 = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4;
	static const uint64_t tso6 = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO6;
	static const struct {
		uint64_t features;
		struct net_hdr hdr;
		bool passes;
		struct net_hdr seen;
	} cases[] = {
		/* Nothing agreed: nothing asked for. */
		{ 0, { 1, 0, 7, 7, 14, 2, 9 }, true, { 0 } },
		{ 0, { 0, 1, 54, 1000, 14, 2, 0 }, false, { 0 } },
		/* Fields that mean nothing, and bits nobody knows. */
		{ VIRTIO_NET_F_CSUM, { 0xfe, 0, 9, 9, 14, 2, 9 }, true, { 0 } },
		{ VIRTIO_NET_F_CSUM,
		  { 0xff, 0, 9, 9, 34, 16, 9 },
		  true,
		  { 1, 0, 0, 0, 34, 16, 0 } },
		/* A checksum outside of the frame of 200 bytes. */
		{ VIRTIO_NET_F_CSUM,
		  { 1, 0, 0, 0, 198, 0, 0 },
		  true,
		  { 1, 0, 0, 0, 198, 0, 0 } },
		{ VIRTIO_NET_F_CSUM, { 1, 0, 0, 0, 198, 1, 0 }, false, { 0 } },
		{ VIRTIO_NET_F_CSUM,
		  { 1, 0, 0, 0, 0xffff, 0xffff, 0 },
		  false,
		  { 0 } },
		{ VIRTIO_NET_F_CSUM,
		  { 1, 1, 54, 50, 34, 16, 0 },
		  false,
		  { 0 } },
		{ tso4,
		  { 1, 1, 54, 50, 34, 16, 7 },
		  true,
		  { 1, 1, 54, 50, 34, 16, 0 } },
		{ tso4,
		  { 1, 1, 201, 50, 34, 16, 0 },
		  true,
		  { 1, 1, 0, 50, 34, 16, 0 } },
		{ tso4, { 1, 1, 54, 0, 34, 16, 0 }, false, { 0 } },
		{ tso4, { 0, 1, 54, 50, 34, 16, 0 }, false, { 0 } },
		{ tso4, { 1, 4, 54, 50, 34, 16, 0 }, false, { 0 } },
		{ tso4, { 1, 3, 54, 50, 34, 16, 0 }, false, { 0 } },
		{ tso4, { 1, 0x81, 54, 50, 34, 16, 0 }, false, { 0 } },
		{ tso4, { 1, 0x80, 54, 50, 34, 16, 0 }, false, { 0 } },
		{ tso4 | VIRTIO_NET_F_HOST_ECN,
		  { 1, 0x81, 54, 50, 34, 16, 0 },
		  true,
		  { 1, 0x81, 54, 50, 34, 16, 0 } },
		{ tso6, { 1, 1, 54, 50, 34, 16, 0 }, false, { 0 } },
		{ tso6,
		  { 1, 4, 74, 50, 54, 16, 0 },
		  true,
		  { 1, 4, 74, 50, 54, 16, 0 } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t errors = f->net->tx.errors;

		start(f, USUAL | cases[i].features);
		make_packet(&packet, 200, (uint8_t)i);
		packet.hdr = cases[i].hdr;
		offer_tx(f, 1, &packet, packet.len, 4096);
		kick(f, 1);
		assert_false(nothing_used(f, 1));
		if (cases[i].passes) {
			packet.hdr = cases[i].seen;
			expect_tx(f, 0, &packet);
		}
		assert_false(peer_take(f, 0, &packet));
		assert_int_equal(f->net->tx.errors - errors, !cases[i].passes);
		reset(f);
	}
}

static void tx_lengths(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	start(f, USUAL);
	make_packet(&packet, NET_FRAME_MAX, 1);
	offer_tx(f, 1, &packet, packet.len, 4096);
	kick(f, 1);
	expect_tx(f, 0, &packet);
	make_packet(&packet, NET_FRAME_MAX + 1, 1);
	offer_tx(f, 1, &packet, packet.len, 4096);
	make_packet(&packet, 13, 1);
	offer_tx(f, 1, &packet, packet.len, 4096);
	offer_tx(f, 1, &packet, NET_HDR_SIZE, 4096);
	kick(f, 1);
	assert_int_equal(f->net->tx.errors, 3);
	assert_int_equal(ring_driver_used_idx(&f->ring[1]), 4);
	assert_false(peer_take(f, 0, &packet));
	assert_null(f->broken);
	/* Not even a header: the driver does not know what it does. */
	offer_tx(f, 1, &packet, NET_HDR_SIZE - 1, 4096);
	kick(f, 1);
	assert_non_null(f->broken);
}

static void tx_waits_for_the_link(void **state)
{
	static struct packet packet;
	static struct packet got;
	struct fixture *f = *state;
	uint32_t sent = 0;

	start(f, USUAL);
	make_packet(&packet, 8000, 0);
	for (uint32_t i = 0; i < 200; i++) {
		packet.bytes[40] = (uint8_t)i;
		offer_tx(f, 1, &packet, packet.len, 16384);
	}
	/* Idle although there is work: the link has to become writable. */
	kick(f, 1);
	assert_true(ring_driver_used_idx(&f->ring[1]) < 200);
	assert_int_equal(f->net->tx.packets, ring_driver_used_idx(&f->ring[1]));
	kick(f, 1);
	while (peer_take(f, 0, &got)) {
		assert_int_equal(got.len, packet.len);
		assert_int_equal(got.bytes[40], (uint8_t)sent);
		sent++;
		assert_true(event_pump_run(&f->pump));
	}
	assert_int_equal(sent, 200);
	assert_int_equal(ring_driver_used_idx(&f->ring[1]), 200);
	assert_int_equal(f->net->tx.dropped, 0);
}

/* The rest of a packet goes before the next one, also when there is none. */
static void tx_waits_for_the_rest(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	start(f, USUAL);
	make_packet(&packet, 60, 1);
	f->pipe.fail_flush = -EAGAIN;
	f->net->dev.ops->kick(&f->net->dev, 1);
	assert_true(f->net->pair[0].watched & EVENT_WRITE);
	offer_tx(f, 1, &packet, packet.len, 4096);
	f->net->dev.ops->kick(&f->net->dev, 1);
	assert_true(nothing_used(f, 1));
	/* Without a cable nothing waits. */
	virtio_net_set_plugged(f->net, false);
	assert_true(event_pump_run(&f->pump));
	assert_false(nothing_used(f, 1));
	assert_int_equal(f->net->tx.dropped, 1);
	virtio_net_set_plugged(f->net, true);
	event_pump_turn(&f->pump);
	offer_tx(f, 1, &packet, packet.len, 4096);
	f->net->dev.ops->kick(&f->net->dev, 1);
	assert_int_equal(f->net->tx.packets, 0);
	f->pipe.fail_flush = 0;
	assert_true(event_pump_run(&f->pump));
	assert_int_equal(f->net->tx.packets, 1);
	expect_tx(f, 0, &packet);
	assert_false(f->net->pair[0].watched & EVENT_WRITE);
}

static void tx_turns_are_bounded(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	start(f, USUAL);
	make_packet(&packet, 60, 0);
	for (uint32_t i = 0; i < 100; i++) {
		offer_tx(f, 1, &packet, packet.len, 4096);
	}
	f->net->dev.ops->kick(&f->net->dev, 1);
	assert_int_equal(ring_driver_used_idx(&f->ring[1]), 64);
	assert_true(event_pump_run(&f->pump));
	assert_int_equal(ring_driver_used_idx(&f->ring[1]), 100);
	make_packet(&packet, 60000, 0);
	for (uint32_t i = 0; i < 10; i++) {
		offer_tx(f, 1, &packet, packet.len, 65536);
	}
	f->pipe.swallow = true;
	f->net->dev.ops->kick(&f->net->dev, 1);
	assert_int_equal(ring_driver_used_idx(&f->ring[1]), 100 + 5);
	assert_true(event_pump_run(&f->pump));
	assert_int_equal(ring_driver_used_idx(&f->ring[1]), 100 + 10);
}

static void tx_refused(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	start(f, USUAL);
	make_packet(&packet, 60, 0);
	f->pipe.fail_write = -EINVAL;
	offer_tx(f, 1, &packet, packet.len, 4096);
	kick(f, 1);
	assert_int_equal(f->net->tx.errors, 1);
	assert_false(nothing_used(f, 1));
}

/* ------------------------------------------------------------------ restart */

static void restart_rx(void **state)
{
	static struct packet packet[2];
	struct fixture *f = *state;

	start(f, USUAL);
	offer_many(f, 0, 8, 1526);
	make_packet(&packet[0], 60, 1);
	make_packet(&packet[1], 60, 2);
	peer_send(f, 0, &packet[0]);
	assert_true(event_pump_run(&f->pump));
	expect_rx(f, 0, &packet[0]);
	assert_int_equal(restart(f, USUAL), 0);
	peer_send(f, 0, &packet[1]);
	assert_true(event_pump_run(&f->pump));
	expect_rx(f, 0, &packet[1]);
	assert_true(nothing_used(f, 0));
}

/* A transport that goes on where the queue was finds the buffers there. */
static void buffers_are_put_back(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	start(f, USUAL);
	offer_many(f, 0, 8, 600);
	make_packet(&packet, 900, 1);
	peer_send(f, 0, &packet);
	assert_true(event_pump_run(&f->pump));
	assert_int_equal(expect_rx(f, 0, &packet), 2);
	assert_true(f->net->pair[0].window.count != 0);
	reset(f);
	assert_int_equal(f->net->dev.vq[0].last_avail, 2);
}

/* Killed between sending and giving back: not sent again. */
static void restart_tx_once(void **state)
{
	static struct packet packet[3];
	struct fixture *f = *state;
	uint32_t head;
	uint32_t len;

	start(f, USUAL);
	for (uint8_t i = 0; i < 3; i++) {
		make_packet(&packet[i], 60, i);
	}
	offer_tx(f, 1, &packet[0], packet[0].len, 4096);
	kick(f, 1);
	expect_tx(f, 0, &packet[0]);
	offer_tx(f, 1, &packet[1], packet[1].len, 4096);
	offer_tx(f, 1, &packet[2], packet[2].len, 4096);
	f->marks[1] = 2;
	assert_int_equal(restart(f, USUAL), 0);
	expect_tx(f, 0, &packet[2]);
	assert_false(peer_take(f, 0, &packet[0]));
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(took(f, 1, &head, &len));
		assert_int_equal(head, i);
	}
	assert_true(nothing_used(f, 1));
	/* A clean end. */
	assert_int_equal(restart(f, USUAL), 0);
	assert_true(nothing_used(f, 1));
	/* Marks that no predecessor leaves. */
	f->marks[1] = 5;
	assert_int_equal(restart(f, USUAL), -EPROTO);
	f->marks[1] = 2;
	assert_int_equal(restart(f, USUAL), -EPROTO);
}

/* Blocked, then killed: what was not sent is sent, once. */
static void restart_tx_blocked(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	start(f, USUAL);
	make_packet(&packet, 60, 3);
	f->pipe.fail_write = -EAGAIN;
	f->net->plugged = true;
	offer_tx(f, 1, &packet, packet.len, 4096);
	f->net->dev.ops->kick(&f->net->dev, 1);
	assert_true(nothing_used(f, 1));
	f->pipe.fail_write = 0;
	assert_int_equal(restart(f, USUAL), 0);
	expect_tx(f, 0, &packet);
	assert_false(nothing_used(f, 1));
}

static void restart_filter(void **state)
{
	static const uint8_t group[] = A_GROUP;
	static const uint8_t near[] = A_NEIGHBOUR;
	struct fixture *f = *state;
	struct tables t = { .len = 0 };

	start(f, USUAL | CTRL_FEATURES);
	assert_int_equal(set_mode(f, NET_CTRL_RX_PROMISC, 0), NET_CTRL_OK);
	assert_int_equal(set_mode(f, NET_CTRL_RX_ALLMULTI, 1), NET_CTRL_OK);
	assert_int_equal(set_mode(f, NET_CTRL_RX_NOBCAST, 1), NET_CTRL_OK);
	assert_int_equal(restart(f, USUAL | CTRL_FEATURES), 0);
	assert_false(passes(f, near, 0));
	assert_true(passes(f, group, 0));
	assert_false(passes(f, (const uint8_t[])BROADCAST, 0));
	/* Tables are forgotten: all that they might hold passes. */
	add_table(&t, 1, 1, own_mac);
	add_table(&t, 0, 0, own_mac);
	assert_int_equal(ctrl(f, NET_CTRL_MAC, 0, t.bytes, t.len), NET_CTRL_OK);
	assert_false(passes(f, near, 0));
	assert_int_equal(restart(f, USUAL | CTRL_FEATURES), 0);
	assert_true(passes(f, near, 7));
	assert_false(passes(f, (const uint8_t[])BROADCAST, 0));
}

/* ---------------------------------------------------------- link and limits */

static void cable(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	start(f, USUAL);
	offer_many(f, 0, 4, 2000);
	make_packet(&packet, 60, 1);
	virtio_net_set_plugged(f->net, false);
	virtio_net_set_plugged(f->net, false);
	assert_int_equal(f->config_changes, 1);
	assert_int_equal(read_config(f).status, 0);
	assert_false(f->pipe.carrier);
	peer_send(f, 0, &packet);
	offer_tx(f, 1, &packet, packet.len, 4096);
	kick(f, 1);
	assert_true(nothing_used(f, 0));
	assert_false(nothing_used(f, 1));
	assert_int_equal(f->net->tx.dropped, 1);
	assert_false(peer_take(f, 0, &packet));
	virtio_net_set_plugged(f->net, true);
	assert_int_equal(f->config_changes, 2);
	assert_int_equal(read_config(f).status, NET_STATUS_LINK_UP);
	assert_true(event_pump_run(&f->pump));
	make_packet(&packet, 60, 1);
	expect_rx(f, 0, &packet);
}

/* What waits for the link does not wait for a cable that is out. */
static void cable_out_while_blocked(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	start(f, USUAL);
	make_packet(&packet, 8000, 0);
	for (uint32_t i = 0; i < 200; i++) {
		offer_tx(f, 1, &packet, packet.len, 16384);
	}
	kick(f, 1);
	assert_true(ring_driver_used_idx(&f->ring[1]) < 200);
	virtio_net_set_plugged(f->net, false);
	assert_true(event_pump_run(&f->pump));
	assert_int_equal(ring_driver_used_idx(&f->ring[1]), 200);
	assert_true(f->net->tx.dropped > 0);
}

static void link_lost(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	start(f, USUAL);
	offer_many(f, 0, 4, 2000);
	close(f->pipe.peer[0]);
	f->pipe.peer[0] = -1;
	/* Idle, not spinning on a dead fd. */
	assert_true(event_pump_run(&f->pump));
	assert_int_equal(f->losses, 1);
	assert_int_equal(read_config(f).status, 0);
	make_packet(&packet, 60, 1);
	offer_tx(f, 1, &packet, packet.len, 4096);
	kick(f, 1);
	assert_int_equal(f->net->tx.dropped, 1);
	assert_int_equal(f->losses, 1);
	assert_null(f->broken);
}

static void link_lost_at_writing(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	start(f, USUAL);
	f->pipe.fail_write = -EBADFD;
	make_packet(&packet, 60, 1);
	offer_tx(f, 1, &packet, packet.len, 4096);
	offer_tx(f, 1, &packet, packet.len, 4096);
	kick(f, 1);
	assert_int_equal(f->losses, 1);
	assert_int_equal(f->net->tx.dropped, 2);
}

static void link_lost_at_flushing(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	start(f, USUAL);
	f->pipe.fail_flush = -EBADFD;
	make_packet(&packet, 60, 1);
	offer_tx(f, 1, &packet, packet.len, 4096);
	kick(f, 1);
	assert_int_equal(f->losses, 1);
	assert_int_equal(f->net->tx.dropped, 1);
	assert_false(nothing_used(f, 1));
}

static void link_fails_to_read(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	start(f, USUAL);
	offer_many(f, 0, 4, 2000);
	make_packet(&packet, 60, 1);
	f->pipe.fail_read = -ENOMEM;
	peer_send(f, 0, &packet);
	/* Once, and then not before some time has passed. */
	assert_true(event_pump_run(&f->pump));
	assert_int_equal(f->net->rx.errors, 1);
	f->pipe.fail_read = 0;
	assert_true(event_pump_run(&f->pump));
	assert_true(nothing_used(f, 0));
	event_pump_advance(&f->pump, 20);
	expect_rx(f, 0, &packet);
}

static void mtu_from_the_next_reset(void **state)
{
	struct fixture *f = *state;
	struct virtio_net_config config = usual_config();

	assert_int_equal(virtio_net_set_mtu(f->net, 1400), -EINVAL);
	free(f->net);
	config.mtu = 1500;
	make_net(f, &config);
	assert_int_equal(virtio_net_set_mtu(f->net, 67), -EINVAL);
	assert_int_equal(virtio_net_set_mtu(f->net, 1400), 0);
	assert_int_equal(read_config(f).mtu, 1400);
	assert_int_equal(f->config_changes, 1);
	start(f, USUAL | VIRTIO_NET_F_MTU);
	assert_int_equal(virtio_net_set_mtu(f->net, 9000), 0);
	assert_int_equal(read_config(f).mtu, 1400);
	assert_int_equal(f->config_changes, 1);
	reset(f);
	assert_int_equal(read_config(f).mtu, 9000);
}

/* A device can be set up before it has a transport. */
static void set_up_without_a_transport(void **state)
{
	struct fixture *f = *state;
	struct virtio_net_config config = usual_config();

	config.mtu = 1500;
	f->net->dev.ops->stop(&f->net->dev, on_stopped);
	free(f->net);
	make_net(f, &config);
	f->net->dev.transport = NULL;
	virtio_net_set_plugged(f->net, false);
	assert_int_equal(virtio_net_set_mtu(f->net, 1400), 0);
	f->net->dev.transport = &test_transport;
	assert_int_equal(f->config_changes, 0);
	assert_int_equal(read_config(f).status, 0);
	assert_int_equal(read_config(f).mtu, 1400);
}

static void advance(struct fixture *f, uint64_t ms)
{
	fake_now_ms += ms;
	event_pump_advance(&f->pump, ms);
}

static void limits(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;
	struct net_limits none = { { 0, 0 }, { 0, 0 } };
	struct net_limits few = { .packets = { 100, 10 } };
	struct net_limits slow = { .bytes = { 10000, 1000 } };

	start(f, USUAL);
	make_packet(&packet, 100, 1);
	virtio_net_set_limits(f->net, &slow, &few);
	for (uint32_t i = 0; i < 50; i++) {
		offer_tx(f, 1, &packet, packet.len, 4096);
	}
	kick(f, 1);
	assert_int_equal(ring_driver_used_idx(&f->ring[1]), 10);
	kick(f, 1);
	assert_int_equal(ring_driver_used_idx(&f->ring[1]), 10);
	advance(f, 101);
	assert_in_range(ring_driver_used_idx(&f->ring[1]), 11, 21);
	for (int i = 0; i < 100; i++) {
		advance(f, 10);
	}
	assert_int_equal(ring_driver_used_idx(&f->ring[1]), 50);

	offer_many(f, 0, 100, 2000);
	make_packet(&packet, 500, 1);
	for (int i = 0; i < 20; i++) {
		peer_send(f, 0, &packet);
	}
	/* Idle while it waits, although the link has packets. */
	assert_true(event_pump_run(&f->pump));
	assert_in_range(ring_driver_used_idx(&f->ring[0]), 1, 3);
	for (int i = 0; i < 50; i++) {
		advance(f, 10);
	}
	assert_in_range(ring_driver_used_idx(&f->ring[0]), 10, 13);
	virtio_net_set_limits(f->net, &none, &none);
	advance(f, 100);
	assert_int_equal(ring_driver_used_idx(&f->ring[0]), 20);
}

/* New limits count at once: not when the wait for the old ones is over. */
static void limits_end_a_wait(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;
	struct net_limits none = { { 0, 0 }, { 0, 0 } };
	struct net_limits crawl = { .bytes = { 1, 1 } };

	start(f, USUAL);
	virtio_net_set_limits(f->net, &crawl, &crawl);
	make_packet(&packet, 500, 1);
	offer_many(f, 0, 4, 2000);
	for (int i = 0; i < 2; i++) {
		peer_send(f, 0, &packet);
		offer_tx(f, 1, &packet, packet.len, 4096);
	}
	kick(f, 1);
	assert_int_equal(ring_driver_used_idx(&f->ring[0]), 1);
	assert_int_equal(ring_driver_used_idx(&f->ring[1]), 1);
	/* Still limited: they go on waiting, for as long as these say. */
	virtio_net_set_limits(f->net, &crawl, &crawl);
	assert_true(event_pump_run(&f->pump));
	assert_int_equal(ring_driver_used_idx(&f->ring[0]), 2);
	assert_int_equal(ring_driver_used_idx(&f->ring[1]), 2);
	for (int i = 0; i < 2; i++) {
		peer_send(f, 0, &packet);
		offer_tx(f, 1, &packet, packet.len, 4096);
	}
	kick(f, 1);
	assert_int_equal(ring_driver_used_idx(&f->ring[0]), 2);
	assert_int_equal(ring_driver_used_idx(&f->ring[1]), 2);
	virtio_net_set_limits(f->net, &none, &none);
	assert_true(event_pump_run(&f->pump));
	assert_int_equal(ring_driver_used_idx(&f->ring[0]), 4);
	assert_int_equal(ring_driver_used_idx(&f->ring[1]), 4);
}

/* ------------------------------------------------------------------ hostile */

static void hostile_rings(void **state)
{
	struct fixture *f = *state;

	/* A buffer to receive into that cannot be written. */
	start(f, USUAL);
	ring_driver_desc(&f->ring[0], f->ring[0].at.desc, 0, HEAP, 100, 0, 0);
	ring_driver_offer(&f->ring[0], 0);
	kick(f, 0);
	assert_non_null(f->broken);
	/* Then nothing moves until the reset, whatever is done. */
	kick(f, 0);
	kick(f, 1);
	kick(f, 2);
	virtio_net_set_plugged(f->net, false);
	virtio_net_set_plugged(f->net, true);
	for (uint32_t q = 0; q < 3; q++) {
		f->broken = NULL;
		reset(f);
		start(f, USUAL | CTRL_FEATURES);
		ring_driver_set_avail_idx(&f->ring[q], 3000);
		kick(f, q);
		assert_non_null(f->broken);
	}
	f->broken = NULL;
	reset(f);
	start(f, USUAL);
	ring_driver_desc(&f->ring[1], f->ring[1].at.desc, 0, RAM + RAM_SIZE,
			 100, 0, 0);
	ring_driver_offer(&f->ring[1], 0);
	kick(f, 1);
	assert_non_null(f->broken);
}

/* Many segments in many chains: more than one call can take. */
static void hostile_segments(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;
	uint64_t table;

	f->ring_features = VQ_F_INDIRECT_DESC;
	start(f, USUAL | NET_OFFLOADS);
	table = alloc(f, 16 * 256);
	for (uint32_t i = 0; i < 256; i++) {
		ring_driver_desc(&f->ring[0], table, i, HEAP + 0x10000 + i, 1,
				 (uint16_t)(VQ_DESC_WRITE |
					    (i < 255 ? VQ_DESC_NEXT : 0)),
				 (uint16_t)(i + 1));
	}
	ring_driver_desc(&f->ring[0], f->ring[0].at.desc, 0, table, 16 * 256,
			 VQ_DESC_INDIRECT, 0);
	for (uint32_t i = 0; i < 256; i++) {
		ring_driver_offer(&f->ring[0], 0);
	}
	kick(f, 0);
	make_packet(&packet, 9000, 1);
	peer_send(f, 0, &packet);
	make_packet(&packet, 700, 1);
	peer_send(f, 0, &packet);
	assert_true(event_pump_run(&f->pump));
	assert_int_equal(f->net->rx.dropped, 1);
	assert_int_equal(f->net->rx.packets, 1);
	assert_int_equal(ring_driver_used_idx(&f->ring[0]), 3);
}

static void flip(struct guest_mem *gm, uint64_t gpa, size_t len)
{
	uint8_t *at = guest_mem_map(gm, gpa, len);

	for (size_t i = 0; i < len; i++) {
		at[i] = (uint8_t)~at[i];
	}
}

/* A guest that changes its rings behind our back hurts itself only. */
static void hostile_changes(void **state)
{
	static struct packet packet;
	struct fixture *f = *state;

	start(f, USUAL | CTRL_FEATURES);
	make_packet(&packet, 60, 1);
	offer_tx(f, 1, &packet, packet.len, 30);
	offer_rx(f, 0, 2000);
	f->gm.after_read = flip;
	for (uint32_t q = 0; q < 3; q++) {
		f->net->dev.ops->kick(&f->net->dev, q);
		(void)event_pump_run(&f->pump);
	}
	f->gm.after_read = NULL;
}

/* ---------------------------------------------------------------- vq_push_all */

static void push_all_at_once(void **state)
{
	struct fixture *f = *state;
	struct vq *vq = &f->net->dev.vq[0];
	struct vq_used used[3] = { { 5, 50 }, { 6, 60 }, { 7, 70 } };
	uint32_t head;
	uint32_t len;

	make_rings(f);
	assert_int_equal(vq_init(vq, &f->gm, &f->ring[0].at, 0), 0);
	assert_int_equal(vq_push_all(vq, used, 3), 0);
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(took(f, 0, &head, &len));
		assert_int_equal(head, used[i].head);
		assert_int_equal(len, used[i].len);
	}
	assert_true(nothing_used(f, 0));
	assert_int_equal(vq_push_all(vq, used, 0), 0);
	assert_true(nothing_used(f, 0));
	assert_int_equal(vq_push_all(vq, used, RING_SIZE + 1), -EPROTO);
	vq_fini(vq);
	assert_int_equal(vq_push_all(vq, used, 1), -EPROTO);
}

#define NET_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define MQ_TEST(name) cmocka_unit_test_setup_teardown(name, setup_mq, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(features_follow_the_link),
		MQ_TEST(config_space),
		NET_TEST(bad_settings),
		NET_TEST(features_without_what_they_need),
		NET_TEST(rx_one),
		NET_TEST(rx_splits_over_buffers),
		NET_TEST(rx_any_layout),
		NET_TEST(rx_tiny_buffers),
		NET_TEST(rx_needs_buffers),
		NET_TEST(rx_kick_suppression),
		NET_TEST(rx_waits_for_room),
		NET_TEST(rx_room_follows_length),
		NET_TEST(rx_waits_with_tiny_room),
		NET_TEST(rx_waits_short),
		NET_TEST(rx_ring_too_small),
		NET_TEST(rx_not_mergeable),
		NET_TEST(rx_longest_and_longer),
		NET_TEST(rx_of_other_times),
		NET_TEST(rx_turns_are_bounded),
		NET_TEST(filter_modes),
		NET_TEST(filter_tables),
		NET_TEST(filter_vlans),
		NET_TEST(ctrl_what_was_not_agreed),
		NET_TEST(ctrl_wrong_lengths),
		NET_TEST(ctrl_malformed),
		NET_TEST(ctrl_turns_are_bounded),
		NET_TEST(mac_by_driver),
		NET_TEST(guest_offloads),
		NET_TEST(announce),
		MQ_TEST(mq_pairs),
		MQ_TEST(mq_fewer),
		MQ_TEST(rings_only),
		MQ_TEST(rings_only_packets),
		MQ_TEST(rings_only_pairs),
		MQ_TEST(rings_only_discard),
		MQ_TEST(mq_restart),
		MQ_TEST(mq_room_while_out_of_use),
		MQ_TEST(mq_not_taken),
		MQ_TEST(mark_of_another_driver),
		NET_TEST(tx_any_layout),
		NET_TEST(tx_headers),
		NET_TEST(tx_lengths),
		NET_TEST(tx_waits_for_the_link),
		NET_TEST(tx_waits_for_the_rest),
		NET_TEST(tx_turns_are_bounded),
		NET_TEST(tx_refused),
		NET_TEST(restart_rx),
		NET_TEST(buffers_are_put_back),
		NET_TEST(restart_tx_once),
		NET_TEST(restart_tx_blocked),
		NET_TEST(restart_filter),
		NET_TEST(cable),
		NET_TEST(cable_out_while_blocked),
		NET_TEST(link_lost),
		NET_TEST(link_lost_at_writing),
		NET_TEST(link_lost_at_flushing),
		NET_TEST(link_fails_to_read),
		NET_TEST(mtu_from_the_next_reset),
		NET_TEST(set_up_without_a_transport),
		NET_TEST(limits),
		NET_TEST(limits_end_a_wait),
		NET_TEST(hostile_rings),
		NET_TEST(hostile_segments),
		NET_TEST(hostile_changes),
		NET_TEST(push_all_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
