/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <zv/arch/cpu.h>
#include <zv/arch/time.h>
#include <zv/log.h>
#include <zv/panic.h>

#define RING KIB(64)
#define SECOND 1000000000ull

static u64 now;
static char console[512];

u64 arch_time_ns(void)
{
	return now;
}

u32 arch_cpu_id(void)
{
	return 3;
}

void arch_cpu_relax(void)
{
	fail_msg("the log's lock is taken");
}

void console_write(const char *s, size_t n)
{
	memset(console, 0, sizeof(console));
	memcpy(console, s, n);
}

static u64 end_of_log(void)
{
	u64 pos = UINT64_MAX;
	u64 first;

	assert_int_equal(log_read(&pos, NULL, 0, &first), 0);
	assert_int_equal(pos, first);
	return pos;
}

static void lines(void **state)
{
	char buf[256] = { 0 };
	u64 pos = end_of_log();
	u64 start = pos, first;
	static const char want[] = "[   12.034567] 3 W: zone 5: x\n";

	(void)state;
	now = 12 * SECOND + 34567000;
	log_warn("zone %d: %s", 5, "x");
	assert_string_equal(console, want);
	assert_int_equal(log_read(&pos, buf, sizeof(buf), &first),
			 strlen(want));
	assert_string_equal(buf, want);
	assert_int_equal(first, start);
	assert_int_equal(pos, start + strlen(want));
}

static void nothing_moves_the_cursor(void **state)
{
	(void)state;
	log_info("name %s", "a\033[2J\n\x7f\xff");
	assert_non_null(strstr(console, "name a?[2J???\n"));
}

static void long_lines_are_cut(void **state)
{
	char text[400];

	(void)state;
	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	assert_true(strlen(console) < 256);
	assert_int_equal(console[strlen(console) - 1], '\n');
}

static void reading_in_pieces_and_late(void **state)
{
	char a[8], b[8], buf[32];
	u64 pos = end_of_log();
	u64 old = pos, first;

	(void)state;
	log_info("hello");
	assert_int_equal(log_read(&pos, a, 8, &first), 8);
	assert_int_equal(log_read(&pos, b, 8, &first), 8);
	assert_int_equal(first, old + 8);
	assert_memory_equal(a, console, 8);
	assert_memory_equal(b, console + 8, 8);

	/* The ring moves on past a slow reader. */
	for (u32 i = 0; i < 4000; i++) {
		log_info("line %u of many", i);
	}
	pos = old;
	assert_int_equal(log_read(&pos, buf, 1, &first), 1);
	assert_int_equal(first, end_of_log() - RING);
	assert_int_equal(pos, first + 1);
	pos = 0;
	log_read(&pos, buf, 1, &first);
	assert_int_equal(first, end_of_log() - RING);
}

static void floods_are_limited(void **state)
{
	static struct ratelimit r;
	u32 passed = 0;

	(void)state;
	now = 100 * SECOND;
	for (u32 i = 0; i < 1000; i++) {
		passed += ratelimit_ok(&r);
	}
	assert_int_equal(passed, 10);
	now += SECOND;
	assert_true(ratelimit_ok(&r));
	assert_non_null(strstr(console, "990 messages"));
}

static void panic_needs_no_lock(void **state)
{
	(void)state;
	log_panic_begin();
	log_error("last words");
	assert_non_null(strstr(console, "last words"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(nothing_moves_the_cursor),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(reading_in_pieces_and_late),
		cmocka_unit_test(floods_are_limited),
		cmocka_unit_test(panic_needs_no_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
