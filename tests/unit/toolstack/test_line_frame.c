/* SPDX-License-Identifier: BSD-2-Clause */
#include "frame.h"

#include <errno.h>
#include <string.h>

#include "backoff.h"
#include "cmocka_all.h"

static void feed(struct frame *f, const char *bytes, size_t len)
{
	while (len > 0) {
		size_t room = 0;
		char *to = frame_reserve(f, 1, &room);

		assert_non_null(to);
		assert_true(room > 0);
		room = room < len ? room : len;
		memcpy(to, bytes, room);
		frame_commit(f, room);
		bytes += room;
		len -= room;
	}
}

static void expect(struct frame *f, const char *text)
{
	char *line;
	size_t len;

	assert_int_equal(frame_next(f, &line, &len), 1);
	assert_string_equal(line, text);
	assert_int_equal(len, strlen(text));
}

static void expect_none(struct frame *f, int rc)
{
	char *line;
	size_t len;

	assert_int_equal(frame_next(f, &line, &len), rc);
}

static void test_lines(void **state)
{
	struct frame f;

	(void)state;
	frame_init(&f, 100);
	expect_none(&f, 0);
	feed(&f, "one\ntwo\n\nthr", 12);
	expect(&f, "one");
	expect(&f, "two");
	expect(&f, "");
	expect_none(&f, 0);
	feed(&f, "ee\n", 3);
	expect(&f, "three");
	expect_none(&f, 0);
	frame_fini(&f);
}

static void test_byte_by_byte(void **state)
{
	static const char text[] = "{\"a\":1}\n{}\n";
	struct frame f;

	(void)state;
	frame_init(&f, 100);
	for (size_t i = 0; i < 8; i++) {
		expect_none(&f, 0);
		feed(&f, text + i, 1);
	}
	expect(&f, "{\"a\":1}");
	feed(&f, text + 8, 3);
	expect(&f, "{}");
	frame_fini(&f);
}

static void test_limit(void **state)
{
	struct frame f;

	(void)state;
	frame_init(&f, 5);
	feed(&f, "12345\n", 6);
	expect(&f, "12345");
	feed(&f, "123456", 6); /* no end yet, and too long already */
	expect_none(&f, -EMSGSIZE);
	frame_fini(&f);
	feed(&f, "ok\n123456\n", 10);
	expect(&f, "ok");
	expect_none(&f, -EMSGSIZE);
	expect_none(&f, -EMSGSIZE); /* for good */
	frame_fini(&f);
}

static void test_memory_stays_bounded(void **state)
{
	struct frame f;
	char block[1000];

	(void)state;
	memset(block, 'x', sizeof(block));
	block[sizeof(block) - 1] = '\n';
	frame_init(&f, 2000);
	for (int i = 0; i < 1000; i++) {
		char *line;
		size_t len;

		feed(&f, block, sizeof(block));
		assert_int_equal(frame_next(&f, &line, &len), 1);
	}
	assert_true(f.room <= 8192);
	frame_fini(&f);
}

/* What came is somebody else's memory, and the rest of it is kept. */
static void test_borrowed(void **state)
{
	char bytes[] = "one\ntwo\nthr";
	struct frame f;

	(void)state;
	frame_init(&f, 100);
	assert_true(frame_is_empty(&f));
	frame_borrow(&f, bytes, strlen(bytes));
	expect(&f, "one");
	assert_int_equal(frame_settle(&f), 0);
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(frame_memory(&f), 7);
	expect(&f, "two");
	expect_none(&f, 0);
	assert_int_equal(frame_settle(&f), 0);
	assert_false(frame_is_empty(&f));
	feed(&f, "ee\n", 3);
	expect(&f, "three");
	assert_int_equal(frame_settle(&f), 0);
	assert_int_equal(frame_memory(&f), 0);
}

static void test_borrowed_is_left_alone(void **state)
{
	char bytes[] = "one\n123456";
	struct frame f;

	(void)state;
	frame_init(&f, 5);
	frame_borrow(&f, bytes, 4);
	expect(&f, "one");
	assert_true(frame_is_empty(&f));
	assert_int_equal(frame_settle(&f), 0);
	assert_int_equal(frame_memory(&f), 0);
	frame_borrow(&f, bytes + 4, 6);
	expect_none(&f, -EMSGSIZE);
	assert_int_equal(frame_settle(&f), 0);
	expect_none(&f, -EMSGSIZE);
	frame_fini(&f);
	frame_borrow(&f, bytes, 2);
	frame_fini(&f); /* must not free it */
}

static void test_backoff(void **state)
{
	struct backoff b = { 0 };
	uint64_t now = 5;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(backoff_next(&b, now), 0);
	}
	assert_int_equal(backoff_next(&b, now), 250);
	assert_int_equal(backoff_next(&b, now), 500);
	for (int i = 0; i < 1000; i++) {
		assert_in_range(backoff_next(&b, now), 1000, 30000);
	}
	assert_int_equal(backoff_next(&b, now), 30000);
	now += 200000;
	assert_int_equal(backoff_next(&b, now), 0);
	/* a successor goes on where it was, unless it was long ago */
	for (int i = 0; i < 4; i++) {
		backoff_next(&b, now);
	}
	assert_int_equal(backoff_count(&b, now), 5);
	backoff_restore(&b, 5, 7);
	assert_int_equal(backoff_next(&b, 7), 1000);
	assert_int_equal(backoff_count(&b, 7 + 1000 + 60000), 6);
	assert_int_equal(backoff_count(&b, 7 + 1000 + 60001), 0);
	backoff_restore(&b, UINT64_MAX, 7);
	assert_int_equal(backoff_next(&b, 7), 30000);
	b = (struct backoff){ .longest_ms = 1000 };
	for (int i = 0; i < 5; i++) {
		backoff_next(&b, now);
	}
	for (int i = 0; i < 50; i++) {
		assert_int_equal(backoff_next(&b, now), 1000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_memory_stays_bounded),
		cmocka_unit_test(test_borrowed),
		cmocka_unit_test(test_borrowed_is_left_alone),
		cmocka_unit_test(test_backoff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
