/* SPDX-License-Identifier: BSD-2-Clause */
/* The vhost-user transport, from the front-end's side of the socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/virtio_mmio_regs.h"
#include "support/front_end.h"
#include "transport/vhost_user/fault_guard.h"

#define ALL_PROTOCOL                                                          \
	(VHOST_USER_PROTOCOL_F_MQ | VHOST_USER_PROTOCOL_F_REPLY_ACK |         \
	 VHOST_USER_PROTOCOL_F_BACKEND_REQ | VHOST_USER_PROTOCOL_F_CONFIG |   \
	 VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD |                               \
	 VHOST_USER_PROTOCOL_F_NET_MTU | VHOST_USER_PROTOCOL_F_RESET_DEVICE | \
	 VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS |                          \
	 VHOST_USER_PROTOCOL_F_STATUS)
#define BASE_FEATURES (VIRTIO_F_VERSION_1 | VHOST_USER_F_PROTOCOL_FEATURES)

static struct front_end *fe;
static unsigned int fds_before;
static unsigned int maps_before;

static unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(dir) != NULL) {
		n++;
	}
	closedir(dir);
	return n;
}

static unsigned int count_maps(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned int n = 0;

	while (fgets(line, sizeof(line), file) != NULL) {
		n += strstr(line, "memfd:") != NULL;
	}
	fclose(file);
	return n;
}

static int setup(void **state)
{
	(void)state;
	fds_before = count_fds();
	maps_before = count_maps();
	fe = front_end_new();
	front_end_connect(fe);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	front_end_free(fe);
	assert_int_equal(count_fds(), fds_before);
	assert_int_equal(count_maps(), maps_before);
	return 0;
}

/* The connection has ended, with a line that has both texts. */
static void assert_wrong(const char *message, const char *field)
{
	front_end_run(fe);
	assert_int_equal(fe->ended, 1);
	assert_false(fe->vu.open);
	if (strstr(fe->log, message) == NULL ||
	    strstr(fe->log, field) == NULL) {
		print_error("the log has: %s\n", fe->log);
		fail();
	}
}

static void again(void)
{
	front_end_hang_up(fe);
	front_end_connect(fe);
}

static void assert_alive(void)
{
	assert_true(front_end_ask(fe, VHOST_USER_GET_FEATURES) != UINT64_MAX);
	assert_true(fe->vu.open);
}

/* ---------------------------------------------------------------- exchanges */

static void features(void **state)
{
	uint64_t offered = front_end_ask(fe, VHOST_USER_GET_FEATURES);

	(void)state;
	assert_true(offered == (BASE_FEATURES | VQ_F_INDIRECT_DESC |
				VQ_F_EVENT_IDX | TEST_DEVICE_FEATURE));
	front_end_u64(fe, VHOST_USER_SET_FEATURES, offered);
	assert_alive();
	front_end_u64(fe, VHOST_USER_SET_FEATURES, offered | 1ull << 26);
	assert_wrong("SET_FEATURES", "0x4000000");
}

static void protocol_features(void **state)
{
	(void)state;
	assert_true(front_end_ask(fe, VHOST_USER_GET_PROTOCOL_FEATURES) ==
		    ALL_PROTOCOL);
	front_end_u64(fe, VHOST_USER_SET_PROTOCOL_FEATURES, ALL_PROTOCOL);
	assert_int_equal(front_end_ask(fe, VHOST_USER_GET_QUEUE_NUM),
			 TEST_DEVICE_QUEUES);
	assert_int_equal(front_end_ask(fe, VHOST_USER_GET_MAX_MEM_SLOTS),
			 GUEST_MEM_REGIONS_MAX);
	front_end_u64(fe, VHOST_USER_SET_PROTOCOL_FEATURES, 2);
	assert_wrong("SET_PROTOCOL_FEATURES", "0x2");
}

static void what_was_not_negotiated(void **state)
{
	static const struct {
		uint32_t request;
		const char *name;
	} gated[] = {
		{ VHOST_USER_GET_MAX_MEM_SLOTS, "GET_MAX_MEM_SLOTS" },
		{ VHOST_USER_GET_STATUS, "GET_STATUS" },
		{ VHOST_USER_RESET_DEVICE, "RESET_DEVICE" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(gated) / sizeof(gated[0]); i++) {
		front_end_tell(fe, gated[i].request, NULL, 0);
		assert_wrong(gated[i].name, "protocol feature");
		again();
	}
}

/* A device without configuration and record. */
static void what_is_not_offered(void **state)
{
	static const struct {
		uint32_t request;
		size_t size;
		const char *name;
	} gated[] = {
		{ VHOST_USER_GET_CONFIG, 16, "GET_CONFIG" },
		{ VHOST_USER_SET_CONFIG, 16, "SET_CONFIG" },
		{ VHOST_USER_GET_INFLIGHT_FD, 24, "GET_INFLIGHT_FD" },
		{ VHOST_USER_NET_SET_MTU, 8, "NET_SET_MTU" },
	};
	const uint64_t none = VHOST_USER_PROTOCOL_F_CONFIG |
			      VHOST_USER_PROTOCOL_F_NET_MTU |
			      VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD;

	(void)state;
	test_device_make_plain(&fe->device);
	front_end_u64(fe, VHOST_USER_SET_PROTOCOL_FEATURES, none);
	assert_wrong("SET_PROTOCOL_FEATURES", "0x1210 were not offered");
	again();
	assert_true(front_end_ask(fe, VHOST_USER_GET_PROTOCOL_FEATURES) ==
		    (ALL_PROTOCOL & ~none));
	for (size_t i = 0; i < sizeof(gated) / sizeof(gated[0]); i++) {
		front_end_tell(fe, gated[i].request, (uint8_t[24]){ 0 },
			       gated[i].size);
		assert_wrong(gated[i].name, "protocol feature");
		again();
	}
	/* It works all the same. */
	front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL & ~none);
	front_end_send_table(fe);
	ring_driver_init(&fe->ring[1], &fe->gm, FE_RING(1), FE_RING_SIZE);
	front_end_set_ring(fe, 1, 0);
	front_end_offer(fe, 1, 0, 0x3c);
	front_end_kick(fe, 1);
	assert_int_equal(front_end_result(fe, 1, 0), 0x3c);
	/* Without a record the front-end's word is where it goes on. */
	front_end_state(fe, VHOST_USER_GET_VRING_BASE, 1, 0);
	front_end_offer(fe, 1, 2, 0x3d);
	front_end_offer(fe, 1, 4, 0x3e);
	front_end_set_ring(fe, 1, 2);
	assert_int_equal(front_end_result(fe, 1, 2), 0);
	assert_int_equal(front_end_result(fe, 1, 4), 0x3e);
}

static void requests_pass(void **state)
{
	(void)state;
	front_end_bring_up(fe);
	assert_true(fe->device.running);
	assert_true(fe->device.features ==
		    (VIRTIO_F_VERSION_1 | VQ_F_INDIRECT_DESC | VQ_F_EVENT_IDX |
		     TEST_DEVICE_FEATURE));
	for (uint32_t q = 0; q < TEST_DEVICE_QUEUES; q++) {
		front_end_offer(fe, q, 0, 0x41);
		front_end_kick(fe, q);
		assert_int_equal(ring_driver_used_idx(&fe->ring[q]), 1);
		assert_int_equal(front_end_result(fe, q, 0), 0x41);
		assert_int_equal(front_end_count(fe->call[q]), 1);
	}
	/* Whether to signal is the driver's wish. */
	ring_driver_set_used_event(&fe->ring[0], 5);
	front_end_offer(fe, 0, 2, 1);
	front_end_kick(fe, 0);
	assert_int_equal(front_end_count(fe->call[0]), 0);
}

static void acknowledgements(void **state)
{
	struct vhost_user_vring_state num = { 0, 8 };
	uint64_t result = 7;

	(void)state;
	front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL);
	front_end_send(fe, VHOST_USER_SET_VRING_NUM,
		       VHOST_USER_VERSION | VHOST_USER_NEED_REPLY, &num,
		       sizeof(num), NULL, 0);
	assert_int_equal(front_end_receive(fe, VHOST_USER_SET_VRING_NUM,
					   &result, sizeof(result), NULL),
			 8);
	assert_int_equal(result, 0);
	/* A request with an answer of its own has no other. */
	front_end_send(fe, VHOST_USER_GET_QUEUE_NUM,
		       VHOST_USER_VERSION | VHOST_USER_NEED_REPLY, NULL, 0,
		       NULL, 0);
	assert_int_equal(front_end_receive(fe, VHOST_USER_GET_QUEUE_NUM,
					   &result, sizeof(result), NULL),
			 8);
	assert_int_equal(result, TEST_DEVICE_QUEUES);
	/* What fails says so before the end. */
	num.num = 3;
	front_end_send(fe, VHOST_USER_SET_VRING_NUM,
		       VHOST_USER_VERSION | VHOST_USER_NEED_REPLY, &num,
		       sizeof(num), NULL, 0);
	assert_int_equal(front_end_receive(fe, VHOST_USER_SET_VRING_NUM,
					   &result, sizeof(result), NULL),
			 8);
	assert_int_equal(result, 1);
	assert_wrong("SET_VRING_NUM", "num: 3");
}

static void no_acknowledgement_unless_negotiated(void **state)
{
	struct vhost_user_vring_state num = { 0, 8 };
	uint64_t result;

	(void)state;
	front_end_send(fe, VHOST_USER_SET_VRING_NUM,
		       VHOST_USER_VERSION | VHOST_USER_NEED_REPLY, &num,
		       sizeof(num), NULL, 0);
	assert_int_equal(front_end_receive(fe, VHOST_USER_SET_VRING_NUM,
					   &result, sizeof(result), NULL),
			 -1);
	assert_alive();
}

static void what_is_not_supported(void **state)
{
	static const uint32_t requests[] = { VHOST_USER_SET_LOG_BASE,
					     VHOST_USER_SET_LOG_FD,
					     19,
					     0,
					     41,
					     UINT32_MAX };
	uint64_t result;

	(void)state;
	front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		front_end_send(fe, requests[i],
			       VHOST_USER_VERSION | VHOST_USER_NEED_REPLY,
			       &(uint64_t){ 0 }, 8, &fe->mem_fd, 1);
		result = 0;
		assert_int_equal(front_end_receive(fe, requests[i], &result,
						   sizeof(result), NULL),
				 8);
		assert_int_equal(result, 1);
	}
	assert_alive();
	front_end_u64(fe, VHOST_USER_SET_LOG_BASE, 0);
	assert_wrong("SET_LOG_BASE", "not supported");
	again();
	front_end_u64(fe, 99, 0);
	assert_wrong("request", "99 is not supported");
}

static void config_space(void **state)
{
	struct vhost_user_config config = { .offset = 2, .size = 3 };

	(void)state;
	front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL);
	front_end_tell(fe, VHOST_USER_GET_CONFIG, &config, 15);
	assert_int_equal(front_end_receive(fe, VHOST_USER_GET_CONFIG, &config,
					   sizeof(config), NULL),
			 15);
	assert_memory_equal(config.data, "\3\4\5", 3);
	/* More than there is: zeros. */
	config = (struct vhost_user_config){ .size = VIRTIO_CONFIG_MAX };
	front_end_tell(fe, VHOST_USER_GET_CONFIG, &config, sizeof(config));
	assert_int_equal(front_end_receive(fe, VHOST_USER_GET_CONFIG, &config,
					   sizeof(config), NULL),
			 sizeof(config));
	assert_int_equal(config.data[TEST_DEVICE_CONFIG - 1],
			 TEST_DEVICE_CONFIG);
	assert_int_equal(config.data[TEST_DEVICE_CONFIG], 0);
	config = (struct vhost_user_config){ .offset = 15,
					     .size = 1,
					     .data = { 0x77 } };
	front_end_tell(fe, VHOST_USER_SET_CONFIG, &config, 13);
	assert_int_equal(fe->device.config[15], 0x77);
	/* The guest may write what there is not. */
	config.offset = 16;
	front_end_tell(fe, VHOST_USER_SET_CONFIG, &config, 13);
	config.offset = 15;
	config.size = 2;
	config.data[0] = 0x11;
	front_end_tell(fe, VHOST_USER_SET_CONFIG, &config, 14);
	assert_alive();
	assert_int_equal(fe->device.config[15], 0x77);
}

static void wrong_config(void **state)
{
	static const struct {
		uint32_t offset;
		uint32_t size;
		uint32_t flags;
		size_t bytes;
		uint32_t request;
		const char *field;
	} wrong[] = {
		{ 0, 4, 0, 11, VHOST_USER_GET_CONFIG, "size: 11" },
		{ 0, 4, 0, 15, VHOST_USER_GET_CONFIG, "size: 4" },
		{ 0, 0xffffffff, 0, 16, VHOST_USER_GET_CONFIG, "size" },
		{ 257, 0, 0, 12, VHOST_USER_GET_CONFIG, "offset: 257" },
		{ 253, 4, 0, 16, VHOST_USER_GET_CONFIG, "offset: 253" },
		{ 0xfffffffe, 4, 0, 16, VHOST_USER_GET_CONFIG, "offset" },
		{ 253, 4, 0, 16, VHOST_USER_SET_CONFIG, "offset: 253" },
		{ 0, 4, 1, 16, VHOST_USER_SET_CONFIG, "flags: 1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct vhost_user_config config = {
			.offset = wrong[i].offset,
			.size = wrong[i].size,
			.flags = wrong[i].flags,
		};

		front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL);
		front_end_tell(fe, wrong[i].request, &config, wrong[i].bytes);
		assert_wrong("_CONFIG", wrong[i].field);
		again();
	}
}

static void config_changes_are_told(void **state)
{
	int pair[2];
	struct vhost_user_header header;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL);
	/* Before there is a channel: told once there is. */
	fe->device.dev.transport->config_changed(&fe->device.dev);
	front_end_send(fe, VHOST_USER_SET_BACKEND_REQ_FD, VHOST_USER_VERSION,
		       NULL, 0, &pair[1], 1);
	front_end_run(fe);
	close(pair[1]);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			recv(pair[0], &header, sizeof(header), MSG_DONTWAIT),
			sizeof(header));
		assert_int_equal(header.request,
				 VHOST_USER_BACKEND_CONFIG_CHANGE_MSG);
		assert_int_equal(header.flags, VHOST_USER_VERSION);
		assert_int_equal(header.size, 0);
		fe->device.dev.transport->config_changed(&fe->device.dev);
	}
	/* Nobody reads: one is kept until there is room. */
	for (int i = 0; i < 2000; i++) {
		fe->device.dev.transport->config_changed(&fe->device.dev);
	}
	assert_true(fe->vu.config_due);
	while (recv(pair[0], &header, sizeof(header), MSG_DONTWAIT) > 0) {}
	front_end_run(fe);
	assert_false(fe->vu.config_due);
	close(pair[0]);
	fe->device.dev.transport->config_changed(&fe->device.dev);
	assert_int_equal(fe->vu.backend_fd, -1);
	assert_alive();
}

static void wrong_channel(void **state)
{
	(void)state;
	front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL);
	front_end_tell(fe, VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0);
	assert_wrong("SET_BACKEND_REQ_FD", "file descriptors: 0");
	again();
	front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL);
	front_end_send(fe, VHOST_USER_SET_BACKEND_REQ_FD, VHOST_USER_VERSION,
		       NULL, 0, &fe->mem_fd, 1);
	assert_wrong("SET_BACKEND_REQ_FD", "not a socket");
}

/* --------------------------------------------------------- headers and sizes */

static void wrong_headers(void **state)
{
	static const uint32_t flags[] = { 0, 2, 3, 5, 0xfffffff4 };
	struct vhost_user_mem_table table = { .count = GUEST_MEM_REGIONS_MAX };
	uint8_t big[300] = { 0 };
	int fds[9];

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		front_end_send(fe, VHOST_USER_GET_FEATURES, flags[i], NULL, 0,
			       NULL, 0);
		assert_wrong("GET_FEATURES", "flags");
		again();
	}
	front_end_tell(fe, VHOST_USER_SET_MEM_TABLE, big, sizeof(big));
	assert_wrong("SET_MEM_TABLE", "size: 300 is more than any message has");
	again();
	/* A ninth fd beside a table that is right. */
	for (size_t i = 0; i < 9; i++) {
		fds[i] = fe->mem_fd;
		if (i < GUEST_MEM_REGIONS_MAX) {
			table.region[i] =
				(struct vhost_user_region){ i << 32, 0x1000,
							    i << 32, 0 };
		}
	}
	front_end_send(fe, VHOST_USER_SET_MEM_TABLE, VHOST_USER_VERSION, &table,
		       sizeof(table), fds, 8);
	assert_alive();
	front_end_send(fe, VHOST_USER_SET_MEM_TABLE, VHOST_USER_VERSION, &table,
		       sizeof(table), fds, 9);
	assert_wrong("SET_MEM_TABLE", "file descriptors");
	again();
	/* Two at once are no better for being in pieces. */
	front_end_send(fe, VHOST_USER_SET_VRING_CALL, VHOST_USER_VERSION, big,
		       8, fe->call, 2);
	assert_wrong("SET_VRING_CALL", "file descriptors: 2");
}

static void every_size_and_fd_count(void **state)
{
	uint8_t payload[sizeof(union vhost_user_payload)] = { 0 };

	(void)state;
	for (uint32_t request = 0; request < 42; request++) {
		const struct {
			uint32_t request;
			size_t size;
		} exact[] = {
			{ VHOST_USER_SET_FEATURES, 8 },
			{ VHOST_USER_SET_PROTOCOL_FEATURES, 8 },
			{ VHOST_USER_SET_VRING_NUM, 8 },
			{ VHOST_USER_SET_VRING_ADDR, 40 },
			{ VHOST_USER_SET_VRING_BASE, 8 },
			{ VHOST_USER_GET_VRING_BASE, 8 },
			{ VHOST_USER_SET_VRING_KICK, 8 },
			{ VHOST_USER_SET_VRING_CALL, 8 },
			{ VHOST_USER_SET_VRING_ERR, 8 },
			{ VHOST_USER_SET_VRING_ENABLE, 8 },
			{ VHOST_USER_ADD_MEM_REG, 40 },
			{ VHOST_USER_REM_MEM_REG, 40 },
			{ VHOST_USER_SET_STATUS, 8 },
			{ VHOST_USER_NET_SET_MTU, 8 },
			{ VHOST_USER_GET_FEATURES, 0 },
			{ VHOST_USER_GET_STATUS, 0 },
			{ VHOST_USER_SET_OWNER, 0 },
			{ VHOST_USER_RESET_OWNER, 0 },
			{ VHOST_USER_RESET_DEVICE, 0 },
			{ VHOST_USER_GET_QUEUE_NUM, 0 },
		};

		for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++) {
			if (exact[i].request != request) {
				continue;
			}
			for (int by = -1; by <= 1; by += 2) {
				size_t size = exact[i].size + (size_t)by;

				if (size > sizeof(payload)) {
					continue;
				}
				front_end_negotiate(fe, BASE_FEATURES,
						    ALL_PROTOCOL);
				front_end_tell(fe, request, payload, size);
				assert_wrong("", "size: ");
				again();
			}
			front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL);
			front_end_send(fe, request, VHOST_USER_VERSION, payload,
				       exact[i].size, fe->call, 2);
			assert_wrong("", "file descriptors: 2");
			again();
		}
	}
}

static void pieces(void **state)
{
	struct {
		struct vhost_user_header header;
		struct vhost_user_vring_state state;
	} message = { { VHOST_USER_SET_VRING_NUM, VHOST_USER_VERSION, 8 },
		      { 1, 32 } };

	(void)state;
	for (size_t i = 0; i < sizeof(message); i++) {
		assert_int_equal(send(fe->fd, (uint8_t *)&message + i, 1, 0),
				 1);
		front_end_run(fe);
		assert_int_equal(fe->vu.ring[1].size,
				 i + 1 == sizeof(message) ? 32 : 0);
	}
	/* Its end within a message is another thing than its end. */
	assert_int_equal(send(fe->fd, &message, 13, 0), 13);
	front_end_hang_up(fe);
	assert_wrong("SET_VRING_NUM", "ends before");
	front_end_connect(fe);
	front_end_hang_up(fe);
	assert_wrong("front-end", "disconnected");
}

/* ------------------------------------------------------------------- memory */

static void send_region(uint32_t request, uint64_t gpa, uint64_t size,
			uint64_t uva, uint64_t offset, int fd)
{
	struct vhost_user_mem_reg reg = { 0, { gpa, size, uva, offset } };

	front_end_send(fe, request, VHOST_USER_VERSION, &reg, sizeof(reg), &fd,
		       fd >= 0 ? 1 : 0);
	front_end_run(fe);
}

static void wrong_tables(void **state)
{
	static const struct {
		uint32_t count;
		size_t bytes;
		size_t fds;
		const char *field;
	} wrong[] = {
		{ 2, 72, 1, "1 file descriptors" },
		{ 2, 72, 3, "3 file descriptors" },
		{ 2, 71, 2, "num regions: 2" },
		{ 3, 72, 3, "num regions: 3" },
		{ 0xffffffff, 264, 8, "num regions" },
		{ 1, 4, 1, "size: 4" },
	};
	struct vhost_user_mem_table table = {
		.region = { { FE_LOW, 0x1000, FE_UVA, 0 },
			    { FE_HIGH, 0x1000, FE_HIGH_UVA, 0x1000 },
			    { 0, 0x1000, 0x1000, 0x2000 } },
	};
	int fds[8];

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		fds[i] = fe->mem_fd;
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		table.count = wrong[i].count;
		front_end_send(fe, VHOST_USER_SET_MEM_TABLE, VHOST_USER_VERSION,
			       &table, wrong[i].bytes, fds, wrong[i].fds);
		assert_wrong("SET_MEM_TABLE", wrong[i].field);
		again();
	}
	table.count = 0;
	front_end_tell(fe, VHOST_USER_SET_MEM_TABLE, &table, 8);
	assert_alive();
}

static void wrong_regions(void **state)
{
	const uint64_t end = FE_LOW_SIZE + FE_HIGH_SIZE;
	const struct {
		uint64_t gpa, size, uva, offset;
		int fd;
		const char *field;
	} wrong[] = {
		{ FE_LOW, 0, FE_UVA, 0, fe->mem_fd, "wraps" },
		{ FE_LOW, end + 1, FE_UVA, 0, fe->mem_fd, "after its file" },
		{ FE_LOW, 0x1000, FE_UVA, end - 0xfff, fe->mem_fd,
		  "after its file" },
		{ FE_LOW, 0x1000, FE_UVA, UINT64_MAX - 0xffe, fe->mem_fd,
		  "wraps" },
		{ FE_LOW, 0x1000, FE_UVA, INT64_MAX, fe->mem_fd, "wraps" },
		{ FE_LOW, UINT64_MAX, 0, 0x1000, fe->mem_fd, "wraps" },
		{ UINT64_MAX - 0xffe, 0x1000, FE_UVA, 0, fe->mem_fd, "wraps" },
		{ FE_LOW, 0x1000, UINT64_MAX - 0xffe, 0, fe->mem_fd,
		  "user address" },
		{ FE_LOW, 0x1000, FE_UVA, 0, fe->call[0], "regular file" },
		{ FE_LOW, 0x1000, FE_UVA, 0, -1, "file descriptors: 0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL);
		send_region(VHOST_USER_ADD_MEM_REG, wrong[i].gpa, wrong[i].size,
			    wrong[i].uva, wrong[i].offset, wrong[i].fd);
		assert_wrong("ADD_MEM_REG", wrong[i].field);
		again();
	}
}

static void regions_come_and_go(void **state)
{
	(void)state;
	front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL);
	for (uint64_t i = 0; i < GUEST_MEM_REGIONS_MAX; i++) {
		send_region(VHOST_USER_ADD_MEM_REG, i << 32, 0x1000, i << 32,
			    i * 0x1000 + 0x10, fe->mem_fd);
	}
	assert_alive();
	fe->ram[0x3010] = 0x99;
	assert_int_equal(
		*(uint8_t *)guest_mem_map(&fe->vu.mem.gm, 3ull << 32, 0x1000),
		0x99);
	/* The fd that REM_MEM_REG need not have. */
	send_region(VHOST_USER_REM_MEM_REG, 1ull << 32, 0x1000, 1ull << 32, 7,
		    fe->mem_fd);
	send_region(VHOST_USER_REM_MEM_REG, 7ull << 32, 0x1000, 7ull << 32, 0,
		    -1);
	assert_alive();
	assert_null(guest_mem_map(&fe->vu.mem.gm, 1ull << 32, 1));
	assert_non_null(guest_mem_map(&fe->vu.mem.gm, 3ull << 32, 1));
	send_region(VHOST_USER_REM_MEM_REG, 3ull << 32, 0x2000, 3ull << 32, 0,
		    -1);
	assert_wrong("REM_MEM_REG", "No such");
	again();
	front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL);
	for (uint64_t i = 0; i <= GUEST_MEM_REGIONS_MAX; i++) {
		send_region(VHOST_USER_ADD_MEM_REG, i << 32, 0x1000, i << 32, 0,
			    fe->mem_fd);
	}
	assert_wrong("ADD_MEM_REG", "too many");
	again();
	front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL);
	for (uint64_t i = 0; i < 2; i++) {
		send_region(VHOST_USER_ADD_MEM_REG, FE_LOW, 0x1000, FE_UVA,
			    i * 0x1000, fe->mem_fd);
	}
	assert_wrong("ADD_MEM_REG", "overlaps");
}

/* Front-ends with several queue pairs do it once for each. */
static void regions_added_twice(void **state)
{
	(void)state;
	front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL);
	for (int i = 0; i < 2; i++) {
		send_region(VHOST_USER_ADD_MEM_REG, FE_LOW, 0x1000, FE_UVA, 0,
			    fe->mem_fd);
		send_region(VHOST_USER_ADD_MEM_REG, FE_HIGH, 0x1000,
			    FE_HIGH_UVA, 0x1000, fe->mem_fd);
	}
	assert_alive();
	assert_int_equal(fe->vu.mem.gm.region_count, 2);
	assert_int_equal(count_maps(), maps_before + 3);
	for (int i = 0; i < 2; i++) {
		assert_non_null(guest_mem_map(&fe->vu.mem.gm, FE_LOW, 1));
		send_region(VHOST_USER_REM_MEM_REG, FE_LOW, 0x1000, FE_UVA, 0,
			    -1);
	}
	assert_null(guest_mem_map(&fe->vu.mem.gm, FE_LOW, 1));
	for (int i = 0; i < 2; i++) {
		assert_non_null(guest_mem_map(&fe->vu.mem.gm, FE_HIGH, 1));
		send_region(VHOST_USER_REM_MEM_REG, FE_HIGH, 0x1000,
			    FE_HIGH_UVA, 0, -1);
	}
	assert_null(guest_mem_map(&fe->vu.mem.gm, FE_HIGH, 1));
	assert_alive();
	send_region(VHOST_USER_REM_MEM_REG, FE_LOW, 0x1000, FE_UVA, 0, -1);
	assert_wrong("REM_MEM_REG", "No such");
}

/* Rings move with memory, and nothing is unmapped that a request still uses. */
static void memory_changes_under_a_running_device(void **state)
{
	unsigned int maps;

	(void)state;
	front_end_bring_up(fe);
	maps = count_maps();
	fe->device.hold = true;
	front_end_offer(fe, 0, 0, 0x55);
	front_end_kick(fe, 0);
	assert_int_equal(fe->device.pending_count, 1);
	front_end_send_table(fe);
	front_end_offer(fe, 0, 2, 0x66);
	front_end_kick(fe, 0);
	assert_true(fe->vu.held);
	assert_int_equal(count_maps(), maps);
	assert_int_equal(fe->device.pending_count, 1);
	test_device_finish(&fe->device, 1);
	front_end_run(fe);
	assert_false(fe->vu.held);
	assert_int_equal(front_end_result(fe, 0, 0), 0x55);
	/* Going on with what came meanwhile. */
	assert_int_equal(fe->device.pending_count, 1);
	test_device_finish(&fe->device, 1);
	assert_int_equal(front_end_result(fe, 0, 2), 0x66);
	assert_int_equal(count_maps(), maps);
	/* Rings that are left without memory. */
	front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL);
	send_region(VHOST_USER_REM_MEM_REG, FE_LOW, FE_LOW_SIZE, FE_UVA, 0, -1);
	assert_wrong("REM_MEM_REG", "ring 0: descriptor: 0x7f1234560000");
}

static void file_shrinks(void **state)
{
	(void)state;
	/* The test library has a handler of its own for each test. */
	assert_int_equal(fault_guard_install(), 0);
	front_end_bring_up(fe);
	front_end_offer(fe, 0, 0, 1);
	assert_int_equal(ftruncate(fe->mem_fd, 0), 0);
	/* Looking at the ring would have been the end of the process. */
	fe->device.dev.ops->kick(&fe->device.dev, 0);
	assert_wrong("truncated", "connection ended");
	assert_int_equal(ftruncate(fe->mem_fd, FE_LOW_SIZE + FE_HIGH_SIZE), 0);
	again();
	front_end_bring_up(fe);
	front_end_offer(fe, 0, 0, 1);
	front_end_kick(fe, 0);
	assert_int_equal(front_end_result(fe, 0, 0), 1);
}

/* -------------------------------------------------------------------- rings */

static void wrong_ring_messages(void **state)
{
	static const struct {
		uint32_t request;
		uint32_t index;
		uint32_t num;
		const char *name;
		const char *field;
	} wrong[] = {
		{ VHOST_USER_SET_VRING_NUM, 2, 8, "SET_VRING_NUM", "index: 2" },
		{ VHOST_USER_SET_VRING_NUM, 0, 0, "SET_VRING_NUM", "num: 0" },
		{ VHOST_USER_SET_VRING_NUM, 0, 24, "SET_VRING_NUM", "num: 24" },
		{ VHOST_USER_SET_VRING_NUM, 0, 128, "SET_VRING_NUM",
		  "num: 128" },
		{ VHOST_USER_SET_VRING_BASE, 0xffffffff, 0, "SET_VRING_BASE",
		  "index" },
		{ VHOST_USER_SET_VRING_BASE, 0, 0x10000, "SET_VRING_BASE",
		  "num: 65536" },
		{ VHOST_USER_GET_VRING_BASE, 2, 0, "GET_VRING_BASE", "index" },
		{ VHOST_USER_SET_VRING_ENABLE, 2, 0, "SET_VRING_ENABLE",
		  "index" },
		{ VHOST_USER_SET_VRING_ENABLE, 0, 2, "SET_VRING_ENABLE",
		  "num: 2" },
	};
	struct vhost_user_vring_addr addr = { .index = 2 };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		front_end_state(fe, wrong[i].request, wrong[i].index,
				wrong[i].num);
		assert_wrong(wrong[i].name, wrong[i].field);
		again();
	}
	front_end_tell(fe, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr));
	assert_wrong("SET_VRING_ADDR", "index: 2");
	again();
	addr = (struct vhost_user_vring_addr){
		.flags = VHOST_USER_VRING_F_LOG,
	};
	front_end_tell(fe, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr));
	assert_wrong("SET_VRING_ADDR", "flags: 0x1");
}

static void wrong_ring_fds(void **state)
{
	static const uint32_t requests[] = { VHOST_USER_SET_VRING_KICK,
					     VHOST_USER_SET_VRING_CALL,
					     VHOST_USER_SET_VRING_ERR };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		front_end_ring_fd(fe, requests[i], 0, -1);
		assert_wrong("SET_VRING_", "file descriptors: 0, not 1");
		again();
		front_end_ring_fd(fe, requests[i], 0x100, fe->call[0]);
		assert_wrong("SET_VRING_", "file descriptors: 1, not 0");
		again();
		front_end_ring_fd(fe, requests[i], 2, fe->call[0]);
		assert_wrong("SET_VRING_", "index: 2");
		again();
		front_end_ring_fd(fe, requests[i], 0x200, fe->call[0]);
		assert_wrong("SET_VRING_", "u64: 0x200");
		again();
		front_end_ring_fd(fe, requests[i], 0, fe->mem_fd);
		assert_wrong("SET_VRING_", "neither");
		again();
	}
}

static void addresses_outside_of_memory(void **state)
{
	struct vhost_user_vring_addr addr;

	(void)state;
	for (int part = 0; part < 3; part++) {
		front_end_bring_up(fe);
		front_end_state(fe, VHOST_USER_GET_VRING_BASE, 0, 0);
		addr = fe->vu.ring[0].addr;
		*(part == 0   ? &addr.desc
		  : part == 1 ? &addr.avail
			      : &addr.used) = FE_HIGH_UVA + FE_HIGH_SIZE;
		front_end_tell(fe, VHOST_USER_SET_VRING_ADDR, &addr,
			       sizeof(addr));
		front_end_ring_fd(fe, VHOST_USER_SET_VRING_KICK, 0,
				  fe->kick[0]);
		assert_wrong("SET_VRING_KICK", "in no memory region");
		assert_int_equal(fe->device.running, false);
		again();
	}
}

/* GET_VRING_BASE: the ring is stopped and all that was taken is given back. */
static void base_waits_for_requests(void **state)
{
	struct vhost_user_vring_state base;

	(void)state;
	front_end_bring_up(fe);
	fe->device.hold = true;
	front_end_offer(fe, 1, 0, 1);
	front_end_offer(fe, 1, 2, 2);
	front_end_kick(fe, 1);
	front_end_state(fe, VHOST_USER_GET_VRING_BASE, 1, 0);
	assert_int_equal(front_end_receive(fe, VHOST_USER_GET_VRING_BASE, &base,
					   sizeof(base), NULL),
			 -1);
	test_device_finish(&fe->device, 1);
	assert_int_equal(front_end_receive(fe, VHOST_USER_GET_VRING_BASE, &base,
					   sizeof(base), NULL),
			 -1);
	test_device_finish(&fe->device, 1);
	assert_int_equal(front_end_receive(fe, VHOST_USER_GET_VRING_BASE, &base,
					   sizeof(base), NULL),
			 8);
	assert_int_equal(base.index, 1);
	assert_int_equal(base.num, 2);
	assert_int_equal(ring_driver_used_idx(&fe->ring[1]), 2);
	/* The other one goes on, this one does not. */
	fe->device.hold = false;
	front_end_offer(fe, 0, 0, 3);
	front_end_kick(fe, 0);
	assert_int_equal(ring_driver_used_idx(&fe->ring[0]), 1);
	front_end_offer(fe, 1, 4, 4);
	front_end_kick(fe, 1);
	assert_int_equal(ring_driver_used_idx(&fe->ring[1]), 2);
	/* Until it is started again, where it was. */
	front_end_set_ring(fe, 1, 2);
	assert_int_equal(ring_driver_used_idx(&fe->ring[1]), 3);
	assert_int_equal(front_end_result(fe, 1, 4), 4);
}

static void enabling(void **state)
{
	(void)state;
	front_end_bring_up(fe);
	front_end_state(fe, VHOST_USER_SET_VRING_ENABLE, 0, 0);
	front_end_offer(fe, 0, 0, 1);
	front_end_kick(fe, 0);
	assert_int_equal(ring_driver_used_idx(&fe->ring[0]), 0);
	front_end_state(fe, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	assert_int_equal(ring_driver_used_idx(&fe->ring[0]), 1);
	/* Without the feature, a ring is enabled from the start. */
	again();
	front_end_u64(fe, VHOST_USER_SET_FEATURES, VIRTIO_F_VERSION_1);
	front_end_send_table(fe);
	ring_driver_init(&fe->ring[0], &fe->gm, FE_RING(0), FE_RING_SIZE);
	front_end_offer(fe, 0, 0, 9);
	front_end_state(fe, VHOST_USER_SET_VRING_NUM, 0, FE_RING_SIZE);
	front_end_tell(fe, VHOST_USER_SET_VRING_ADDR,
		       &(struct vhost_user_vring_addr){
			       .desc = FE_UVA,
			       .avail = fe->ring[0].at.avail - FE_LOW + FE_UVA,
			       .used = fe->ring[0].at.used - FE_LOW + FE_UVA,
		       },
		       sizeof(struct vhost_user_vring_addr));
	assert_int_equal(ring_driver_used_idx(&fe->ring[0]), 0);
	front_end_ring_fd(fe, VHOST_USER_SET_VRING_KICK, 0, fe->kick[0]);
	assert_int_equal(ring_driver_used_idx(&fe->ring[0]), 1);
	/* With it, not before it is said. */
	again();
	front_end_u64(fe, VHOST_USER_SET_FEATURES, BASE_FEATURES);
	front_end_send_table(fe);
	front_end_state(fe, VHOST_USER_SET_VRING_NUM, 0, FE_RING_SIZE);
	front_end_tell(fe, VHOST_USER_SET_VRING_ADDR,
		       &(struct vhost_user_vring_addr){
			       .desc = FE_UVA,
			       .avail = fe->ring[0].at.avail - FE_LOW + FE_UVA,
			       .used = fe->ring[0].at.used - FE_LOW + FE_UVA,
		       },
		       sizeof(struct vhost_user_vring_addr));
	front_end_ring_fd(fe, VHOST_USER_SET_VRING_KICK, 0, fe->kick[0]);
	assert_false(fe->device.running);
}

/* A ring of packets to send is emptied while it is disabled. */
static void emptying(void **state)
{
	(void)state;
	front_end_bring_up(fe);
	front_end_state(fe, VHOST_USER_SET_VRING_ENABLE, 1, 0);
	front_end_state(fe, VHOST_USER_SET_VRING_ENABLE, 0, 0);
	front_end_offer(fe, 0, 0, 1);
	front_end_kick(fe, 0);
	front_end_offer(fe, 1, 0, 0x11);
	front_end_kick(fe, 1);
	assert_int_equal(ring_driver_used_idx(&fe->ring[0]), 0);
	assert_int_equal(ring_driver_used_idx(&fe->ring[1]), 1);
	assert_int_equal(front_end_result(fe, 1, 0), 0);
	front_end_state(fe, VHOST_USER_SET_VRING_ENABLE, 1, 1);
	front_end_offer(fe, 1, 2, 0x12);
	front_end_kick(fe, 1);
	assert_int_equal(front_end_result(fe, 1, 2), 0x12);
	/* Stopped, it is left alone; and so it is before it is ever enabled. */
	front_end_state(fe, VHOST_USER_SET_VRING_ENABLE, 1, 0);
	front_end_state(fe, VHOST_USER_GET_VRING_BASE, 1, 0);
	front_end_offer(fe, 1, 4, 0x13);
	front_end_kick(fe, 1);
	assert_int_equal(ring_driver_used_idx(&fe->ring[1]), 2);
	front_end_tell(fe, VHOST_USER_RESET_DEVICE, NULL, 0);
	front_end_ring_fd(fe, VHOST_USER_SET_VRING_KICK, 1, fe->kick[1]);
	assert_int_equal(ring_driver_used_idx(&fe->ring[1]), 2);
	assert_false(fe->device.running);
	front_end_state(fe, VHOST_USER_SET_VRING_ENABLE, 1, 1);
	assert_int_equal(front_end_result(fe, 1, 4), 0x13);
}

/* Disabled and enabled with requests under way: each is done once. */
static void enabling_under_load(void **state)
{
	uint32_t head;
	uint32_t len;

	(void)state;
	front_end_bring_up(fe);
	fe->device.hold = true;
	for (uint16_t i = 0; i < 3; i++) {
		front_end_offer(fe, 0, 2 * i, (uint8_t)(0x20 + i));
	}
	front_end_kick(fe, 0);
	assert_int_equal(fe->device.pending_count, 3);
	test_device_finish_at(&fe->device, 1);
	front_end_state(fe, VHOST_USER_SET_VRING_ENABLE, 0, 0);
	assert_true(fe->vu.held);
	front_end_state(fe, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	front_end_offer(fe, 0, 6, 0x23);
	front_end_kick(fe, 0);
	test_device_finish(&fe->device, 1);
	front_end_run(fe);
	assert_true(fe->vu.held);
	test_device_finish(&fe->device, 1);
	front_end_run(fe);
	assert_false(fe->vu.held);
	assert_int_equal(fe->device.pending_count, 1);
	test_device_finish(&fe->device, 1);
	for (uint32_t i = 0; i < 4; i++) {
		assert_true(ring_driver_take(&fe->ring[0], &head, &len));
		assert_int_equal(head, i == 0 ? 2 : i == 1 ? 0 : 2 * i);
		assert_int_equal(front_end_result(fe, 0, (uint16_t)head),
				 0x20 + head / 2);
	}
	assert_false(ring_driver_take(&fe->ring[0], &head, &len));
	assert_int_equal(fe->device.executed, 4);
	assert_false(fe->vu.broken);
}

static void mtu(void **state)
{
	(void)state;
	front_end_bring_up(fe);
	front_end_u64(fe, VHOST_USER_NET_SET_MTU, 9000);
	assert_int_equal(fe->device.mtu, 9000);
	assert_true(fe->device.running);
	front_end_u64(fe, VHOST_USER_NET_SET_MTU, 67);
	assert_wrong("NET_SET_MTU", "an MTU of 67");
}

static void polling_without_a_kick(void **state)
{
	(void)state;
	front_end_bring_up(fe);
	front_end_ring_fd(fe, VHOST_USER_SET_VRING_KICK, 0x100, -1);
	front_end_offer(fe, 0, 0, 0x31);
	event_pump_advance(&fe->pump, VHOST_USER_POLL_MS);
	assert_int_equal(front_end_result(fe, 0, 0), 0x31);
	front_end_offer(fe, 0, 2, 0x32);
	event_pump_advance(&fe->pump, VHOST_USER_POLL_MS);
	assert_int_equal(front_end_result(fe, 0, 2), 0x32);
	/* The other ring is not polled. */
	front_end_offer(fe, 1, 0, 0x33);
	event_pump_advance(&fe->pump, VHOST_USER_POLL_MS);
	assert_int_equal(front_end_result(fe, 1, 0), 0);
	/* No call either: nothing is written anywhere. */
	front_end_ring_fd(fe, VHOST_USER_SET_VRING_CALL, 0x101, -1);
	front_end_kick(fe, 1);
	assert_int_equal(front_end_result(fe, 1, 0), 0x33);
}

static void kick_that_ends(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	front_end_bring_up(fe);
	front_end_ring_fd(fe, VHOST_USER_SET_VRING_KICK, 0, ends[0]);
	front_end_offer(fe, 0, 0, 0x21);
	assert_int_equal(write(ends[1], "kickkick", 8), 8);
	front_end_run(fe);
	assert_int_equal(front_end_result(fe, 0, 0), 0x21);
	close(ends[1]);
	close(ends[0]);
	front_end_run(fe);
	assert_alive();
}

/* What was given back before the call was known may not have been noticed. */
static void late_call(void **state)
{
	(void)state;
	front_end_bring_up(fe);
	front_end_ring_fd(fe, VHOST_USER_SET_VRING_CALL, 0x100, -1);
	front_end_offer(fe, 0, 0, 1);
	front_end_kick(fe, 0);
	assert_int_equal(front_end_count(fe->call[0]), 0);
	front_end_ring_fd(fe, VHOST_USER_SET_VRING_CALL, 0, fe->call[0]);
	assert_int_equal(front_end_count(fe->call[0]), 1);
}

static void malformed_ring_breaks_the_device_alone(void **state)
{
	(void)state;
	front_end_bring_up(fe);
	front_end_u64(fe, VHOST_USER_SET_STATUS, 0xf);
	ring_driver_offer(&fe->ring[0], FE_RING_SIZE);
	front_end_kick(fe, 0);
	assert_alive();
	for (uint32_t q = 0; q < TEST_DEVICE_QUEUES; q++) {
		assert_int_equal(front_end_count(fe->err[q]), 1);
	}
	assert_non_null(strstr(fe->log, "malformed queue"));
	assert_int_equal(front_end_ask(fe, VHOST_USER_GET_STATUS), 0x4f);
	front_end_u64(fe, VHOST_USER_SET_STATUS, 0xf);
	assert_int_equal(front_end_ask(fe, VHOST_USER_GET_STATUS), 0x4f);
	front_end_offer(fe, 1, 0, 1);
	front_end_kick(fe, 1);
	assert_int_equal(ring_driver_used_idx(&fe->ring[1]), 0);
	/* Stopping the rings resets it; so does a status of 0. */
	for (int how = 0; how < 2; how++) {
		for (uint32_t q = 0; q < TEST_DEVICE_QUEUES; q++) {
			struct vhost_user_vring_state base;

			if (how == 1) {
				front_end_u64(fe, VHOST_USER_SET_STATUS, 0);
				break;
			}
			front_end_state(fe, VHOST_USER_GET_VRING_BASE, q, 0);
			(void)front_end_receive(fe, VHOST_USER_GET_VRING_BASE,
						&base, sizeof(base), NULL);
		}
		assert_int_equal(front_end_ask(fe, VHOST_USER_GET_STATUS) &
					 VIRTIO_STATUS_NEEDS_RESET,
				 0);
		front_end_bring_up(fe);
		front_end_offer(fe, 0, 0, 0x44);
		front_end_kick(fe, 0);
		assert_int_equal(front_end_result(fe, 0, 0), 0x44);
		fe->log[0] = '\0';
		ring_driver_offer(&fe->ring[0], FE_RING_SIZE);
		front_end_kick(fe, 0);
		assert_true(fe->vu.broken);
		/* Told once. */
		assert_string_equal(fe->log, "");
	}
}

static void guests_mistakes_at_start(void **state)
{
	struct vhost_user_vring_addr addr;

	(void)state;
	/* Misaligned. */
	front_end_bring_up(fe);
	addr = fe->vu.ring[0].addr;
	addr.used += 2;
	front_end_tell(fe, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr));
	assert_alive();
	assert_true(fe->vu.broken);
	assert_non_null(strstr(fe->log, "aligned"));
	/* The end of the ring is in the next region. */
	again();
	front_end_bring_up(fe);
	addr = fe->vu.ring[0].addr;
	addr.used = FE_HIGH_UVA - 4;
	front_end_tell(fe, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr));
	assert_alive();
	assert_true(fe->vu.broken);
	/* A driver of before virtio 1. */
	again();
	front_end_bring_up(fe);
	front_end_u64(fe, VHOST_USER_SET_FEATURES,
		      VHOST_USER_F_PROTOCOL_FEATURES);
	assert_alive();
	assert_true(fe->vu.broken);
	assert_non_null(strstr(fe->log, "VERSION_1"));
	/* The device does not like what it finds. */
	again();
	fe->device.refuse = true;
	front_end_bring_up(fe);
	assert_alive();
	assert_true(fe->vu.broken);
}

static void reset_messages(void **state)
{
	static const uint32_t requests[] = { VHOST_USER_RESET_OWNER,
					     VHOST_USER_RESET_DEVICE };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		front_end_bring_up(fe);
		front_end_tell(fe, requests[i], NULL, 0);
		assert_false(fe->device.running);
		front_end_offer(fe, 0, 0, 1);
		front_end_kick(fe, 0);
		assert_int_equal(ring_driver_used_idx(&fe->ring[0]), 0);
		(void)front_end_count(fe->kick[0]);
		front_end_bring_up(fe);
		assert_true(fe->device.running);
	}
	front_end_u64(fe, VHOST_USER_SET_STATUS, 0x100);
	assert_wrong("SET_STATUS", "status: 0x100");
}

/* ----------------------------------------------------------------- tracking */

static void wrong_tracking(void **state)
{
	static const struct {
		uint16_t queues;
		uint16_t size;
		const char *field;
	} wrong[] = {
		{ 0, 16, "num queues: 0" },
		{ 3, 16, "num queues: 3" },
		{ 1, 0, "queue size: 0" },
		{ 1, 65, "queue size: 65" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct vhost_user_inflight ask = {
			.num_queues = wrong[i].queues,
			.queue_size = wrong[i].size,
		};

		front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL);
		front_end_tell(fe, VHOST_USER_GET_INFLIGHT_FD, &ask,
			       sizeof(ask));
		assert_wrong("GET_INFLIGHT_FD", wrong[i].field);
		again();
	}
	for (int i = 0; i < 5; i++) {
		static const char *const fields[] = {
			"mmap size",	    "mmap offset",   "too short",
			"Invalid argument", "num queues: 3",
		};

		front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL);
		front_end_make_tracking(fe);
		/* It cannot shrink under us. */
		assert_int_equal(ftruncate(fe->inflight_fd, 0), -1);
		switch (i) {
		case 0:
			fe->inflight.mmap_size--;
			break;
		case 1:
			fe->inflight.mmap_offset = 4;
			break;
		case 2:
			fe->inflight.mmap_offset = fe->inflight.mmap_size;
			break;
		case 3:
			fe->inflight.mmap_offset = UINT64_MAX - 7;
			break;
		default:
			fe->inflight.num_queues = 3;
			break;
		}
		front_end_give_tracking(fe);
		assert_wrong("SET_INFLIGHT_FD", fields[i]);
		again();
	}
	front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL);
	front_end_make_tracking(fe);
	front_end_tell(fe, VHOST_USER_SET_INFLIGHT_FD, &fe->inflight,
		       sizeof(fe->inflight));
	assert_wrong("SET_INFLIGHT_FD", "file descriptors: 0");
}

/* An area for shorter queues than the one that is to be recorded in it. */
static void tracking_too_short(void **state)
{
	(void)state;
	front_end_bring_up(fe);
	front_end_state(fe, VHOST_USER_SET_VRING_NUM, 0, 32);
	assert_wrong("SET_VRING_NUM", "queue size 16");
}

/*
 * Killed with three taken, of which the second was done first: the others are
 * done again, in order, and each is given back once.
 */
static void requests_survive_a_kill(void **state)
{
	static const uint32_t order[] = { 0, 4, 2, 6, 8 };
	uint32_t head;
	uint32_t len;

	(void)state;
	front_end_bring_up(fe);
	front_end_offer(fe, 0, 0, 0x10);
	front_end_kick(fe, 0);
	fe->device.hold = true;
	for (uint16_t i = 1; i < 4; i++) {
		front_end_offer(fe, 0, 2 * i, (uint8_t)(0x10 + i));
	}
	front_end_kick(fe, 0);
	front_end_offer(fe, 0, 8, 0x14);
	assert_int_equal(fe->device.pending_count, 3);
	test_device_finish_at(&fe->device, 1);
	front_end_kill(fe);
	assert_int_equal(ring_driver_used_idx(&fe->ring[0]), 2);

	front_end_connect(fe);
	front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL);
	front_end_give_tracking(fe);
	front_end_send_table(fe);
	/* A front-end that finds nobody to ask takes the used index. */
	front_end_set_ring(fe, 0, 2);
	assert_int_equal(fe->device.executed, 3);
	assert_int_equal(ring_driver_used_idx(&fe->ring[0]), 5);
	for (uint32_t i = 0; i < 5; i++) {
		assert_true(ring_driver_take(&fe->ring[0], &head, &len));
		assert_int_equal(head, order[i]);
		assert_int_equal(len, 1);
		assert_int_equal(front_end_result(fe, 0, (uint16_t)head),
				 0x10 + head / 2);
	}
	assert_true(front_end_count(fe->call[0]) > 0);
	assert_false(ring_driver_take(&fe->ring[0], &head, &len));
}

/* Between the used ring and the record of it. */
static void killed_in_the_last_step(void **state)
{
	struct inflight_area *area;
	uint32_t head;
	uint32_t len;

	(void)state;
	front_end_bring_up(fe);
	front_end_offer(fe, 0, 0, 0x10);
	front_end_kick(fe, 0);
	front_end_kill(fe);
	area = mmap(NULL, fe->inflight.mmap_size, PROT_READ | PROT_WRITE,
		    MAP_SHARED, fe->inflight_fd, 0);
	assert_int_equal(area->used_idx, 1);
	area->used_idx = 0;
	area->desc[0].inflight = 1;
	munmap(area, fe->inflight.mmap_size);
	front_end_connect(fe);
	front_end_negotiate(fe, BASE_FEATURES, ALL_PROTOCOL);
	front_end_give_tracking(fe);
	front_end_send_table(fe);
	front_end_set_ring(fe, 0, 1);
	assert_int_equal(fe->device.executed, 0);
	assert_false(fe->vu.broken);
	assert_true(ring_driver_take(&fe->ring[0], &head, &len));
	assert_false(ring_driver_take(&fe->ring[0], &head, &len));
}

/* Another driver took the device over: a record at rest fits any ring. */
static void tracking_outlives_the_driver(void **state)
{
	(void)state;
	front_end_bring_up(fe);
	front_end_offer(fe, 0, 0, 1);
	front_end_kick(fe, 0);
	front_end_tell(fe, VHOST_USER_RESET_DEVICE, NULL, 0);
	ring_driver_init(&fe->ring[0], &fe->gm, FE_RING(0), 8);
	front_end_set_ring(fe, 0, 0);
	assert_false(fe->vu.broken);
	front_end_offer(fe, 0, 0, 2);
	front_end_kick(fe, 0);
	assert_int_equal(front_end_result(fe, 0, 0), 2);
	assert_int_equal(ring_driver_used_idx(&fe->ring[0]), 1);
}

/* ---------------------------------------------------------------- its end */

static void front_end_goes_away(void **state)
{
	(void)state;
	front_end_bring_up(fe);
	fe->device.hold = true;
	front_end_offer(fe, 0, 0, 1);
	front_end_kick(fe, 0);
	front_end_hang_up(fe);
	/* Not before the requests have ended: they use its memory. */
	assert_int_equal(fe->ended, 0);
	assert_true(fe->vu.open);
	assert_int_equal(vhost_user_connect(&fe->vu, dup(fe->mem_fd)), -EBUSY);
	test_device_finish(&fe->device, 1);
	front_end_run(fe);
	assert_int_equal(fe->ended, 1);
	fe->device.hold = false;
	front_end_connect(fe);
	front_end_bring_up(fe);
	front_end_offer(fe, 0, 0, 5);
	front_end_kick(fe, 0);
	assert_int_equal(front_end_result(fe, 0, 0), 5);
}

/* While a message waits for the device. */
static void front_end_goes_away_waiting(void **state)
{
	(void)state;
	front_end_bring_up(fe);
	fe->device.hold = true;
	front_end_offer(fe, 0, 0, 1);
	front_end_kick(fe, 0);
	front_end_send_table(fe);
	assert_true(fe->vu.held);
	vhost_user_disconnect(&fe->vu, "enough");
	front_end_run(fe);
	assert_int_equal(fe->ended, 0);
	test_device_finish(&fe->device, 1);
	front_end_run(fe);
	assert_int_equal(fe->ended, 1);
}

static void front_end_does_not_read(void **state)
{
	(void)state;
	for (int i = 0; i < 5000 && fe->ended == 0; i++) {
		front_end_send(fe, VHOST_USER_GET_FEATURES, VHOST_USER_VERSION,
			       NULL, 0, NULL, 0);
		front_end_run(fe);
	}
	assert_wrong("GET_FEATURES", "answer");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(features),
		TEST(protocol_features),
		TEST(what_was_not_negotiated),
		TEST(what_is_not_offered),
		TEST(requests_pass),
		TEST(acknowledgements),
		TEST(no_acknowledgement_unless_negotiated),
		TEST(what_is_not_supported),
		TEST(config_space),
		TEST(wrong_config),
		TEST(config_changes_are_told),
		TEST(wrong_channel),
		TEST(wrong_headers),
		TEST(every_size_and_fd_count),
		TEST(pieces),
		TEST(wrong_tables),
		TEST(wrong_regions),
		TEST(regions_come_and_go),
		TEST(regions_added_twice),
		TEST(memory_changes_under_a_running_device),
		TEST(file_shrinks),
		TEST(wrong_ring_messages),
		TEST(wrong_ring_fds),
		TEST(addresses_outside_of_memory),
		TEST(base_waits_for_requests),
		TEST(enabling),
		TEST(emptying),
		TEST(enabling_under_load),
		TEST(mtu),
		TEST(polling_without_a_kick),
		TEST(kick_that_ends),
		TEST(late_call),
		TEST(malformed_ring_breaks_the_device_alone),
		TEST(guests_mistakes_at_start),
		TEST(reset_messages),
		TEST(wrong_tracking),
		TEST(tracking_too_short),
		TEST(requests_survive_a_kill),
		TEST(killed_in_the_last_step),
		TEST(tracking_outlives_the_driver),
		TEST(front_end_goes_away),
		TEST(front_end_goes_away_waiting),
		TEST(front_end_does_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
