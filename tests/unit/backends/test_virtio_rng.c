/* SPDX-License-Identifier: BSD-2-Clause */
/* The entropy device over a pipe, whose bytes are known. */
#include "rng/virtio_rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/event_pump.h"
#include "support/ring_driver.h"

#define RAM 0x10000ull
#define RAM_SIZE 0x20000ull
#define DATA (RAM + 0x8000)

static struct {
	struct event_pump pump;
	struct guest_mem gm;
	struct virtio_rng rng;
	struct ring_driver ring;
	uint8_t *ram;
	int source; /* the end we write to */
	unsigned int signals;
	unsigned int broken;
	unsigned int told;
	int error;
	bool stopped;
} t;

static uint64_t now_ns(void)
{
	return t.pump.now_ms * 1000000u;
}

static void on_source(void *owner, int error)
{
	assert_ptr_equal(owner, &t);
	t.told++;
	t.error = error;
}

static void on_signal(struct virtio_device *dev, uint32_t q)
{
	assert_int_equal(q, 0);
	t.signals += vq_should_signal(&dev->vq[q]);
}

static void on_broken(struct virtio_device *dev, const char *why)
{
	assert_non_null(why);
	vq_fini(&dev->vq[0]);
	t.broken++;
}

static const struct virtio_transport_ops transport = {
	.signal = on_signal,
	.broken = on_broken,
};

static void begin_limited(uint64_t per_second)
{
	int fds[2];
	struct virtio_rng_config config = {
		.bytes_sec = { per_second, per_second },
		.now_ns = now_ns,
		.on_source = on_source,
		.owner = &t,
	};

	memset(&t, 0, sizeof(t));
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	config.fd = fds[0];
	t.source = fds[1];
	t.ram = calloc(1, RAM_SIZE);
	event_pump_init(&t.pump);
	guest_mem_init(&t.gm);
	assert_int_equal(guest_mem_add(&t.gm, RAM, RAM_SIZE, t.ram), 0);
	virtio_rng_init(&t.rng, &t.pump.loop, &config);
	t.rng.dev.transport = &transport;
	ring_driver_init(&t.ring, &t.gm, RAM, 64);
	assert_int_equal(vq_init(&t.rng.dev.vq[0], &t.gm, &t.ring.at,
				 VQ_F_INDIRECT_DESC),
			 0);
	assert_int_equal(t.rng.dev.ops->start(&t.rng.dev, 0), 0);
	assert_true(event_pump_run(&t.pump));
}

static void begin(void)
{
	begin_limited(0);
}

static void on_stopped(struct virtio_device *dev)
{
	assert_ptr_equal(dev, &t.rng.dev);
	t.stopped = true;
}

static void end(void)
{
	t.rng.dev.ops->stop(&t.rng.dev, on_stopped);
	assert_true(t.stopped);
	assert_int_equal(event_pump_fini(&t.pump), 0);
	close(t.rng.config.fd);
	close(t.source);
	free(t.ram);
}

static void give(size_t len)
{
	uint8_t bytes[65536];

	for (size_t i = 0; i < len; i++) {
		bytes[i] = (uint8_t)(i * 7 + 1);
	}
	assert_int_equal(write(t.source, bytes, len), len);
}

static void offer(uint16_t i, uint64_t gpa, uint32_t len)
{
	ring_driver_desc(&t.ring, t.ring.at.desc, i, gpa, len, VQ_DESC_WRITE,
			 0);
	ring_driver_offer(&t.ring, i);
}

static void kick(void)
{
	t.rng.dev.ops->kick(&t.rng.dev, 0);
	assert_true(event_pump_run(&t.pump));
}

static uint32_t taken(uint32_t head)
{
	uint32_t got = UINT32_MAX;
	uint32_t len = UINT32_MAX;

	assert_true(ring_driver_take(&t.ring, &got, &len));
	assert_int_equal(got, head);
	return len;
}

static bool none(void)
{
	uint32_t head;
	uint32_t len;

	return !ring_driver_take(&t.ring, &head, &len);
}

static void fills_buffers(void **state)
{
	const uint8_t *data;

	(void)state;
	begin();
	data = t.ram + (DATA - RAM);
	give(100);
	offer(0, DATA, 16);
	/* A chain of two. */
	ring_driver_desc(&t.ring, t.ring.at.desc, 1, DATA + 0x100, 4,
			 VQ_DESC_WRITE | VQ_DESC_NEXT, 2);
	ring_driver_desc(&t.ring, t.ring.at.desc, 2, DATA + 0x200, 4,
			 VQ_DESC_WRITE, 0);
	ring_driver_offer(&t.ring, 1);
	kick();
	assert_int_equal(taken(0), 16);
	assert_int_equal(taken(1), 8);
	assert_int_equal(data[0], 1);
	assert_int_equal(data[15], 15 * 7 + 1);
	assert_int_equal(data[16], 0);
	assert_int_equal(data[0x100], 16 * 7 + 1);
	assert_int_equal(data[0x200], 20 * 7 + 1);
	assert_int_equal(data[0x204], 0);
	assert_true(t.signals > 0);
	end();
}

static void gives_what_there_is(void **state)
{
	(void)state;
	begin();
	give(5);
	offer(0, DATA, 64);
	kick();
	assert_int_equal(taken(0), 5);
	end();
}

static void waits_for_the_source(void **state)
{
	(void)state;
	begin();
	offer(0, DATA, 8);
	kick();
	assert_true(none());
	/* Kicks do not make it ask more often. */
	give(8);
	kick();
	assert_true(none());
	event_pump_advance(&t.pump, 10);
	assert_int_equal(taken(0), 8);
	assert_int_equal(t.told, 0);
	end();
}

static void tells_of_a_bad_source(void **state)
{
	int spare;

	(void)state;
	begin();
	/* The other end goes: read() gives nothing for ever. */
	spare = t.source;
	t.source = open("/dev/null", O_WRONLY);
	close(spare);
	offer(0, DATA, 8);
	kick();
	event_pump_advance(&t.pump, 1000);
	event_pump_advance(&t.pump, 1000);
	assert_true(none());
	assert_int_equal(t.told, 1);
	assert_int_equal(t.error, -EIO);
	/* It works again. */
	assert_int_equal(dup2(open("/dev/zero", O_RDONLY), t.rng.config.fd),
			 t.rng.config.fd);
	event_pump_advance(&t.pump, 1000);
	assert_int_equal(taken(0), 8);
	assert_int_equal(t.told, 2);
	assert_int_equal(t.error, 0);
	end();
}

static void keeps_to_its_limit(void **state)
{
	uint32_t total = 0;
	uint32_t head;
	uint32_t len;

	(void)state;
	begin_limited(1000);
	give(60000);
	for (uint16_t i = 0; i < 32; i++) {
		offer(i, DATA + i * 0x100u, 256);
	}
	kick();
	while (ring_driver_take(&t.ring, &head, &len)) {
		assert_true(len != 0);
		total += len;
	}
	/* what a second allows; the last piece may overdraw it */
	assert_in_range(total, 1000, 1255);
	for (unsigned int i = 0; i < 20; i++) {
		event_pump_advance(&t.pump, 100);
	}
	while (ring_driver_take(&t.ring, &head, &len)) {
		total += len;
	}
	assert_in_range(total, 3000, 3255);
	end();
}

static void much_takes_several_turns(void **state)
{
	(void)state;
	begin();
	give(65536);
	for (uint16_t i = 0; i < 60; i++) {
		offer(i, DATA + i * 0x400u, 0x400);
	}
	t.rng.dev.ops->kick(&t.rng.dev, 0);
	assert_true(ring_driver_used_idx(&t.ring) <= 32);
	assert_true(event_pump_run(&t.pump));
	assert_int_equal(ring_driver_used_idx(&t.ring), 60);
	end();
}

static void refuses(uint16_t flags, uint32_t len)
{
	begin();
	give(8);
	ring_driver_desc(&t.ring, t.ring.at.desc, 0, DATA, len, flags, 0);
	ring_driver_offer(&t.ring, 0);
	kick();
	assert_int_equal(t.broken, 1);
	assert_true(none());
	kick();
	assert_int_equal(t.broken, 1);
	end();
}

static void refuses_to_read(void **state)
{
	(void)state;
	begin();
	give(8);
	ring_driver_desc(&t.ring, t.ring.at.desc, 0, DATA, 4, VQ_DESC_NEXT, 1);
	ring_driver_desc(&t.ring, t.ring.at.desc, 1, DATA, 4, VQ_DESC_WRITE, 0);
	ring_driver_offer(&t.ring, 0);
	kick();
	assert_int_equal(t.broken, 1);
	end();
}

static void refuses_what_is_wrong(void **state)
{
	(void)state;
	refuses(0, 16); /* 5.4.6.1: readable */
	refuses(VQ_DESC_WRITE, 0); /* no room for a byte */
	refuses(VQ_DESC_WRITE | VQ_DESC_NEXT, 16); /* a loop */
}

static void stops_while_it_waits(void **state)
{
	(void)state;
	begin();
	offer(0, DATA, 8);
	kick();
	end(); /* no timer is left */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_buffers),
		cmocka_unit_test(gives_what_there_is),
		cmocka_unit_test(waits_for_the_source),
		cmocka_unit_test(tells_of_a_bad_source),
		cmocka_unit_test(keeps_to_its_limit),
		cmocka_unit_test(much_takes_several_turns),
		cmocka_unit_test(refuses_to_read),
		cmocka_unit_test(refuses_what_is_wrong),
		cmocka_unit_test(stops_while_it_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
