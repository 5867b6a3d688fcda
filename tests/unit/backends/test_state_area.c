/* SPDX-License-Identifier: BSD-2-Clause */
/* The restart area and the log rings in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/state_area.h"

static uint8_t *base;

struct thing {
	uint64_t a;
	uint64_t b;
};

static int setup(void **state)
{
	(void)state;
	base = aligned_alloc(4096, STATE_AREA_SIZE);
	memset(base, 0, STATE_AREA_SIZE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(base);
	return 0;
}

static enum state_found open_thing(struct state_area *area, struct thing *work,
				   uint32_t kind, struct state_record *ret)
{
	return state_record_open(area, 4, kind, work, sizeof(*work), ret);
}

static void fresh_then_resumed(void **state)
{
	struct state_area area;
	struct state_record record;
	struct thing t = { 9, 9 };

	(void)state;
	state_area_open(&area, base);
	assert_int_equal(open_thing(&area, &t, 7, &record), STATE_FRESH);
	assert_true(t.a == 0 && t.b == 0);
	t = (struct thing){ 1, 2 };
	/* Without a commit it was never there. */
	state_area_open(&area, base);
	assert_int_equal(open_thing(&area, &t, 7, &record), STATE_FRESH);
	for (uint64_t i = 0; i < 5; i++) {
		t = (struct thing){ i, i + 100 };
		state_record_commit(&record);
		record.mark[1] = i;
		state_area_open(&area, base);
		memset(&t, 0xff, sizeof(t));
		assert_int_equal(open_thing(&area, &t, 7, &record),
				 STATE_RESUMED);
		assert_true(t.a == i && t.b == i + 100 && record.mark[1] == i);
	}
}

static void other_kind_is_lost(void **state)
{
	struct state_area area;
	struct state_record record;
	struct thing t;

	(void)state;
	state_area_open(&area, base);
	open_thing(&area, &t, 7, &record);
	t.a = 5;
	record.mark[0] = 3;
	state_record_commit(&record);
	assert_int_equal(open_thing(&area, &t, 8, &record), STATE_LOST);
	assert_true(t.a == 0 && record.mark[0] == 0);
	/* Killed before it said so: still lost, for both kinds. */
	assert_int_equal(open_thing(&area, &t, 8, &record), STATE_LOST);
	assert_int_equal(open_thing(&area, &t, 7, &record), STATE_LOST);
	state_record_commit(&record);
	assert_int_equal(open_thing(&area, &t, 7, &record), STATE_RESUMED);
}

static void foreign_area_is_lost(void **state)
{
	struct state_area area;
	struct state_record record;
	struct thing t;

	(void)state;
	memset(base, 0xa5, STATE_AREA_SIZE);
	state_area_open(&area, base);
	assert_int_equal(area.found, STATE_LOST);
	assert_int_equal(open_thing(&area, &t, 7, &record), STATE_LOST);
	state_record_commit(&record);
	/* Also for a process that comes before all devices said so. */
	state_area_open(&area, base);
	assert_int_equal(open_thing(&area, &t, 7, &record), STATE_LOST);
	state_area_settle(&area);
	state_area_open(&area, base);
	assert_int_equal(open_thing(&area, &t, 7, &record), STATE_RESUMED);
}

static void notes(void **state)
{
	struct state_area area;
	struct thing t = { 1, 2 };
	struct thing read;

	(void)state;
	state_area_open(&area, base);
	for (uint32_t slot = 0; slot < STATE_SLOTS; slot++) {
		assert_false(state_note_read(&area, slot, &read, sizeof(read)));
	}
	state_note_write(&area, 5, &t, sizeof(t));
	t.a = 3;
	state_note_write(&area, STATE_SLOTS - 1, &t, sizeof(t));
	state_area_open(&area, base);
	assert_true(state_note_read(&area, 5, &read, sizeof(read)));
	assert_true(read.a == 1 && read.b == 2);
	assert_true(
		state_note_read(&area, STATE_SLOTS - 1, &read, sizeof(read)));
	assert_true(read.a == 3);
	assert_false(state_note_read(&area, 4, &read, sizeof(read)));
	/* Another version's. */
	assert_false(state_note_read(&area, 5, &read, sizeof(read) - 1));
	assert_int_equal(area.found, STATE_RESUMED);
}

static void foreign_without_header(void **state)
{
	struct state_area area;

	(void)state;
	base[STATE_AREA_SIZE - 1] = 1;
	state_area_open(&area, base);
	assert_int_equal(area.found, STATE_LOST);
	assert_int_equal(base[STATE_AREA_SIZE - 1], 0);
}

static void logs_by_name(void **state)
{
	struct state_area area;
	struct log_ring ring[STATE_LOGS];
	struct log_ring again;
	char name[2] = "a";

	(void)state;
	state_area_open(&area, base);
	for (size_t i = 0; i < STATE_LOGS; i++, name[0]++) {
		assert_int_equal(state_log_open(&area, name, &ring[i]), 0);
		log_ring_append(&ring[i], name, 1);
	}
	assert_int_equal(state_log_open(&area, "z", &again), -ENOSPC);
	state_area_open(&area, base);
	assert_int_equal(state_log_open(&area, "c", &again), 0);
	assert_ptr_equal(again.data, ring[2].data);
	assert_int_equal(log_ring_tail(&again), 1);
	assert_int_equal(again.data[0], 'c');
}

static void log_keeps_the_last(void **state)
{
	static uint8_t data[3 * LOG_RING_PIECE + 100];
	uint8_t chunk[777];
	uint64_t tail = 0;
	struct log_ring ring;
	const uint8_t *from;
	uint64_t pos;
	size_t n;

	(void)state;
	log_ring_init(&ring, &tail, data, sizeof(data));
	for (uint32_t i = 0; i < 200; i++) {
		for (uint32_t k = 0; k < sizeof(chunk); k++) {
			chunk[k] = (uint8_t)((tail + k) * 7 / 3);
		}
		log_ring_append(&ring, chunk, sizeof(chunk));
		pos = log_ring_first(&ring);
		assert_true(tail - pos <= sizeof(data) - LOG_RING_PIECE);
		while ((n = log_ring_peek(&ring, pos, &from)) != 0) {
			assert_true(from + n <= data + sizeof(data));
			for (size_t k = 0; k < n; k++) {
				assert_int_equal(
					from[k],
					(uint8_t)((pos / sizeof(chunk) *
							   sizeof(chunk) +
						   pos % sizeof(chunk)) *
						  7 / 3));
				pos++;
			}
		}
		assert_int_equal(pos, tail);
	}
}

static void log_larger_than_itself(void **state)
{
	static uint8_t data[3 * LOG_RING_PIECE];
	static uint8_t big[20 * LOG_RING_PIECE];
	uint64_t tail = 0;
	struct log_ring ring;
	const uint8_t *from;

	(void)state;
	big[sizeof(big) - 1] = 42;
	log_ring_init(&ring, &tail, data, sizeof(data));
	log_ring_append(&ring, big, sizeof(big));
	assert_int_equal(tail, sizeof(big));
	assert_int_equal(log_ring_peek(&ring, tail - 1, &from), 1);
	assert_int_equal(*from, 42);
}

/* What a killed writer had begun is not where anybody reads. */
static void log_torn_piece(void **state)
{
	static uint8_t data[3 * LOG_RING_PIECE];
	static uint8_t piece[LOG_RING_PIECE];
	uint64_t tail = 0;
	struct log_ring ring;
	const uint8_t *from;
	uint64_t pos;
	size_t n;

	(void)state;
	log_ring_init(&ring, &tail, data, sizeof(data));
	memset(piece, 'a', sizeof(piece));
	for (int i = 0; i < 7; i++) {
		log_ring_append(&ring, piece, 1234);
	}
	pos = tail;
	memset(piece, 'X', sizeof(piece));
	log_ring_append_piece(&ring, piece, sizeof(piece));
	tail = pos; /* killed before this store */
	pos = log_ring_first(&ring);
	while ((n = log_ring_peek(&ring, pos, &from)) != 0) {
		for (size_t k = 0; k < n; k++) {
			assert_int_equal(from[k], 'a');
		}
		pos += n;
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fresh_then_resumed),
		TEST(other_kind_is_lost),
		TEST(notes),
		TEST(foreign_area_is_lost),
		TEST(foreign_without_header),
		TEST(logs_by_name),
		TEST(log_keeps_the_last),
		TEST(log_larger_than_itself),
		TEST(log_torn_piece),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
