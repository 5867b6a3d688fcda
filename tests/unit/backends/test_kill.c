/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kill -9 at any instruction.
 *
 * A child does a piece of work on memory it shares with us, one machine
 * instruction at a time (ptrace).  Whenever what would survive it has changed,
 * we take a copy, and later start a new process on each copy: that is the world
 * as a kill at that instruction leaves it.  Each of them must end well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "support/process.h"
#include "support/step.h"

/* The parts of the restart area that the work changes. */
#define RECORDS 0x7000u /* header, platform devices, slot 1 */
#define LOGS_AT 0x40000u
#define LOG_STRIDE 0x30000u
#define LOG_HEAD 0x400u /* header and the first bytes */
#define RAM_PART 0x9000u /* rings and a little data */
#define IMAGES_MAX 1024u

struct image {
	uint8_t records[RECORDS];
	uint8_t log[2][LOG_HEAD];
	uint8_t ram[RAM_PART];
};

static uint8_t *ram;
static uint8_t *area;
static struct image *images;
static size_t image_count;

static void *shared(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(at, MAP_FAILED);
	return at;
}

static int setup(void **state)
{
	(void)state;
	ram = shared(P_RAM_SIZE);
	area = shared(STATE_AREA_SIZE);
	image_count = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	munmap(ram, P_RAM_SIZE);
	munmap(area, STATE_AREA_SIZE);
	return 0;
}

static void take_image(void)
{
	struct image *image = &images[image_count];
	const struct image *last = image - 1;

	if (image_count != 0 && memcmp(last->ram, ram, RAM_PART) == 0 &&
	    memcmp(last->log[0], area + LOGS_AT, LOG_HEAD) == 0 &&
	    memcmp(last->log[1], area + LOGS_AT + LOG_STRIDE, LOG_HEAD) == 0 &&
	    memcmp(last->records + 0x1000, area + 0x1000, 0x200) == 0 &&
	    memcmp(last->records + 0x6000, area + 0x6000, 0x1000) == 0) {
		return;
	}
	assert_true(image_count < IMAGES_MAX);
	memcpy(image->records, area, RECORDS);
	memcpy(image->log[0], area + LOGS_AT, LOG_HEAD);
	memcpy(image->log[1], area + LOGS_AT + LOG_STRIDE, LOG_HEAD);
	memcpy(image->ram, ram, RAM_PART);
	image_count++;
}

/* A new process in the world that image i shows. */
static struct process *revive(size_t i)
{
	uint8_t *new_ram = aligned_alloc(4096, P_RAM_SIZE);
	uint8_t *new_area = aligned_alloc(4096, STATE_AREA_SIZE);

	memset(new_ram, 0, P_RAM_SIZE);
	memset(new_area, 0, STATE_AREA_SIZE);
	memcpy(new_ram, images[i].ram, RAM_PART);
	memcpy(new_area, images[i].records, RECORDS);
	memcpy(new_area + LOGS_AT, images[i].log[0], LOG_HEAD);
	memcpy(new_area + LOGS_AT + LOG_STRIDE, images[i].log[1], LOG_HEAD);
	return process_new(new_ram, new_area);
}

/* The child shares our memory: hand it over before the parent frees it. */
static void forget(struct process *p)
{
	p->ram = NULL;
	p->state = NULL;
	process_free(p);
}

/* ------------------------------------------------------------------ output */

static void transmit(void *ctx)
{
	struct process *p = ctx;

	p->io.device[0].virtio->ops->kick(p->io.device[0].virtio,
					  VIRTIO_CONSOLE_TX);
}

static void output_is_exact(void **state)
{
	static const char expect[] = "before one two, in parts three";
	struct process *p = process_new(ram, area);
	uint32_t head;
	uint32_t len;

	(void)state;
	assert_int_equal(process_start(p), 0);
	process_probe(p, 4, 0);
	process_offer_tx(p, 3, P_DATA, "before ");
	process_kick(p, VIRTIO_CONSOLE_TX);
	assert_true(ring_driver_take(&p->tx, &head, &len));
	process_offer_tx(p, 0, P_DATA + 16, "one ");
	memcpy(ram + 0x8040, "two, in parts ", 14);
	ring_driver_desc(&p->tx, p->tx.at.desc, 1, P_DATA + 0x40, 5,
			 VQ_DESC_NEXT, 2);
	ring_driver_desc(&p->tx, p->tx.at.desc, 2, P_DATA + 0x45, 9, 0, 0);
	ring_driver_offer(&p->tx, 1);
	process_offer_tx(p, 3, P_DATA + 96, "three");
	if (!step_through(transmit, p, take_image)) {
		forget(p);
		skip();
	}
	/* Data, log, mark and ring of three chains are that many at least. */
	assert_true(image_count >= 15);
	for (size_t i = 0; i < image_count; i++) {
		struct process *q = revive(i);
		uint16_t used;

		assert_int_equal(process_start(q), 0);
		assert_int_equal(process_read(q, VIRTIO_MMIO_STATUS), 0xf);
		assert_string_equal(process_log(q, process_port(q)), expect);
		q->tx = p->tx;
		q->tx.gm = &q->gm;
		used = ring_driver_used_idx(&q->tx);
		assert_int_equal(used, 4);
		/* Each chain was given back once, in order. */
		assert_true(ring_driver_take(&q->tx, &head, &len));
		assert_int_equal(head, 0);
		assert_true(ring_driver_take(&q->tx, &head, &len));
		assert_int_equal(head, 1);
		assert_true(ring_driver_take(&q->tx, &head, &len));
		assert_int_equal(head, 3);
		/* And it goes on. */
		process_offer_tx(q, 0, P_DATA, "!");
		process_kick(q, VIRTIO_CONSOLE_TX);
		assert_string_equal(
			process_log(q, process_port(q)) + strlen(expect), "!");
		process_free(q);
	}
	forget(p);
}

/* --------------------------------------------------------------- registers */

static void serve(void *ctx)
{
	struct process *p = ctx;

	zone_io_pump(&p->io.io);
}

/* Every write of a probe, killed everywhere: presented again, it succeeds. */
static void check_access(struct process *p, uint32_t reg, uint32_t value)
{
	static uint32_t want[VIRTIO_MMIO_WINDOW / 4];
	struct fake_slot slot;

	image_count = 0;
	fake_zone_post_access(&p->zone, 0, P_VIRTIO + reg, 4, true, value);
	slot = p->zone.slot[0];
	if (!step_through(serve, p, take_image)) {
		forget(p);
		skip();
	}
	/* What it should come to, from a process that was not killed: the
	 * child worked on our memory, so undo that first. */
	memcpy(area, images[0].records, RECORDS);
	memcpy(ram, images[0].ram, RAM_PART);
	zone_io_pump(&p->io.io);
	assert_false(p->zone.slot[0].waiting);
	memcpy(want, fake_zone_word(&p->zone, P_VIRTIO), sizeof(want));

	for (size_t i = 0; i < image_count; i++) {
		struct process *q = revive(i);

		q->zone.slot[0] = slot;
		fake_zone_detach(&q->zone);
		assert_int_equal(process_start(q), 0);
		assert_false(q->zone.slot[0].waiting);
		/* All but InterruptStatus, which a restart may set. */
		*fake_zone_word(&q->zone,
				P_VIRTIO + VIRTIO_MMIO_INTERRUPT_STATUS) =
			want[VIRTIO_MMIO_INTERRUPT_STATUS / 4];
		assert_memory_equal(fake_zone_word(&q->zone, P_VIRTIO), want,
				    sizeof(want));
		assert_memory_equal(&q->io.device[0].transport.state.regs,
				    &p->io.device[0].transport.state.regs,
				    sizeof(struct virtio_mmio_state));
		process_free(q);
	}
}

static void register_writes_survive(void **state)
{
	struct process *p = process_new(ram, area);

	(void)state;
	assert_int_equal(process_start(p), 0);
	process_write(p, VIRTIO_MMIO_STATUS, 3);
	process_write(p, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	check_access(p, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	check_access(p, VIRTIO_MMIO_STATUS, 0xb);
	ring_driver_init(&p->tx, &p->gm, P_TX_RING, 4);
	/* A used index from an earlier life must not be taken for ours. */
	guest_mem_store16(&p->gm, p->tx.at.used + 2, 1);
	process_write(p, VIRTIO_MMIO_QUEUE_SEL, 1);
	process_write(p, VIRTIO_MMIO_QUEUE_NUM, 4);
	process_write(p, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)p->tx.at.desc);
	process_write(p, VIRTIO_MMIO_QUEUE_DRIVER_LOW,
		      (uint32_t)p->tx.at.avail);
	process_write(p, VIRTIO_MMIO_QUEUE_DEVICE_LOW, (uint32_t)p->tx.at.used);
	check_access(p, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(ring_driver_used_idx(&p->tx), 0);
	check_access(p, VIRTIO_MMIO_STATUS, 0xf);
	assert_int_equal(process_read(p, VIRTIO_MMIO_STATUS), 0xf);
	check_access(p, VIRTIO_MMIO_STATUS, 0);
	forget(p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(output_is_exact),
		TEST(register_writes_survive),
	};
	int failed;

	images = calloc(IMAGES_MAX, sizeof(*images));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(images);
	return failed;
}
