/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole I/O process between a hostile guest and hostile clients: registers,
 * rings and buffers at random; hello lines, input, sudden ends; kills and
 * restarts in between.
 *
 * Oracle: the loop always comes to rest; every access is answered; the process
 * never wants to end; the log only grows; memory outside of what the guest gave
 * away (its rings and writable buffers) does not change; and after all of it a
 * well-behaved driver that resets the device gets its output through.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../unit/backends/support/process.h"
#include "fuzz_input.h"

#define CLIENTS 3
/* Nothing that the fuzzer offers as writable lies in the last part. */
#define GUARD_AT (P_RAM_SIZE - 0x8000)
#define GUARD 0x8000u

#define require(x)               \
	do {                     \
		if (!(x)) {      \
			abort(); \
		}                \
	} while (0)

struct world {
	struct process *p;
	int client[CLIENTS];
	uint64_t tail;
};

static void rest(struct world *w)
{
	uint64_t tail;

	require(event_pump_run(&w->p->pump));
	fake_zone_sync(&w->p->zone);
	require(w->p->gone == 0);
	for (uint32_t v = 0; v < ZV_VCPUS_MAX; v++) {
		require(!w->p->zone.slot[v].waiting);
	}
	tail = log_ring_tail(&process_port(w->p)->log);
	require(tail >= w->tail);
	w->tail = tail;
}

static void ring_step(struct fuzz_input *in, struct process *p,
		      struct ring_driver *ring, bool rx)
{
	uint16_t i = fuzz_u8(in) % 8;
	uint8_t kind = fuzz_u8(in);
	uint64_t addr = P_DATA + fuzz_u16(in) % 0x4000;
	uint32_t len = fuzz_u8(in);

	if ((kind & 0xf0) == 0xf0) {
		addr = fuzz_u32(in) & ~0xffull; /* mostly nowhere */
	}
	if (addr >= P_RAM + GUARD_AT && addr < P_RAM + P_RAM_SIZE) {
		addr = P_DATA;
	}
	ring_driver_desc(ring, ring->at.desc, i, addr, len,
			 (uint16_t)((rx ? VQ_DESC_WRITE : 0) ^
				    ((kind & 0x0f) == 0x0f ? kind >> 4 : 0) ^
				    ((kind & 3) == 3 ? VQ_DESC_NEXT : 0)),
			 (uint16_t)(kind % 9));
	ring_driver_offer(ring, (kind & 0xfc) == 0x80 ? kind : i);
	if (kind == 0x7f) {
		ring_driver_set_avail_idx(ring, fuzz_u16(in));
	}
	fake_zone_ring(&p->zone, P_BELL + (rx ? 0 : 1));
}

static void client_step(struct fuzz_input *in, struct world *w)
{
	static const char *const hellos[] = {
		"{\"device\":\"console0\",\"write\":true}\n",
		"{\"device\":\"console0\",\"write\":true,\"force\":true}\n",
		"{\"device\":\"console0\",\"from\":\"start\"}\n",
		"{\"device\":\"uart0\",\"write\":true,\"from\":3}\n",
	};
	uint8_t what = fuzz_u8(in);
	int *fd = &w->client[what % CLIENTS];
	char text[64];
	size_t n = 0;

	if (*fd < 0) {
		*fd = process_connect(w->p, what < 200 ? hellos[(what >> 2) % 4]
						       : NULL);
		return;
	}
	if (what > 230) {
		close(*fd);
		*fd = -1;
		return;
	}
	while (n < sizeof(text) && in->left != 0 && n < what) {
		text[n++] = (char)fuzz_u8(in);
	}
	(void)!send(*fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (recv(*fd, text, sizeof(text), MSG_DONTWAIT) > 0) {}
}

static void register_step(struct fuzz_input *in, struct process *p)
{
	static const uint16_t known[] = { 0x14, 0x20, 0x24, 0x30, 0x38, 0x44,
					  0x70, 0x80, 0x90, 0xa0, 0x100 };
	uint8_t what = fuzz_u8(in);
	uint32_t reg = what < 200 ? known[what % 11] : fuzz_u16(in) % 0x200;
	uint32_t page[] = { P_UART, P_RTC, P_GPIO, P_VIRTIO };
	uint32_t addr = what % 3 == 0 ? page[what & 3] + reg : P_VIRTIO + reg;
	uint32_t size = what > 240 ? 1u << (fuzz_u8(in) % 4) : 4;
	uint32_t value = what & 1 ? fuzz_u8(in) % 16 : fuzz_u32(in);

	if (what == 255) {
		fake_zone_posted(&p->zone, P_UART + reg % 8, value);
		return;
	}
	fake_zone_forward(&p->zone, what % 3, addr, size, what % 5 != 0, value);
}

static void step(struct fuzz_input *in, struct world *w)
{
	struct process *p = w->p;
	uint8_t what = fuzz_u8(in) % 32;

	if (what < 10) {
		ring_step(in, p, &p->tx, false);
	} else if (what < 16) {
		ring_step(in, p, &p->rx, true);
	} else if (what < 23) {
		client_step(in, w);
	} else if (what < 27) {
		register_step(in, p);
	} else if (what == 27) {
		process_probe(p, 8, (uint64_t)(fuzz_u8(in) & 3) << 28);
	} else if (what == 28) {
		process_kill(p);
		require(process_start(p) == 0);
	} else if (what == 29) {
		io_process_reset(&p->io);
	} else if (what == 30) {
		io_process_power_key(&p->io);
	} else {
		event_pump_advance(&p->pump, fuzz_u16(in));
	}
	rest(w);
}

static void check_guard(const struct process *p)
{
	for (size_t i = 0; i < GUARD; i++) {
		require(p->ram[GUARD_AT + i] == 0xa5);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size < 2048 ? size : 2048 };
	struct world w = { .client = { -1, -1, -1 } };
	const char *log;

	w.p = process_new(NULL, NULL);
	memset(w.p->ram + GUARD_AT, 0xa5, GUARD);
	require(process_start(w.p) == 0);
	process_probe(w.p, 8, VQ_F_INDIRECT_DESC);
	rest(&w);
	while (in.left != 0) {
		step(&in, &w);
	}
	check_guard(w.p);
	process_probe(w.p, 8, 0);
	process_offer_tx(w.p, 0, P_DATA, "well");
	process_kick(w.p, VIRTIO_CONSOLE_TX);
	log = process_log(w.p, process_port(w.p));
	require(log_ring_tail(&process_port(w.p)->log) == w.tail + 4);
	require(memcmp(log +
			       (w.tail + 4 -
				log_ring_first(&process_port(w.p)->log)) -
			       4,
		       "well", 4) == 0);
	for (int i = 0; i < CLIENTS; i++) {
		if (w.client[i] >= 0) {
			close(w.client[i]);
		}
	}
	process_free(w.p);
	return 0;
}
