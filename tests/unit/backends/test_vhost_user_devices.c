/* SPDX-License-Identifier: BSD-2-Clause */
/* A real disk and a real network card over vhost-user. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "blk/virtio_blk.h"
#include "net/virtio_net.h"
#include "support/front_end.h"
#include "support/pipe_link.h"
#include "support/test_store.h"

#define QUEUES TEST_DEVICE_QUEUES
#define DISK_SIZE 0x10000ull
#define BUFFER_SIZE 256u
#define FRAME_LEN 60u

static struct front_end *fe;

static int setup(void **state)
{
	(void)state;
	fe = front_end_new();
	return 0;
}

/* Stops the ring and asks where it is. */
static uint32_t base_of(uint32_t q)
{
	struct vhost_user_vring_state base = { 0, UINT32_MAX };

	front_end_state(fe, VHOST_USER_GET_VRING_BASE, q, 0);
	(void)front_end_receive(fe, VHOST_USER_GET_VRING_BASE, &base,
				sizeof(base), NULL);
	return base.num;
}

/* -------------------------------------------------------------------- disk */

static struct virtio_blk blk;
static struct test_store store;
static uint8_t disk[DISK_SIZE];
static uint64_t now_ns;

static uint64_t fake_now(void)
{
	return now_ns;
}

static void start_disk(const struct virtio_blk_config *config, bool tracking)
{
	struct virtio_blk_config own = *config;

	own.queues = QUEUES;
	memset(disk, 0, sizeof(disk));
	test_store_init(&store, disk, DISK_SIZE);
	assert_int_equal(
		virtio_blk_init(&blk, &fe->pump.loop, &store.store, &own), 0);
	now_ns = 1;
	blk.now_ns = fake_now;
	blk_limit_init(&blk.limit, &own.limits, now_ns);
	front_end_serve(fe, &blk.dev);
	front_end_connect(fe);
	front_end_bring_up(fe);
	if (!tracking) {
		/* As if the front-end had never heard of it. */
		front_end_hang_up(fe);
		front_end_connect(fe);
		front_end_negotiate(
			fe, front_end_ask(fe, VHOST_USER_GET_FEATURES),
			front_end_ask(fe, VHOST_USER_GET_PROTOCOL_FEATURES) &
				~VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD);
		front_end_send_table(fe);
		for (uint32_t q = 0; q < QUEUES; q++) {
			front_end_set_ring(fe, q, 0);
		}
	}
}

static int end_disk(void **state)
{
	(void)state;
	front_end_hang_up(fe);
	test_store_complete_all(&store);
	front_end_run(fe);
	assert_false(fe->vu.open);
	virtio_blk_fini(&blk);
	front_end_free(fe);
	return 0;
}

static uint64_t status_at(uint32_t q, uint16_t i)
{
	return FE_DATA + 0x4000 + 0x1000ull * q + 32ull * i;
}

/* Write i, of a sector full of value to sector i of the queue's half. */
static void offer_write(uint32_t q, uint16_t i, uint8_t value)
{
	struct ring_driver *ring = &fe->ring[q];
	uint64_t at = status_at(q, i);
	uint64_t data = FE_DATA + 0x2000ull * q + 512ull * i;
	uint64_t *header = guest_mem_map(&fe->gm, at, 32);

	header[0] = VIRTIO_BLK_T_OUT;
	header[1] = 16 * q + i;
	((uint8_t *)header)[16] = 0xff;
	memset(guest_mem_map(&fe->gm, data, 512), value, 512);
	ring_driver_desc(ring, ring->at.desc, 3u * i, at, 16, VQ_DESC_NEXT,
			 (uint16_t)(3 * i + 1));
	ring_driver_desc(ring, ring->at.desc, 3u * i + 1, data, 512,
			 VQ_DESC_NEXT, (uint16_t)(3 * i + 2));
	ring_driver_desc(ring, ring->at.desc, 3u * i + 2, at + 16, 1,
			 VQ_DESC_WRITE, 0);
	ring_driver_offer(ring, (uint16_t)(3 * i));
}

static void expect_written(uint32_t q, uint16_t i, uint8_t value)
{
	assert_int_equal(
		((uint8_t *)guest_mem_map(&fe->gm, status_at(q, i), 17))[16],
		VIRTIO_BLK_S_OK);
	assert_int_equal(disk[512 * (16 * q + i)], value);
}

/* A ring is disabled and enabled while the store has its requests. */
static void enabling_with_requests_in_the_store(void **state)
{
	const struct virtio_blk_config config = { 0 };
	bool tracking = *state != NULL;

	start_disk(&config, tracking);
	for (uint16_t i = 0; i < 3; i++) {
		offer_write(0, i, (uint8_t)(0x10 + i));
	}
	offer_write(1, 0, 0x20);
	front_end_kick(fe, 0);
	front_end_kick(fe, 1);
	assert_int_equal(store.count, 4);
	front_end_state(fe, VHOST_USER_SET_VRING_ENABLE, 0, 0);
	front_end_state(fe, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	assert_true(fe->vu.held);
	test_store_complete(&store, 2, 0);
	test_store_batch(&store);
	front_end_run(fe);
	offer_write(0, 3, 0x13);
	front_end_kick(fe, 0);
	assert_int_equal(store.submitted, 4);
	test_store_complete(&store, 0, 0);
	test_store_complete(&store, 0, 0);
	test_store_complete(&store, 0, 0);
	test_store_batch(&store);
	front_end_run(fe);
	assert_false(fe->vu.held);
	assert_false(fe->vu.broken);
	assert_true(front_end_count(fe->call[0]) > 0);
	assert_int_equal(store.submitted, 5);
	test_store_complete_all(&store);
	front_end_run(fe);
	for (uint16_t i = 0; i < 4; i++) {
		expect_written(0, i, (uint8_t)(0x10 + i));
	}
	expect_written(1, 0, 0x20);
	assert_int_equal(ring_driver_used_idx(&fe->ring[0]), 4);
	assert_int_equal(base_of(0), 4);
	assert_int_equal(base_of(1), 1);
}

/* What waits for a limit is carried out, and no position skips it. */
static void limited_requests_survive_messages(void **state)
{
	const struct virtio_blk_config config = {
		.limits.rate[BLK_LIMIT_OPS] = { 10, 1 },
	};
	bool tracking = *state != NULL;

	start_disk(&config, tracking);
	store.at_once = true;
	for (uint16_t i = 0; i < 4; i++) {
		offer_write(0, i, (uint8_t)(0x10 + i));
	}
	front_end_kick(fe, 0);
	assert_int_equal(store.submitted, 1);
	front_end_send_table(fe);
	assert_int_equal(store.submitted, tracking ? 1 : 4);
	/* The record has what the stop has left; the front-end keeps it. */
	assert_int_equal(base_of(0), 4);
	front_end_set_ring(fe, 0, 4);
	for (int i = 0; i < 3; i++) {
		now_ns += 101000000;
		event_pump_advance(&fe->pump, 101);
	}
	for (uint16_t i = 0; i < 4; i++) {
		expect_written(0, i, (uint8_t)(0x10 + i));
	}
	assert_int_equal(ring_driver_used_idx(&fe->ring[0]), 4);
	assert_int_equal(store.submitted, 4);
}

/* ------------------------------------------------------------------ network */

static struct virtio_net *net;
static struct pipe_link link_;

static int setup_net(void **state)
{
	const struct virtio_net_config config = { .rings_only = true };

	setup(state);
	pipe_link_init(&link_, 1, NET_OFFLOADS);
	net = malloc(sizeof(*net));
	assert_int_equal(
		virtio_net_init(net, &fe->pump.loop, &link_.link, &config), 0);
	front_end_serve(fe, &net->dev);
	front_end_connect(fe);
	return 0;
}

static int end_net(void **state)
{
	(void)state;
	front_end_free(fe);
	free(net);
	pipe_link_fini(&link_);
	return 0;
}

static uint64_t buffer_at(uint32_t q, uint16_t i)
{
	return FE_DATA + 0x2000ull * q + BUFFER_SIZE * i;
}

static void offer_buffer(uint16_t i)
{
	struct ring_driver *ring = &fe->ring[0];

	ring_driver_desc(ring, ring->at.desc, i, buffer_at(0, i), BUFFER_SIZE,
			 VQ_DESC_WRITE, 0);
	ring_driver_offer(ring, i);
}

static void offer_frame(uint16_t i, uint8_t value)
{
	struct ring_driver *ring = &fe->ring[1];
	uint8_t *at = guest_mem_map(&fe->gm, buffer_at(1, i), BUFFER_SIZE);

	memset(at, 0, NET_HDR_SIZE);
	memset(at + NET_HDR_SIZE, value, FRAME_LEN);
	ring_driver_desc(ring, ring->at.desc, i, buffer_at(1, i),
			 NET_HDR_SIZE + FRAME_LEN, 0, 0);
	ring_driver_offer(ring, i);
}

static void peer_send(uint8_t value)
{
	uint8_t packet[NET_HDR_SIZE + FRAME_LEN] = { 0 };

	memset(packet + NET_HDR_SIZE, value, FRAME_LEN);
	assert_int_equal(send(link_.peer[0], packet, sizeof(packet), 0),
			 sizeof(packet));
	front_end_run(fe);
}

static void expect_received(uint8_t value)
{
	uint32_t head;
	uint32_t len;
	const uint8_t *at;

	assert_true(ring_driver_take(&fe->ring[0], &head, &len));
	assert_int_equal(len, NET_HDR_SIZE + FRAME_LEN);
	at = guest_mem_map(&fe->gm, buffer_at(0, (uint16_t)head), len);
	assert_int_equal(at[NET_HDR_SIZE], value);
	assert_int_equal(at[len - 1], value);
}

static void expect_sent(int value)
{
	uint8_t packet[BUFFER_SIZE];
	ssize_t n = recv(link_.peer[0], packet, sizeof(packet), MSG_DONTWAIT);

	if (value < 0) {
		assert_int_equal(n, -1);
		return;
	}
	assert_int_equal(n, NET_HDR_SIZE + FRAME_LEN);
	assert_int_equal(packet[n - 1], value);
}

/* Nearly each message stops the device, and buffers are in its hands. */
static void messages_lose_no_packets(void **state)
{
	struct vhost_user_vring_addr addr;

	(void)state;
	front_end_bring_up(fe);
	assert_int_equal(front_end_ask(fe, VHOST_USER_GET_QUEUE_NUM), 2);
	for (uint16_t i = 0; i < 8; i++) {
		offer_buffer(i);
	}
	front_end_kick(fe, 0);
	for (uint8_t i = 0; i < 8; i++) {
		peer_send((uint8_t)(0x40 + i));
		expect_received((uint8_t)(0x40 + i));
		offer_frame(i, (uint8_t)(0x60 + i));
		front_end_kick(fe, 1);
		expect_sent(0x60 + i);
		addr = fe->vu.ring[i % 2].addr;
		front_end_send_table(fe);
		front_end_tell(fe, VHOST_USER_SET_VRING_ADDR, &addr,
			       sizeof(addr));
		front_end_state(fe, VHOST_USER_SET_VRING_ENABLE, 0, 0);
		front_end_state(fe, VHOST_USER_SET_VRING_ENABLE, 0, 1);
		assert_int_equal(base_of(0), i + 1);
		front_end_set_ring(fe, 0, (uint16_t)(i + 1));
		assert_int_equal(base_of(1), i + 1);
		front_end_set_ring(fe, 1, (uint16_t)(i + 1));
	}
	assert_false(fe->vu.broken);
	front_end_u64(fe, VHOST_USER_NET_SET_MTU, 9000);
	assert_int_equal(net->mtu, 9000);
	expect_sent(-1);
}

/* Out of use, nothing comes in, and what is to go out is given back. */
static void disabled_pair(void **state)
{
	(void)state;
	front_end_bring_up(fe);
	offer_buffer(0);
	front_end_kick(fe, 0);
	for (uint32_t q = 0; q < QUEUES; q++) {
		front_end_state(fe, VHOST_USER_SET_VRING_ENABLE, q, 0);
	}
	peer_send(0x41);
	assert_int_equal(ring_driver_used_idx(&fe->ring[0]), 0);
	offer_frame(0, 0x61);
	front_end_kick(fe, 1);
	assert_int_equal(ring_driver_used_idx(&fe->ring[1]), 1);
	expect_sent(-1);
	for (uint32_t q = 0; q < QUEUES; q++) {
		front_end_state(fe, VHOST_USER_SET_VRING_ENABLE, q, 1);
	}
	expect_received(0x41);
	offer_frame(1, 0x62);
	front_end_kick(fe, 1);
	expect_sent(0x62);
}

/* What the front-end says of a ring has to be possible. */
static void impossible_base(void **state)
{
	(void)state;
	front_end_bring_up(fe);
	(void)base_of(1);
	offer_frame(0, 0x61);
	/* One behind: taken by somebody and not given back. */
	front_end_set_ring(fe, 1, 1);
	assert_int_equal(ring_driver_used_idx(&fe->ring[1]), 1);
	expect_sent(-1);
	assert_false(fe->vu.broken);
	(void)base_of(1);
	front_end_set_ring(fe, 1, 7);
	assert_true(fe->vu.broken);
	assert_non_null(strstr(fe->log, "do not match"));
}

#define DISK_TEST(f, tracking)                                                \
	{                                                                     \
#f, f, setup, end_disk, (tracking) ? (void *)(uintptr_t)1 : 0 \
	}
#define NET_TEST(f) cmocka_unit_test_setup_teardown(f, setup_net, end_net)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DISK_TEST(enabling_with_requests_in_the_store, true),
		DISK_TEST(enabling_with_requests_in_the_store, false),
		DISK_TEST(limited_requests_survive_messages, true),
		DISK_TEST(limited_requests_survive_messages, false),
		NET_TEST(messages_lose_no_packets),
		NET_TEST(disabled_pair),
		NET_TEST(impossible_base),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
