/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile front-end: messages with any header, payload and fds, whole and in
 * pieces; valid sequences with one value changed; rings and kicks; memory that
 * shrinks; sudden ends, and kills of the backend with requests in flight.  The
 * device is that of the tests, or a network card with packets from outside.
 *
 * Oracle: the loop always comes to rest; after every message the connection has
 * either ended, with a line in the log, or still answers; a device runs only on
 * rings that are mapped; and at the end no fd, mapping, watch or timer is left,
 * and a well-behaved front-end gets its request or packet through.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../unit/backends/support/front_end.h"
#include "../unit/backends/support/pipe_link.h"
#include "fuzz_input.h"
#include "net/virtio_net.h"

#define STEPS_MAX 64u
#define FRAME_LEN 60u
#define PACKET_LEN (NET_HDR_SIZE + FRAME_LEN)

#define require(x)               \
	do {                     \
		if (!(x)) {      \
			abort(); \
		}                \
	} while (0)

static struct pipe_link cable;
static struct virtio_net *net; /* NULL: the device is the tests' own */

static unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	require(dir != NULL);
	while (readdir(dir) != NULL) {
		n++;
	}
	closedir(dir);
	return n;
}

/* Reads and throws away whatever has been answered. */
static void drain(struct front_end *fe)
{
	char buf[4096];

	while (fe->fd >= 0 &&
	       recv(fe->fd, buf, sizeof(buf), MSG_DONTWAIT) > 0) {}
}

/* Takes what the card has sent: how much of it is the frame, of one byte. */
static unsigned int take_packets(uint8_t value)
{
	uint8_t packet[4096];
	unsigned int found = 0;
	ssize_t n;

	while (net != NULL && (n = recv(cable.peer[0], packet, sizeof(packet),
					MSG_DONTWAIT)) > 0) {
		require(n >= (ssize_t)(NET_HDR_SIZE + NET_ETH_SIZE));
		found += n == (ssize_t)PACKET_LEN && packet[n - 1] == value;
	}
	return found;
}

static void check(struct front_end *fe)
{
	const struct virtio_device *dev = fe->vu.dev;

	front_end_run(fe);
	drain(fe);
	(void)take_packets(0);
	for (uint32_t q = 0; q < TEST_DEVICE_QUEUES; q++) {
		const struct vq *vq = &dev->vq[q];

		require(!vq->ready || fe->vu.ring[q].running);
		require(!vq->ready || vq_check(&fe->vu.mem.gm, &vq->at) == 0);
		require(dev->inflight[q].area == NULL || fe->vu.open);
	}
	if (fe->vu.open && fe->vu.held) {
		test_device_finish(&fe->device, SIZE_MAX);
		front_end_run(fe);
		require(!fe->vu.held);
	}
	if (!fe->vu.open) {
		require(fe->ended == 1 && fe->log[0] != '\0');
		require(fe->vu.mem.gm.region_count == 0);
		front_end_hang_up(fe);
		front_end_connect(fe);
	}
}

static void fill_payload(struct fuzz_input *in, uint8_t *payload, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		payload[i] = fuzz_u8(in);
	}
}

static size_t pick_fds(struct fuzz_input *in, struct front_end *fe, int *ret)
{
	const int from[] = { fe->mem_fd, fe->kick[0], fe->call[1],
			     fe->err[0], fe->fd,      fe->inflight_fd,
			     fe->mem_fd };
	uint8_t what = fuzz_u8(in);
	size_t count = what < 128 ? what % 3 : what % 12;
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		int fd = from[fuzz_u8(in) % 7];

		if (fd >= 0) {
			ret[n++] = fd;
		}
	}
	return n;
}

/* Anything at all. */
static void raw_step(struct fuzz_input *in, struct front_end *fe)
{
	uint8_t payload[320] = { 0 };
	int fds[16];
	uint32_t request = fuzz_u8(in) % 44;
	uint32_t flags = fuzz_u8(in);
	size_t size = fuzz_u16(in) % sizeof(payload);
	size_t fd_count = pick_fds(in, fe, fds);

	fill_payload(in, payload, size < 64 ? size : 64);
	front_end_send(fe, request,
		       flags < 200 ? VHOST_USER_VERSION | (flags & 8) : flags,
		       payload, size, fds, fd_count);
}

static void bytes_step(struct fuzz_input *in, struct front_end *fe)
{
	uint8_t buf[40];
	size_t size = fuzz_u8(in) % sizeof(buf);

	fill_payload(in, buf, size);
	(void)!send(fe->fd, buf, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Values at the edges of what is right. */
static uint64_t pick_value(struct fuzz_input *in)
{
	static const uint64_t edges[] = {
		0,
		1,
		0xffff,
		0x10000,
		UINT32_MAX,
		UINT64_MAX,
		INT64_MAX,
		FE_LOW,
		FE_LOW_SIZE,
		FE_UVA,
		FE_HIGH_UVA + FE_HIGH_SIZE - 1,
		FE_LOW_SIZE + FE_HIGH_SIZE,
	};
	uint8_t what = fuzz_u8(in);

	return what < 128 ? edges[what % 12] + fuzz_u8(in) % 3 - 1
			  : fuzz_u32(in);
}

static void memory_step(struct fuzz_input *in, struct front_end *fe)
{
	struct vhost_user_mem_table table = {
		.count = 2,
		.region = {
			{ FE_LOW, FE_LOW_SIZE, FE_UVA, 0 },
			{ FE_HIGH, FE_HIGH_SIZE, FE_HIGH_UVA, FE_LOW_SIZE },
		},
	};
	struct vhost_user_mem_reg reg = { 0, table.region[fuzz_u8(in) & 1] };
	int fds[2] = { fe->mem_fd, fe->mem_fd };
	uint8_t how = fuzz_u8(in);
	struct vhost_user_region *wrong =
		(how & 1) != 0 ? &reg.region : &table.region[how >> 7];
	uint64_t *field[] = { &wrong->gpa, &wrong->size, &wrong->uva,
			      &wrong->offset };

	if ((how & 2) != 0) {
		*field[(how >> 2) & 3] = pick_value(in);
	}
	if ((how & 1) == 0) {
		front_end_send(fe, VHOST_USER_SET_MEM_TABLE, VHOST_USER_VERSION,
			       &table, 72, fds, 2);
	} else if ((how & 0x10) == 0) {
		front_end_send(fe, VHOST_USER_ADD_MEM_REG, VHOST_USER_VERSION,
			       &reg, sizeof(reg), fds, 1);
	} else {
		front_end_send(fe, VHOST_USER_REM_MEM_REG, VHOST_USER_VERSION,
			       &reg, sizeof(reg), fds, (how >> 5) & 1);
	}
}

static void ring_step(struct fuzz_input *in, struct front_end *fe)
{
	uint8_t what = fuzz_u8(in);
	uint32_t q = what & 1;
	uint16_t i = (uint16_t)(fuzz_u8(in) % (FE_RING_SIZE - 1));

	if (fe->ring[q].gm == NULL) {
		return;
	}
	switch ((what >> 1) % 8) {
	case 0:
		ring_driver_desc(&fe->ring[q], fe->ring[q].at.desc, i,
				 pick_value(in), fuzz_u16(in), fuzz_u8(in) & 7,
				 fuzz_u8(in) % (FE_RING_SIZE + 1));
		ring_driver_offer(&fe->ring[q], i);
		break;
	case 1:
		ring_driver_set_avail_idx(&fe->ring[q], fuzz_u16(in));
		break;
	case 2:
		ring_driver_offer(&fe->ring[q], fuzz_u16(in));
		break;
	default:
		front_end_offer(fe, q, i, what);
		break;
	}
	front_end_kick(fe, q);
}

static void state_step(struct fuzz_input *in, struct front_end *fe)
{
	static const uint32_t requests[] = {
		VHOST_USER_SET_VRING_NUM,    VHOST_USER_SET_VRING_BASE,
		VHOST_USER_GET_VRING_BASE,   VHOST_USER_SET_VRING_ENABLE,
		VHOST_USER_SET_VRING_ENABLE, VHOST_USER_RESET_OWNER,
		VHOST_USER_SET_STATUS,	     VHOST_USER_SET_FEATURES,
	};
	uint32_t request = requests[fuzz_u8(in) % 8];
	struct vhost_user_vring_state state = {
		fuzz_u8(in) % 3,
		(uint32_t)pick_value(in),
	};

	front_end_send(fe, request, VHOST_USER_VERSION, &state,
		       request == VHOST_USER_RESET_OWNER ? 0 : sizeof(state),
		       NULL, 0);
}

static void addr_step(struct fuzz_input *in, struct front_end *fe)
{
	struct vhost_user_vring_addr addr = fe->vu.ring[fuzz_u8(in) & 1].addr;
	uint64_t *field[] = { &addr.desc, &addr.used, &addr.avail };

	addr.index = fuzz_u8(in) % 3;
	*field[fuzz_u8(in) % 3] =
		fuzz_u8(in) < 128 ? FE_UVA + fuzz_u16(in) : pick_value(in);
	front_end_send(fe, VHOST_USER_SET_VRING_ADDR, VHOST_USER_VERSION, &addr,
		       sizeof(addr), NULL, 0);
}

static void tracking_step(struct fuzz_input *in, struct front_end *fe)
{
	struct vhost_user_inflight inflight = fe->inflight;
	uint8_t what = fuzz_u8(in);
	uint8_t byte;

	if (fe->inflight_fd < 0) {
		return;
	}
	if ((what & 1) != 0) {
		byte = fuzz_u8(in);
		/* What lies in the buffer is the front-end's word, too. */
		(void)!pwrite(fe->inflight_fd, &byte, 1,
			      (off_t)(fuzz_u16(in) % fe->inflight.mmap_size));
	}
	if ((what & 2) != 0) {
		uint8_t *at = (uint8_t *)&inflight + fuzz_u8(in) % 20;

		*at = fuzz_u8(in);
	}
	front_end_send(fe, VHOST_USER_SET_INFLIGHT_FD, VHOST_USER_VERSION,
		       &inflight, (what & 4) != 0 ? 20 : 24, &fe->inflight_fd,
		       1);
}

static void bring_up(struct front_end *fe)
{
	drain(fe);
	front_end_bring_up(fe);
}

static void restart(struct front_end *fe)
{
	front_end_hang_up(fe);
	test_device_finish(&fe->device, SIZE_MAX);
	front_end_run(fe);
	require(!fe->vu.open);
	front_end_connect(fe);
}

static void serve_net(struct front_end *fe)
{
	const struct virtio_net_config config = { .rings_only = true };

	require(virtio_net_init(net, &fe->pump.loop, &cable.link, &config) ==
		0);
	front_end_serve(fe, &net->dev);
}

static void kill_step(struct fuzz_input *in, struct front_end *fe)
{
	front_end_kill(fe);
	if (net != NULL) {
		serve_net(fe);
	}
	front_end_connect(fe);
	fe->device.hold = (fuzz_u8(in) & 1) != 0;
	if (fe->ring[0].gm == NULL || (net == NULL && fe->inflight_fd < 0)) {
		return;
	}
	front_end_negotiate(
		fe, front_end_ask(fe, VHOST_USER_GET_FEATURES),
		front_end_ask(fe, VHOST_USER_GET_PROTOCOL_FEATURES));
	if (net == NULL) {
		front_end_give_tracking(fe);
	}
	front_end_send_table(fe);
	for (uint32_t q = 0; q < TEST_DEVICE_QUEUES; q++) {
		front_end_set_ring(fe, q, ring_driver_used_idx(&fe->ring[q]));
	}
}

/* From outside, or a good one by the guest. */
static void packet_step(struct fuzz_input *in, struct front_end *fe)
{
	uint8_t packet[300] = { 0 };
	/* Nothing at all would be the end of the cable. */
	size_t size = 1 + fuzz_u16(in) % (sizeof(packet) - 1);
	uint16_t i = (uint16_t)(fuzz_u8(in) % FE_RING_SIZE);

	if (net == NULL || fe->ring[0].gm == NULL) {
		return;
	}
	fill_payload(in, packet, size < 24 ? size : 24);
	(void)send(cable.peer[0], packet, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	ring_driver_desc(&fe->ring[0], fe->ring[0].at.desc, i,
			 FE_DATA + 0x100u * i, 0x100, VQ_DESC_WRITE, 0);
	ring_driver_offer(&fe->ring[0], i);
	front_end_kick(fe, 0);
}

static void step(struct fuzz_input *in, struct front_end *fe)
{
	uint8_t what = fuzz_u8(in) % 32;

	if (what < 6) {
		raw_step(in, fe);
	} else if (what < 10) {
		memory_step(in, fe);
	} else if (what < 16) {
		ring_step(in, fe);
	} else if (what < 20) {
		state_step(in, fe);
	} else if (what < 22) {
		addr_step(in, fe);
	} else if (what < 24) {
		tracking_step(in, fe);
	} else if (what < 26 && net != NULL) {
		packet_step(in, fe);
	} else if (what < 26) {
		test_device_finish(&fe->device, fuzz_u8(in) % 4);
	} else if (what == 26) {
		fe->device.hold = !fe->device.hold;
	} else if (what == 27) {
		event_pump_advance(&fe->pump, VHOST_USER_POLL_MS);
	} else if (what == 28) {
		bytes_step(in, fe);
	} else if (what == 29) {
		restart(fe);
	} else if (what == 30) {
		kill_step(in, fe);
	} else {
		/* A clean slate, so that a sequence gets somewhere. */
		restart(fe);
		bring_up(fe);
	}
	check(fe);
}

static void expect_request(struct front_end *fe)
{
	require(fe->vu.open && fe->device.running);
	front_end_offer(fe, 1, 3, 0x5a);
	front_end_kick(fe, 1);
	require(front_end_result(fe, 1, 3) == 0x5a);
}

static void expect_packets(struct front_end *fe)
{
	uint8_t *at = guest_mem_map(&fe->gm, FE_DATA, PACKET_LEN);

	require(fe->vu.open && net->running);
	memset(at, 0, NET_HDR_SIZE);
	memset(at + NET_HDR_SIZE, 0x5a, FRAME_LEN);
	(void)take_packets(0);
	ring_driver_desc(&fe->ring[1], fe->ring[1].at.desc, 3, FE_DATA,
			 PACKET_LEN, 0, 0);
	ring_driver_offer(&fe->ring[1], 3);
	front_end_kick(fe, 1);
	require(take_packets(0x5a) == 1);
	require(ring_driver_used_idx(&fe->ring[1]) == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	unsigned int fds = count_fds();
	struct front_end *fe = front_end_new();
	uint8_t how = fuzz_u8(&in);

	if ((how & 2) != 0) {
		net = malloc(sizeof(*net));
		require(net != NULL);
		pipe_link_init(&cable, 1, NET_OFFLOADS);
		serve_net(fe);
	}
	front_end_connect(fe);
	if ((how & 1) == 0) {
		bring_up(fe);
	}
	for (unsigned int i = 0; i < STEPS_MAX && in.left != 0; i++) {
		step(&in, fe);
	}
	fe->device.hold = false;
	restart(fe);
	bring_up(fe);
	if (net != NULL) {
		expect_packets(fe);
	} else {
		expect_request(fe);
	}
	front_end_free(fe);
	if (net != NULL) {
		free(net);
		net = NULL;
		pipe_link_fini(&cable);
	}
	require(count_fds() == fds);
	return 0;
}
