/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entropy device between a hostile driver and a source that stutters.
 *
 * Oracle: the loop comes to rest; what is given back was offered, once, with at
 * least one byte and no more than it had room for; the limit holds; nothing
 * changes outside of writable buffers and the used ring; no timer is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/backends/support/event_pump.h"
#include "../unit/backends/support/ring_driver.h"
#include "fuzz_input.h"
#include "rng/virtio_rng.h"

#define RAM 0x10000ull
#define RAM_SIZE 0x10000ull
#define QUEUE 16u
#define DATA (RAM + 0x2000)
#define DATA_SIZE 0x4000u
#define GUARD 0x8000u /* from here on nothing is offered */
#define PER_SECOND 5000u
#define BURST 500u

#define require(x)               \
	do {                     \
		if (!(x)) {      \
			abort(); \
		}                \
	} while (0)

static struct world {
	struct event_pump pump;
	struct guest_mem gm;
	struct virtio_rng rng;
	struct ring_driver ring;
	uint8_t *ram;
	int source;
	unsigned int broken;
	uint64_t given;
} w;

static uint64_t now_ns(void)
{
	return w.pump.now_ms * 1000000u;
}

static void on_signal(struct virtio_device *dev, uint32_t q)
{
	(void)vq_should_signal(&dev->vq[q]);
}

static void on_broken(struct virtio_device *dev, const char *why)
{
	require(why != NULL);
	vq_fini(&dev->vq[0]);
	w.broken++;
}

static const struct virtio_transport_ops transport = {
	.signal = on_signal,
	.broken = on_broken,
};

static void on_stopped(struct virtio_device *dev)
{
	(void)dev;
}

static void start(bool fresh)
{
	if (fresh) {
		ring_driver_init(&w.ring, &w.gm, RAM, QUEUE);
	}
	require(vq_init(&w.rng.dev.vq[0], &w.gm, &w.ring.at,
			VQ_F_INDIRECT_DESC | VQ_F_EVENT_IDX) == 0);
	require(w.rng.dev.ops->start(&w.rng.dev, 0) == 0);
}

static void begin(bool limited)
{
	struct virtio_rng_config config = {
		.bytes_sec = { limited ? PER_SECOND : 0, BURST },
		.now_ns = now_ns,
	};
	int fds[2];

	memset(&w, 0, sizeof(w));
	require(pipe2(fds, O_NONBLOCK) == 0);
	config.fd = fds[0];
	w.source = fds[1];
	w.ram = malloc(RAM_SIZE);
	memset(w.ram, 0xa5, RAM_SIZE);
	event_pump_init(&w.pump);
	guest_mem_init(&w.gm);
	require(guest_mem_add(&w.gm, RAM, RAM_SIZE, w.ram) == 0);
	virtio_rng_init(&w.rng, &w.pump.loop, &config);
	w.rng.dev.transport = &transport;
	start(true);
}

static void offer(struct fuzz_input *in)
{
	uint16_t i = fuzz_u8(in) % QUEUE;
	uint8_t kind = fuzz_u8(in);
	uint64_t addr = DATA + fuzz_u16(in) % (DATA_SIZE - 0x400);
	uint32_t len = fuzz_u16(in) % 0x400;
	uint16_t flags = kind < 240 ? VQ_DESC_WRITE : kind & 7;

	if (kind == 255) {
		addr = fuzz_u32(in) | 0x40000; /* nowhere */
	}
	if (kind % 3 == 0) {
		flags |= VQ_DESC_NEXT;
	}
	ring_driver_desc(&w.ring, w.ring.at.desc, i, addr, len, flags,
			 (uint16_t)((i + 1) % (QUEUE + (kind == 251))));
	ring_driver_offer(&w.ring, kind == 250 ? QUEUE : i);
}

static void look_at_used(void)
{
	uint32_t head;
	uint32_t len;

	while (ring_driver_take(&w.ring, &head, &len)) {
		require(head < QUEUE);
		require(len > 0 && len <= QUEUE * 0x400);
		w.given += len;
	}
}

static void step(struct fuzz_input *in, bool limited)
{
	uint8_t bytes[512] = { 0 };
	uint8_t what = fuzz_u8(in) % 8;

	switch (what) {
	case 0:
		(void)!write(w.source, bytes, fuzz_u16(in) % sizeof(bytes));
		break;
	case 1:
		event_pump_advance(&w.pump, fuzz_u8(in));
		break;
	case 2:
		w.rng.dev.ops->stop(&w.rng.dev, on_stopped);
		vq_fini(&w.rng.dev.vq[0]);
		start((fuzz_u8(in) & 1) != 0 || w.broken != 0);
		w.broken = 0;
		break;
	default:
		offer(in);
		w.rng.dev.ops->kick(&w.rng.dev, 0);
		break;
	}
	require(event_pump_run(&w.pump));
	require(w.broken <= 1);
	look_at_used();
	require(!limited ||
		w.given <= PER_SECOND * w.pump.now_ms / 1000 + 2 * BURST);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size < 2048 ? size : 2048 };
	bool limited = (fuzz_u8(&in) & 1) != 0;

	begin(limited);
	while (in.left != 0) {
		step(&in, limited);
	}
	for (size_t i = GUARD; i < RAM_SIZE; i++) {
		require(w.ram[i] == 0xa5);
	}
	w.rng.dev.ops->stop(&w.rng.dev, on_stopped);
	require(event_pump_fini(&w.pump) == 0);
	close(w.rng.config.fd);
	close(w.source);
	free(w.ram);
	return 0;
}
