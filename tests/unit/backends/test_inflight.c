/* SPDX-License-Identifier: BSD-2-Clause */
/* Chains in flight: what is recorded, and what a successor makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/inflight.h"
#include "support/ring_driver.h"

#define RAM 0x40000000ull
#define RAM_SIZE 0x4000ull
#define SIZE 8u

struct fixture {
	uint8_t *ram;
	struct guest_mem gm;
	struct ring_driver ring;
	struct vq vq;
	struct inflight inflight;
	struct vq_chain chain;
	uint16_t heads[VQ_SIZE_MAX];
};

static void bind(struct fixture *f)
{
	assert_int_equal(vq_init(&f->vq, &f->gm, &f->ring.at, 0), 0);
	f->inflight.counter = 12345;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->ram = calloc(1, RAM_SIZE);
	/* On a block of its own: ASan sees one descriptor too far. */
	f->inflight.area = calloc(1, INFLIGHT_SIZE(SIZE));
	guest_mem_init(&f->gm);
	guest_mem_add(&f->gm, RAM, RAM_SIZE, f->ram);
	ring_driver_init(&f->ring, &f->gm, RAM, SIZE);
	for (uint16_t i = 0; i < SIZE; i++) {
		ring_driver_desc(&f->ring, f->ring.at.desc, i, RAM + 0x2000, 16,
				 0, 0);
	}
	inflight_fresh(f->inflight.area, SIZE);
	bind(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->ram);
	free(f->inflight.area);
	free(f);
	return 0;
}

static void take(struct fixture *f, uint16_t head)
{
	ring_driver_offer(&f->ring, head);
	assert_int_equal(inflight_pop(&f->inflight, &f->vq, &f->chain), 1);
	assert_int_equal(f->chain.head, head);
}

static void give(struct fixture *f, uint16_t head)
{
	assert_int_equal(inflight_push(&f->inflight, &f->vq, head, 0), 0);
}

static int resume(struct fixture *f)
{
	bind(f);
	return inflight_resume(&f->inflight, &f->vq, f->heads);
}

static void fresh_has_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->inflight.area->version, INFLIGHT_VERSION);
	assert_int_equal(f->inflight.area->desc_num, SIZE);
	assert_int_equal(resume(f), 0);
	assert_int_equal(f->vq.last_avail, 0);
	take(f, 3);
	inflight_fresh(f->inflight.area, SIZE);
	assert_int_equal(resume(f), 0);
	f->inflight.area->version = 0;
	assert_int_equal(resume(f), -EPROTO);
}

static void oldest_first(void **state)
{
	struct fixture *f = *state;

	take(f, 5);
	take(f, 1);
	take(f, 7);
	take(f, 0);
	give(f, 7);
	assert_int_equal(resume(f), 3);
	assert_int_equal(f->heads[0], 5);
	assert_int_equal(f->heads[1], 1);
	assert_int_equal(f->heads[2], 0);
	/* The next one is the fifth that was ever offered. */
	assert_int_equal(f->vq.last_avail, 4);
	take(f, 2);
	give(f, 5);
	/* And it is younger than those of the process before. */
	assert_int_equal(resume(f), 3);
	assert_int_equal(f->heads[2], 2);
}

/* Killed after the used ring has moved, before the record says so. */
static void last_step_is_made_up_for(void **state)
{
	struct fixture *f = *state;

	take(f, 5);
	take(f, 1);
	give(f, 5);
	f->inflight.area->last_batch_head = 1;
	assert_int_equal(vq_push(&f->vq, 1, 0), 0);
	assert_int_equal(resume(f), 0);
	assert_int_equal(f->vq.last_avail, 2);
	assert_int_equal(f->inflight.area->used_idx, 2);
	assert_int_equal(f->inflight.area->desc[1].inflight, 0);
	/* Killed again after that, it is no different. */
	assert_int_equal(resume(f), 0);
}

/* Killed before the used ring has moved: it is still to be done. */
static void not_given_is_in_flight(void **state)
{
	struct fixture *f = *state;

	take(f, 5);
	take(f, 1);
	f->inflight.area->last_batch_head = 1;
	assert_int_equal(resume(f), 2);
	assert_int_equal(f->heads[0], 5);
	assert_int_equal(f->heads[1], 1);
}

/* Killed before the chain was recorded: it is taken again. */
static void not_recorded_is_not_taken(void **state)
{
	struct fixture *f = *state;

	take(f, 5);
	ring_driver_offer(&f->ring, 6);
	assert_int_equal(vq_pop(&f->vq, &f->chain), 1);
	assert_int_equal(resume(f), 1);
	assert_int_equal(inflight_pop(&f->inflight, &f->vq, &f->chain), 1);
	assert_int_equal(f->chain.head, 6);
}

static void positions_wrap(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < 0x10001; i++) {
		take(f, (uint16_t)(i % SIZE));
		give(f, (uint16_t)(i % SIZE));
	}
	take(f, 4);
	assert_int_equal(resume(f), 1);
	assert_int_equal(f->vq.last_avail, 2);
	f->inflight.area->last_batch_head = 4;
	f->inflight.area->used_idx = 0;
	assert_int_equal(resume(f), 0);
}

static void head_taken_twice(void **state)
{
	struct fixture *f = *state;

	take(f, 5);
	ring_driver_offer(&f->ring, 5);
	assert_int_equal(inflight_pop(&f->inflight, &f->vq, &f->chain),
			 -EPROTO);
	give(f, 5);
	take(f, 5);
}

/* The area is input. */
static void nonsense(void **state)
{
	struct fixture *f = *state;
	struct inflight_area *area = f->inflight.area;

	take(f, 1);
	area->desc_num = SIZE * 2;
	assert_int_equal(resume(f), -EPROTO);
	area->desc_num = SIZE;
	area->used_idx = 2;
	assert_int_equal(resume(f), -EPROTO);
	area->used_idx = (uint16_t)-2;
	assert_int_equal(resume(f), -EPROTO);
	area->used_idx = (uint16_t)-1;
	area->last_batch_head = SIZE;
	assert_int_equal(resume(f), -EPROTO);
	area->last_batch_head = SIZE - 1;
	assert_int_equal(resume(f), 1);
	memset(area->desc, 0xff, sizeof(area->desc[0]) * SIZE);
	assert_int_equal(resume(f), SIZE);
	for (uint32_t i = 0; i < SIZE; i++) {
		assert_in_range(f->heads[i], 0, SIZE - 1);
	}
}

static void nothing_recorded_without_area(void **state)
{
	struct fixture *f = *state;
	struct inflight none = { 0 };

	ring_driver_offer(&f->ring, 2);
	assert_int_equal(inflight_resume(&none, &f->vq, f->heads), 0);
	assert_int_equal(inflight_pop(&none, &f->vq, &f->chain), 1);
	assert_int_equal(inflight_push(&none, &f->vq, 2, 0), 0);
	assert_int_equal(ring_driver_used_idx(&f->ring), 1);
	assert_int_equal(inflight_pop(&none, &f->vq, &f->chain), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fresh_has_nothing),
		TEST(oldest_first),
		TEST(last_step_is_made_up_for),
		TEST(not_given_is_in_flight),
		TEST(not_recorded_is_not_taken),
		TEST(positions_wrap),
		TEST(head_taken_twice),
		TEST(nonsense),
		TEST(nothing_recorded_without_area),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
