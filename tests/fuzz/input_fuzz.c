/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A keyboard, tablet or mouse between a hostile driver and somebody who types
 * all the time, with processes that are killed.
 *
 * Oracle: the loop comes to rest; nothing changes outside of what was offered
 * for events, and of the rings; a well-behaved driver that comes in the end and
 * gives buffers enough knows every key as it is.
 */
#include <linux/input.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/backends/support/event_pump.h"
#include "../unit/backends/support/ring_driver.h"
#include "fuzz_input.h"
#include "input/virtio_input.h"

#define RAM 0x10000ull
#define RAM_SIZE 0x10000u
#define STATUS_RING (RAM + 0x1000)
#define DATA (RAM + 0x4000)
#define GUARD 0x8000u /* from here on nothing is offered */
#define QUEUE 16u

#define require(x)               \
	do {                     \
		if (!(x)) {      \
			abort(); \
		}                \
	} while (0)

static struct {
	struct event_pump pump;
	struct guest_mem gm;
	struct virtio_input input;
	struct ring_driver ring[2];
	uint64_t mark[VIRTIO_QUEUES_MAX];
	uint8_t *ram;
	bool broken;
	bool down[KEY_CNT]; /* as a driver knows it */
} w;

static void on_signal(struct virtio_device *dev, uint32_t q)
{
	(void)vq_should_signal(&dev->vq[q]);
}

static void on_broken(struct virtio_device *dev, const char *why)
{
	require(why != NULL && !w.broken);
	vq_fini(&dev->vq[0]);
	vq_fini(&dev->vq[1]);
	w.broken = true;
}

static const struct virtio_transport_ops transport = {
	.signal = on_signal,
	.broken = on_broken,
};

static void on_stopped(struct virtio_device *dev)
{
	(void)dev;
}

static void make_queues(void)
{
	ring_driver_init(&w.ring[0], &w.gm, RAM, QUEUE);
	ring_driver_init(&w.ring[1], &w.gm, STATUS_RING, QUEUE);
	for (uint32_t q = 0; q < 2; q++) {
		w.mark[q] = w.input.dev.ops->mark_fresh(&w.input.dev, q);
	}
	memset(w.down, 0, sizeof(w.down));
	w.broken = false;
}

static void start(void)
{
	for (uint32_t q = 0; q < 2; q++) {
		require(vq_init(&w.input.dev.vq[q], &w.gm, &w.ring[q].at,
				VQ_F_INDIRECT_DESC | VQ_F_EVENT_IDX) == 0);
	}
	require(w.input.dev.ops->start(&w.input.dev, 0) == 0);
}

static void stop(void)
{
	w.input.dev.ops->stop(&w.input.dev, on_stopped);
	vq_fini(&w.input.dev.vq[0]);
	vq_fini(&w.input.dev.vq[1]);
}

static void serve(enum input_kind kind)
{
	virtio_input_init(&w.input, &w.pump.loop, kind, "input0");
	w.input.dev.transport = &transport;
	w.input.dev.mark = w.mark;
}

static void offer(struct fuzz_input *in, uint32_t q)
{
	uint16_t i = fuzz_u8(in) % QUEUE;
	uint8_t kind = fuzz_u8(in);
	uint64_t addr = DATA + fuzz_u16(in) % 0x3000;
	uint32_t len = fuzz_u8(in) % 16;
	uint16_t flags = q == 0 ? VQ_DESC_WRITE : 0;

	if (kind >= 250) {
		flags = kind & 7;
	}
	if (kind == 249) {
		addr = fuzz_u32(in) | 0x40000; /* nowhere */
	}
	ring_driver_desc(&w.ring[q], w.ring[q].at.desc, i, addr,
			 kind < 200 ? 8 : len, flags,
			 (uint16_t)((i + 1) % (QUEUE + (kind == 251))));
	ring_driver_offer(&w.ring[q], kind == 248 ? QUEUE : i);
	w.input.dev.ops->kick(&w.input.dev, q);
}

static void happen(struct fuzz_input *in)
{
	uint8_t a = fuzz_u8(in);
	uint8_t b = fuzz_u8(in);

	virtio_input_key(&w.input, a, (b & 1) != 0);
	virtio_input_button(&w.input, a % 8, (b & 2) != 0);
	virtio_input_at(&w.input, a * 128, b * 128);
	virtio_input_by(&w.input, (int8_t)a * (1 << 23), (int8_t)b);
	virtio_input_wheel(&w.input, (int8_t)a, (int8_t)b);
}

static void configure(struct fuzz_input *in)
{
	uint8_t bytes[4] = { fuzz_u8(in), fuzz_u8(in), 0xff, 0xff };
	uint32_t at = fuzz_u8(in) % 133;
	uint8_t config[136];

	w.input.dev.ops->config_write(&w.input.dev, at, bytes, 1 + at % 4);
	w.input.dev.ops->config_read(&w.input.dev, 0, config, sizeof(config));
	require(config[2] <= 128);
}

static void step(struct fuzz_input *in)
{
	switch (fuzz_u8(in) % 8) {
	case 0:
		configure(in);
		break;
	case 1:
		stop();
		make_queues();
		start();
		break;
	case 2: /* a kill */
		if (!w.broken) {
			require(event_pump_fini(&w.pump) == 0);
			event_pump_init(&w.pump);
			serve(w.input.kind);
			start();
		}
		break;
	case 3:
		offer(in, 1);
		break;
	case 4:
	case 5:
		offer(in, 0);
		break;
	default:
		happen(in);
		break;
	}
	require(event_pump_run(&w.pump));
}

/* Takes what came; how many events. */
static uint32_t take(void)
{
	struct {
		uint16_t type;
		uint16_t code;
		uint32_t value;
	} event;
	uint32_t count = 0;
	uint32_t head;
	uint32_t len;

	while (ring_driver_take(&w.ring[0], &head, &len)) {
		require(head < QUEUE && len == sizeof(event));
		memcpy(&event, w.ram + (DATA - RAM) + 8 * head, sizeof(event));
		if (event.type == EV_KEY) {
			require(event.code < KEY_CNT && event.value <= 2);
			require(w.down[event.code] ==
				(event.value == 2 || event.value == 0));
			w.down[event.code] = event.value != 0;
		}
		count++;
	}
	return count;
}

/* A driver that knows the rules, until there is nothing more to be told. */
static void behave(void)
{
	stop();
	make_queues();
	start();
	do {
		for (uint16_t i = 0; i < QUEUE; i++) {
			ring_driver_desc(&w.ring[0], w.ring[0].at.desc, i,
					 DATA + 8u * i, 8, VQ_DESC_WRITE, 0);
			ring_driver_offer(&w.ring[0], i);
		}
		w.input.dev.ops->kick(&w.input.dev, 0);
		require(event_pump_run(&w.pump));
	} while (take() == QUEUE);
	require(!w.broken);
	for (uint32_t code = 0; code < 256; code++) {
		require(w.down[code] ==
			((w.input.down[code / 64] >> code % 64 & 1) != 0));
	}
	for (uint32_t i = 0; i < INPUT_BUTTONS; i++) {
		require(w.down[BTN_LEFT + i] ==
			((w.input.down[4] >> i & 1) != 0));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size < 2048 ? size : 2048 };

	memset(&w, 0, sizeof(w));
	w.ram = malloc(RAM_SIZE);
	memset(w.ram, 0xa5, RAM_SIZE);
	event_pump_init(&w.pump);
	guest_mem_init(&w.gm);
	require(guest_mem_add(&w.gm, RAM, RAM_SIZE, w.ram) == 0);
	serve(fuzz_u8(&in) % 3);
	make_queues();
	start();
	while (in.left != 0) {
		step(&in);
	}
	behave();
	for (size_t i = GUARD; i < RAM_SIZE; i++) {
		require(w.ram[i] == 0xa5);
	}
	stop();
	require(event_pump_fini(&w.pump) == 0);
	free(w.ram);
	return 0;
}
