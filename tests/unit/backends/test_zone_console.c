/* SPDX-License-Identifier: BSD-2-Clause */
/* The zone transport and virtio-console, from the guest's registers on. */
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

#include "support/process.h"

#define WRITER "{\"device\":\"console0\",\"write\":true}\n"
#define STATUS_WORD P_VIRTIO + VIRTIO_MMIO_INTERRUPT_STATUS

static struct process *p;

static struct console_port *port(void)
{
	return process_port(p);
}

static int setup(void **state)
{
	(void)state;
	p = process_new(NULL, NULL);
	return process_start(p);
}

static int teardown(void **state)
{
	(void)state;
	process_free(p);
	return 0;
}

static void type(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
	assert_true(event_pump_run(&p->pump));
	fake_zone_sync(&p->zone);
}

static void registers_before_a_driver(void **state)
{
	(void)state;
	assert_int_equal(process_read(p, VIRTIO_MMIO_MAGIC), 0x74726976);
	assert_int_equal(process_read(p, VIRTIO_MMIO_DEVICE_ID), 3);
	assert_int_equal(process_read(p, VIRTIO_MMIO_QUEUE_NUM_MAX), 256);
	assert_int_equal(process_read(p, VIRTIO_MMIO_CONFIG + 4), 1);
	process_write(p, VIRTIO_MMIO_QUEUE_SEL, 2);
	assert_int_equal(process_read(p, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
}

static void output(void **state)
{
	uint32_t head;
	uint32_t len;

	(void)state;
	process_probe(p, 8, 0);
	assert_int_equal(process_read(p, VIRTIO_MMIO_STATUS), 0xf);
	process_offer_tx(p, 0, P_DATA, "hello ");
	process_offer_tx(p, 3, P_DATA + 64, "world");
	process_kick(p, VIRTIO_CONSOLE_TX);
	assert_string_equal(process_log(p, port()), "hello world");
	assert_true(ring_driver_take(&p->tx, &head, &len));
	assert_int_equal(head, 0);
	assert_true(ring_driver_take(&p->tx, &head, &len));
	assert_int_equal(head, 3);
	assert_int_equal(p->zone.edges[P_INTID], 1);
	assert_int_equal(*fake_zone_word(&p->zone, STATUS_WORD), 1);
}

static void output_larger_than_a_turn(void **state)
{
	(void)state;
	process_probe(p, 256, VQ_F_INDIRECT_DESC);
	/* 256 segments of 16 KiB each in one chain. */
	ring_driver_desc(&p->tx, p->tx.at.desc, 0, P_DATA, 16 * 256,
			 VQ_DESC_INDIRECT, 0);
	memset(guest_mem_map(&p->gm, P_DATA + 0x4000, 0x4000), 'x', 0x4000);
	for (uint16_t i = 0; i < 256; i++) {
		ring_driver_desc(&p->tx, P_DATA, i, P_DATA + 0x4000, 0x4000,
				 i < 255 ? VQ_DESC_NEXT : 0, (uint16_t)(i + 1));
	}
	ring_driver_offer(&p->tx, 0);
	fake_zone_ring(&p->zone, P_BELL + VIRTIO_CONSOLE_TX);
	/* It does not go on for as long as the guest likes. */
	event_pump_turn(&p->pump);
	event_pump_turn(&p->pump);
	assert_int_equal(ring_driver_used_idx(&p->tx), 0);
	assert_true(event_pump_run(&p->pump));
	assert_int_equal(ring_driver_used_idx(&p->tx), 1);
	assert_true(log_ring_tail(&port()->log) == 256 * 0x4000);
}

static void input_with_back_pressure(void **state)
{
	uint32_t head;
	uint32_t len;
	int fd;

	(void)state;
	process_probe(p, 8, VQ_F_EVENT_IDX);
	fd = process_connect(p, WRITER);
	assert_non_null(strstr(process_receive(p, fd), "\"writer\":true"));
	type(fd, "abcdef");
	assert_false(ring_driver_take(&p->rx, &head, &len));
	process_offer_rx(p, 1, P_DATA, 4);
	process_kick(p, VIRTIO_CONSOLE_RX);
	assert_true(ring_driver_take(&p->rx, &head, &len));
	assert_int_equal(len, 4);
	assert_memory_equal(guest_mem_map(&p->gm, P_DATA, 4), "abcd", 4);
	assert_false(ring_driver_take(&p->rx, &head, &len));
	process_offer_rx(p, 2, P_DATA, 4);
	process_kick(p, VIRTIO_CONSOLE_RX);
	assert_true(ring_driver_take(&p->rx, &head, &len));
	assert_int_equal(len, 2);
	assert_memory_equal(guest_mem_map(&p->gm, P_DATA, 2), "ef", 2);
	close(fd);
}

/* Nothing taken from the socket while the guest has no room is lost. */
static void input_much(void **state)
{
	static char text[20001];
	size_t sent = 0;
	size_t got = 0;
	uint32_t head;
	uint32_t len;
	int fd;

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(text); i++) {
		text[i] = (char)('a' + i % 23);
	}
	fd = process_connect(p, WRITER);
	while (sent < sizeof(text) - 1) {
		ssize_t n = send(fd, text + sent, sizeof(text) - 1 - sent,
				 MSG_DONTWAIT);

		assert_true(n > 0 || errno == EAGAIN);
		if (n <= 0) {
			break;
		}
		sent += (size_t)n;
		assert_true(event_pump_run(&p->pump));
	}
	process_probe(p, 8, 0);
	while (got < sent) {
		process_offer_rx(p, 0, P_DATA, 100);
		process_kick(p, VIRTIO_CONSOLE_RX);
		assert_true(ring_driver_take(&p->rx, &head, &len));
		assert_memory_equal(guest_mem_map(&p->gm, P_DATA, len),
				    text + got, len);
		got += len;
	}
	assert_int_equal(got, sent);
	close(fd);
}

static void bad_ring_breaks_the_device(void **state)
{
	(void)state;
	process_probe(p, 8, 0);
	ring_driver_offer(&p->tx, 200);
	process_kick(p, VIRTIO_CONSOLE_TX);
	assert_int_equal(process_read(p, VIRTIO_MMIO_STATUS), 0x4f);
	assert_int_equal(*fake_zone_word(&p->zone, STATUS_WORD) &
				 VIRTIO_INTERRUPT_CONFIG,
			 VIRTIO_INTERRUPT_CONFIG);
	assert_int_equal(p->broken, 1);
	/* Kicks are harmless, and a reset makes it whole. */
	process_kick(p, VIRTIO_CONSOLE_TX);
	process_kick(p, VIRTIO_CONSOLE_RX);
	process_probe(p, 8, 0);
	assert_int_equal(*fake_zone_word(&p->zone, STATUS_WORD), 0);
	process_offer_tx(p, 0, P_DATA, "again");
	process_kick(p, VIRTIO_CONSOLE_TX);
	assert_string_equal(process_log(p, port()), "again");
	/* A guest that does it over and over is reported once. */
	ring_driver_offer(&p->tx, 200);
	process_kick(p, VIRTIO_CONSOLE_TX);
	assert_int_equal(process_read(p, VIRTIO_MMIO_STATUS), 0x4f);
	assert_int_equal(p->broken, 1);
}

static void bad_rx_ring_breaks_the_device(void **state)
{
	int fd;

	(void)state;
	process_probe(p, 8, 0);
	ring_driver_desc(&p->rx, p->rx.at.desc, 0, 4096, 16, VQ_DESC_WRITE, 0);
	ring_driver_offer(&p->rx, 0);
	fd = process_connect(p, WRITER "x");
	assert_int_equal(process_read(p, VIRTIO_MMIO_STATUS), 0x4f);
	close(fd);
}

static void queue_outside_of_memory(void **state)
{
	struct vq_layout at = { 8, 0x1000, 0x2000, 0x3000 };

	(void)state;
	process_write(p, VIRTIO_MMIO_STATUS, 3);
	process_write(p, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	process_write(p, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	process_write(p, VIRTIO_MMIO_STATUS, 0xb);
	process_set_queue(p, 0, &at);
	process_write(p, VIRTIO_MMIO_STATUS, 0xf);
	assert_int_equal(process_read(p, VIRTIO_MMIO_STATUS), 0x4f);
	assert_int_equal(p->broken, 1);
	assert_int_equal(p->zone.slot[0].waiting, false);
}

static void zone_reset(void **state)
{
	(void)state;
	process_probe(p, 8, 0);
	process_offer_tx(p, 0, P_DATA, "before");
	process_kick(p, VIRTIO_CONSOLE_TX);
	/* The hypervisor may clear the pages; they are written anew. */
	memset(p->zone.shadow, 0xee, sizeof(p->zone.shadow));
	io_process_reset(&p->io);
	assert_int_equal(p->resets_done, 1);
	assert_int_equal(process_read(p, VIRTIO_MMIO_STATUS), 0);
	assert_int_equal(process_read(p, VIRTIO_MMIO_MAGIC), 0x74726976);
	assert_int_equal(*fake_zone_word(&p->zone, STATUS_WORD), 0);
	/* The log goes on. */
	process_probe(p, 16, 0);
	process_offer_tx(p, 0, P_DATA, " after");
	process_kick(p, VIRTIO_CONSOLE_TX);
	assert_string_equal(process_log(p, port()), "before after");
}

static void queue_disabled_by_the_driver(void **state)
{
	(void)state;
	process_probe(p, 8, 0);
	process_write(p, VIRTIO_MMIO_QUEUE_SEL, VIRTIO_CONSOLE_TX);
	process_write(p, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(process_read(p, VIRTIO_MMIO_QUEUE_READY), 0);
	process_offer_tx(p, 0, P_DATA, "no");
	process_kick(p, VIRTIO_CONSOLE_TX);
	assert_string_equal(process_log(p, port()), "");
}

/* Somebody else serves the queue: its kicks are his, and so is the interrupt. */
static void events_are_lent(void **state)
{
	struct virtio_device *dev = p->io.device[0].virtio;
	struct virtio_queue_events events;
	uint64_t one = 1;

	(void)state;
	process_probe(p, 8, 0);
	dev->transport->lend(dev, VIRTIO_CONSOLE_TX, &events);
	process_offer_tx(p, 0, P_DATA, "later");
	process_kick(p, VIRTIO_CONSOLE_TX);
	assert_string_equal(process_log(p, port()), "");
	assert_int_equal(p->zone.edges[P_INTID], 0);
	assert_int_equal(write(events.call, &one, sizeof(one)), sizeof(one));
	fake_zone_sync(&p->zone);
	assert_int_equal(p->zone.edges[P_INTID], 1);
	assert_int_equal(*fake_zone_word(&p->zone, STATUS_WORD), 1);
	/* The kick is still there for who listens next. */
	dev->transport->reclaim(dev, VIRTIO_CONSOLE_TX);
	assert_true(event_pump_run(&p->pump));
	assert_string_equal(process_log(p, port()), "later");
	dev->transport->lend(dev, VIRTIO_CONSOLE_TX, &events);
	dev->transport->reclaim(dev, VIRTIO_CONSOLE_TX);
	process_offer_tx(p, 1, P_DATA, " and after");
	process_kick(p, VIRTIO_CONSOLE_TX);
	assert_string_equal(process_log(p, port()), "later and after");
}

static uint32_t gone_queue;

static void note_gone(struct virtio_device *dev, uint32_t q)
{
	assert_false(dev->vq[q].ready);
	gone_queue = q;
}

static void device_hears_of_a_queue_taken_away(void **state)
{
	struct virtio_device *dev = p->io.device[0].virtio;
	const struct virtio_device_ops *own = dev->ops;
	struct virtio_device_ops ops = *own;

	(void)state;
	ops.queue_gone = note_gone;
	gone_queue = UINT32_MAX;
	process_probe(p, 8, 0);
	dev->ops = &ops;
	process_write(p, VIRTIO_MMIO_QUEUE_SEL, VIRTIO_CONSOLE_TX);
	process_write(p, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(gone_queue, VIRTIO_CONSOLE_TX);
	/* Nobody uses one before the driver is there. */
	gone_queue = UINT32_MAX;
	process_write(p, VIRTIO_MMIO_STATUS, 0);
	process_write(p, VIRTIO_MMIO_STATUS, 3);
	process_write(p, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	process_write(p, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	process_write(p, VIRTIO_MMIO_STATUS, 0xb);
	process_set_queue(p, VIRTIO_CONSOLE_TX, &p->tx.at);
	assert_int_equal(process_read(p, VIRTIO_MMIO_QUEUE_READY), 1);
	process_write(p, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(gone_queue, UINT32_MAX);
	dev->ops = own;
}

static void odd_accesses(void **state)
{
	(void)state;
	/* Not ours: answered all the same, or the vCPU sleeps for ever. */
	assert_int_equal(fake_zone_forward(&p->zone, 1, ZV_SHADOW_ADDR(9, 0), 4,
					   false, 0),
			 0);
	assert_false(p->zone.slot[1].waiting);
	assert_int_equal(fake_zone_forward(&p->zone, 1, P_VIRTIO, 4, false, 0),
			 0);
	assert_false(p->zone.slot[1].waiting);
	fake_zone_forward(&p->zone, 1, P_VIRTIO + 0x1fc, 8, true, ~0ull);
	assert_false(p->zone.slot[1].waiting);
	/* Two registers by one 64-bit write. */
	process_write(p, VIRTIO_MMIO_QUEUE_SEL, 0);
	fake_zone_forward(&p->zone, 1, P_VIRTIO + VIRTIO_MMIO_QUEUE_DESC_LOW, 8,
			  true, 0x1234567800000ull);
	assert_true(p->io.device[0].transport.state.regs.queue[0].layout.desc ==
		    0x1234567800000ull);
}

static void replaced_by_another(void **state)
{
	(void)state;
	p->zone.read_error = -ESTALE;
	zone_io_pump(&p->io.io);
	assert_int_equal(p->gone, -ESTALE);
}

/* --------------------------------------------------------------- restarts */

static void restart_before_a_driver(void **state)
{
	(void)state;
	process_kill(p);
	assert_int_equal(process_start(p), 0);
	process_probe(p, 8, 0);
	process_offer_tx(p, 0, P_DATA, "up");
	process_kick(p, VIRTIO_CONSOLE_TX);
	assert_string_equal(process_log(p, port()), "up");
}

/* The driver's set-up, with a kill before each of its writes. */
static void restart_within_probe(void **state)
{
	const struct {
		uint32_t reg;
		uint32_t value;
	} steps[] = {
		{ VIRTIO_MMIO_STATUS, 3 },
		{ VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1 },
		{ VIRTIO_MMIO_DRIVER_FEATURES, 1 },
		{ VIRTIO_MMIO_STATUS, 0xb },
		{ VIRTIO_MMIO_QUEUE_SEL, 1 },
		{ VIRTIO_MMIO_QUEUE_NUM, 8 },
		{ VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)P_TX_RING },
		{ VIRTIO_MMIO_QUEUE_DRIVER_LOW, (uint32_t)P_TX_RING + 128 },
		{ VIRTIO_MMIO_QUEUE_DEVICE_LOW, (uint32_t)P_TX_RING + 152 },
		{ VIRTIO_MMIO_QUEUE_READY, 1 },
		{ VIRTIO_MMIO_STATUS, 0xf },
	};

	(void)state;
	ring_driver_init(&p->tx, &p->gm, P_TX_RING, 8);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		process_kill(p);
		assert_int_equal(process_start(p), 0);
		process_write(p, steps[i].reg, steps[i].value);
	}
	assert_int_equal(process_read(p, VIRTIO_MMIO_STATUS), 0xf);
	process_offer_tx(p, 0, P_DATA, "here");
	process_kick(p, VIRTIO_CONSOLE_TX);
	assert_string_equal(process_log(p, port()), "here");
}

static void restart_finds_work(void **state)
{
	uint32_t edges;
	uint32_t head;
	uint32_t len;

	(void)state;
	process_probe(p, 8, VQ_F_EVENT_IDX);
	process_offer_tx(p, 0, P_DATA, "one ");
	process_kick(p, VIRTIO_CONSOLE_TX);
	*fake_zone_word(&p->zone, STATUS_WORD) = 0;
	edges = p->zone.edges[P_INTID];
	process_kill(p);
	/* Rung while nobody listened. */
	process_offer_tx(p, 1, P_DATA, "two");
	assert_int_equal(process_start(p), 0);
	assert_string_equal(process_log(p, port()), "one two");
	assert_int_equal(p->zone.edges[P_INTID], edges + 1);
	/* The configuration may show another thing than before, too. */
	assert_int_equal(*fake_zone_word(&p->zone, STATUS_WORD),
			 VIRTIO_INTERRUPT_USED | VIRTIO_INTERRUPT_CONFIG);
	assert_true(ring_driver_take(&p->tx, &head, &len));
	assert_true(ring_driver_take(&p->tx, &head, &len));
	assert_false(ring_driver_take(&p->tx, &head, &len));
}

static void restart_keeps_input_buffers(void **state)
{
	uint32_t head;
	uint32_t len;
	int fd;

	(void)state;
	process_probe(p, 8, 0);
	process_offer_rx(p, 0, P_DATA, 16);
	process_offer_rx(p, 1, P_DATA + 16, 16);
	fd = process_connect(p, WRITER "a");
	assert_true(ring_driver_take(&p->rx, &head, &len));
	close(fd);
	process_kill(p);
	assert_int_equal(process_start(p), 0);
	fd = process_connect(p, WRITER "b");
	assert_true(ring_driver_take(&p->rx, &head, &len));
	assert_int_equal(head, 1);
	assert_memory_equal(guest_mem_map(&p->gm, P_DATA + 16, 1), "b", 1);
	close(fd);
}

/* The same access again: nothing happens twice, the answer is the same. */
static void restart_with_open_access(void **state)
{
	struct zv_event again;

	(void)state;
	process_probe(p, 8, 0);
	process_offer_tx(p, 0, P_DATA, "x");
	process_kick(p, VIRTIO_CONSOLE_TX);
	/* Applied and committed, but killed before the answer. */
	process_write(p, VIRTIO_MMIO_QUEUE_SEL, 1);
	again = p->zone.slot[0].event;
	process_kill(p);
	p->zone.slot[0].waiting = true;
	p->zone.slot[0].event = again;
	fake_zone_detach(&p->zone);
	assert_int_equal(process_start(p), 0);
	assert_false(p->zone.slot[0].waiting);
	assert_int_equal(process_read(p, VIRTIO_MMIO_QUEUE_READY), 1);

	/* A reset whose answer was lost must not reset the next driver's. */
	process_write(p, VIRTIO_MMIO_STATUS, 0);
	again = p->zone.slot[0].event;
	process_kill(p);
	p->zone.slot[0].waiting = true;
	fake_zone_detach(&p->zone);
	*fake_zone_word(&p->zone, STATUS_WORD) = 1;
	assert_int_equal(process_start(p), 0);
	assert_false(p->zone.slot[0].waiting);
	assert_int_equal(*fake_zone_word(&p->zone, STATUS_WORD), 0);
	assert_int_equal(process_read(p, VIRTIO_MMIO_STATUS), 0);
}

static void restart_of_a_broken_device(void **state)
{
	(void)state;
	process_probe(p, 8, 0);
	ring_driver_offer(&p->tx, 200);
	process_kick(p, VIRTIO_CONSOLE_TX);
	process_kill(p);
	assert_int_equal(process_start(p), 0);
	assert_int_equal(process_read(p, VIRTIO_MMIO_STATUS), 0x4f);
	assert_true((*fake_zone_word(&p->zone, STATUS_WORD) & 2) != 0);
	process_kick(p, VIRTIO_CONSOLE_TX);
}

static void restart_with_foreign_state(void **state)
{
	(void)state;
	process_probe(p, 8, 0);
	process_kill(p);
	memset(p->state, 0x5a, STATE_AREA_SIZE);
	assert_int_equal(process_start(p), 0);
	assert_int_equal(process_read(p, VIRTIO_MMIO_STATUS), 0x4f);
	assert_true((*fake_zone_word(&p->zone, STATUS_WORD) & 2) != 0);
	process_probe(p, 8, 0);
	process_offer_tx(p, 0, P_DATA, "well");
	process_kick(p, VIRTIO_CONSOLE_TX);
	assert_string_equal(process_log(p, port()), "well");
}

/* A record that only a hostile process could have written. */
static void restart_with_impossible_record(void **state)
{
	struct zone_virtio *zv = &p->io.device[0].transport;

	(void)state;
	process_probe(p, 8, 0);
	zv->state.regs.driver_features |=
		VIRTIO_CONSOLE_F_SIZE; /* not offered */
	zone_window_commit(&zv->window);
	process_kill(p);
	assert_int_equal(process_start(p), 0);
	assert_int_equal(process_read(p, VIRTIO_MMIO_STATUS), 0x4f);
}

/* The guest spoils the used index: its own device breaks, nothing else. */
static void restart_with_spoilt_used_index(void **state)
{
	(void)state;
	process_probe(p, 8, 0);
	process_kill(p);
	guest_mem_store16(&p->gm, p->tx.at.used + 2, 77);
	assert_int_equal(process_start(p), 0);
	assert_int_equal(process_read(p, VIRTIO_MMIO_STATUS), 0x4f);
}

/* -------------------------------------------- a device that stops slowly */

static struct virtio_device *slow;
static virtio_stop_cb slow_done;

static uint64_t slow_features(struct virtio_device *dev)
{
	(void)dev;
	return 0;
}

static int slow_start(struct virtio_device *dev, uint64_t features)
{
	(void)features;
	slow = dev;
	return 0;
}

static void slow_kick(struct virtio_device *dev, uint32_t q)
{
	(void)dev;
	(void)q;
}

static void slow_stop(struct virtio_device *dev, virtio_stop_cb done)
{
	slow = dev;
	slow_done = done;
}

static const struct virtio_device_ops slow_ops = {
	.name = "slow",
	.id = 42,
	.features = slow_features,
	.start = slow_start,
	.kick = slow_kick,
	.stop = slow_stop,
};

static void slow_write(uint32_t vcpu, uint32_t reg, uint32_t value)
{
	fake_zone_forward(&p->zone, vcpu, ZV_SHADOW_ADDR(5, 0) + reg, 4, true,
			  value);
}

static void slow_device_stops(void **state)
{
	const struct zone_virtio_place place = {
		.shadow = 5, .slot = 7, .intid = 60, .doorbell = 40
	};
	struct virtio_device dev = { .ops = &slow_ops, .queue_count = 1 };
	struct zone_virtio zv;
	uint8_t *area;
	uint32_t answers;

	(void)state;
	/* A zone I/O of its own beside the one of the fixture. */
	struct state_area sa;
	struct zone_io io;

	area = aligned_alloc(4096, STATE_AREA_SIZE);
	memset(area, 0, STATE_AREA_SIZE);
	process_kill(p);
	state_area_open(&sa, area);
	dev.loop = &p->pump.loop;
	zone_io_init(&io, &p->pump.loop, &p->zone.port, &sa);
	assert_int_equal(zone_virtio_init(&zv, &dev, &p->gm, &place), 0);
	assert_int_equal(zone_io_add(&io, &zv.window), 0);
	assert_int_equal(zone_io_add(&io, &zv.window), -EINVAL);
	assert_int_equal(zone_io_start(&io), 0);
	slow_write(0, VIRTIO_MMIO_STATUS, 3);
	slow_write(0, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	slow_write(0, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	slow_write(0, VIRTIO_MMIO_STATUS, 0xf);
	assert_ptr_equal(slow, &dev);

	slow_write(0, VIRTIO_MMIO_STATUS, 0);
	assert_true(p->zone.slot[0].waiting);
	/* Another vCPU comes meanwhile; it waits, too. */
	slow_write(1, VIRTIO_MMIO_STATUS, 1);
	assert_true(p->zone.slot[1].waiting);
	slow_done(&dev);
	assert_false(p->zone.slot[0].waiting);
	assert_false(p->zone.slot[1].waiting);
	assert_int_equal(zv.state.regs.status, 1);

	/* A zone reset while it stops ends when it has. */
	slow_write(0, VIRTIO_MMIO_STATUS, 3);
	slow_write(0, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	slow_write(0, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	slow_write(0, VIRTIO_MMIO_STATUS, 0xf);
	zone_io_reset(&io);
	assert_int_equal(io.resets, 1);
	slow_done(&dev);
	assert_int_equal(io.resets, 0);
	assert_int_equal(zv.state.regs.status, 0);

	/*
	 * So does one that comes while a vCPU waits for that, and another vCPU
	 * behind it: the hypervisor has forgotten both accesses, and so do we.
	 */
	slow_write(0, VIRTIO_MMIO_STATUS, 3);
	slow_write(0, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	slow_write(0, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	slow_write(0, VIRTIO_MMIO_STATUS, 0xf);
	slow_write(0, VIRTIO_MMIO_STATUS, 0);
	slow_write(1, VIRTIO_MMIO_STATUS, 1);
	assert_true(p->zone.slot[0].waiting && p->zone.slot[1].waiting);
	p->zone.slot[0].waiting = p->zone.slot[1].waiting = false;
	answers = p->zone.slot[0].answers + p->zone.slot[1].answers;
	zone_io_reset(&io);
	assert_int_equal(io.resets, 1);
	slow_done(&dev);
	assert_int_equal(io.resets, 0);
	assert_int_equal(zv.state.regs.status, 0);
	assert_int_equal(p->zone.slot[0].answers + p->zone.slot[1].answers,
			 answers);
	/* The new guest's accesses are served at once. */
	slow_write(1, VIRTIO_MMIO_STATUS, 1);
	assert_false(p->zone.slot[1].waiting);
	assert_int_equal(zv.state.regs.status, 1);

	zone_io_stop(&io);
	zone_virtio_fini(&zv);
	fake_zone_detach(&p->zone);
	free(area);
}

/* What is in flight has to fit into the record; else 256 are enough. */
static void queue_sizes(void **state)
{
	static const struct virtio_device_ops tracked_ops = {
		.name = "tracked",
		.id = 42,
		.tracked = true,
		.features = slow_features,
	};
	static const struct {
		const struct virtio_device_ops *ops;
		uint32_t wanted;
		uint32_t given;
	} cases[] = {
		{ &slow_ops, 0, 256 },	     { &slow_ops, 1024, 256 },
		{ &slow_ops, 64, 64 },	     { &tracked_ops, 0, 128 },
		{ &tracked_ops, 1024, 128 }, { &tracked_ops, 64, 64 },
	};
	const struct zone_virtio_place place = {
		.shadow = 5, .slot = 7, .intid = 60, .doorbell = 40
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct virtio_device dev = {
			.ops = cases[i].ops,
			.loop = &p->pump.loop,
			.queue_count = 1,
			.queue_size_max = cases[i].wanted,
		};
		struct zone_virtio zv;

		assert_int_equal(zone_virtio_init(&zv, &dev, &p->gm, &place),
				 0);
		assert_int_equal(zv.info.queue_size_max, cases[i].given);
		zone_virtio_fini(&zv);
	}
}

/* ------------------- a device whose configuration is the driver's to change */

static uint8_t chosen; /* what the config space shows */

static void chosen_config_read(struct virtio_device *dev, uint32_t offset,
			       void *ret, size_t len)
{
	(void)dev;
	(void)offset;
	memcpy(ret, &chosen, len < 1 ? len : 1);
}

/* As a disk's cache mode: what it was is found when the device starts. */
static int chosen_start(struct virtio_device *dev, uint64_t features)
{
	(void)dev;
	(void)features;
	chosen = 7;
	return 0;
}

static const struct virtio_device_ops chosen_ops = {
	.name = "chosen",
	.id = 43,
	.config_len = 1,
	.features = slow_features,
	.config_read = chosen_config_read,
	.start = chosen_start,
	.kick = slow_kick,
	.stop = slow_stop,
};

static void restart_shows_what_the_driver_chose(void **state)
{
	const struct zone_virtio_place place = {
		.shadow = 5, .slot = 7, .intid = 60, .doorbell = 40
	};
	uint8_t *area = aligned_alloc(4096, STATE_AREA_SIZE);

	(void)state;
	memset(area, 0, STATE_AREA_SIZE);
	process_kill(p);
	for (uint32_t life = 0; life < 2; life++) {
		struct virtio_device dev = {
			.ops = &chosen_ops,
			.queue_count = 1,
			.loop = &p->pump.loop,
		};
		struct zone_virtio zv;
		struct state_area sa;
		struct zone_io io;

		chosen = 0;
		state_area_open(&sa, area);
		zone_io_init(&io, &p->pump.loop, &p->zone.port, &sa);
		assert_int_equal(zone_virtio_init(&zv, &dev, &p->gm, &place),
				 0);
		assert_int_equal(zone_io_add(&io, &zv.window), 0);
		assert_int_equal(zone_io_start(&io), 0);
		if (life == 0) {
			slow_write(0, VIRTIO_MMIO_STATUS, 3);
			slow_write(0, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
			slow_write(0, VIRTIO_MMIO_DRIVER_FEATURES, 1);
			slow_write(0, VIRTIO_MMIO_STATUS, 0xf);
		}
		assert_int_equal(
			*fake_zone_word(&p->zone, ZV_SHADOW_ADDR(5, 0) +
							  VIRTIO_MMIO_CONFIG),
			7);
		zone_io_stop(&io);
		zone_virtio_fini(&zv);
		fake_zone_detach(&p->zone);
	}
	free(area);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(registers_before_a_driver),
		TEST(output),
		TEST(output_larger_than_a_turn),
		TEST(input_with_back_pressure),
		TEST(input_much),
		TEST(bad_ring_breaks_the_device),
		TEST(bad_rx_ring_breaks_the_device),
		TEST(queue_outside_of_memory),
		TEST(zone_reset),
		TEST(queue_disabled_by_the_driver),
		TEST(events_are_lent),
		TEST(device_hears_of_a_queue_taken_away),
		TEST(odd_accesses),
		TEST(replaced_by_another),
		TEST(restart_before_a_driver),
		TEST(restart_within_probe),
		TEST(restart_finds_work),
		TEST(restart_keeps_input_buffers),
		TEST(restart_with_open_access),
		TEST(restart_of_a_broken_device),
		TEST(restart_with_foreign_state),
		TEST(restart_with_impossible_record),
		TEST(restart_with_spoilt_used_index),
		TEST(slow_device_stops),
		TEST(queue_sizes),
		TEST(restart_shows_what_the_driver_chose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
