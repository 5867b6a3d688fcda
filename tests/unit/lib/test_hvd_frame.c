// SPDX-License-Identifier: BSD-2-Clause
/* Lines out of a byte stream: any split, any length, garbage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client_internal.h"

#define MAX 16

static struct hvd__framer framer;

static int setup(void **state)
{
	(void)state;
	hvd__framer_init(&framer, MAX);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hvd__framer_reset(&framer);
	return 0;
}

static void feed(const char *text)
{
	assert_int_equal(hvd__framer_feed(&framer, text, strlen(text)), 0);
}

static void expect_line(const char *text)
{
	char *line;
	size_t len;

	assert_int_equal(hvd__framer_next(&framer, &line, &len),
			 HVD__FRAME_LINE);
	assert_int_equal(len, strlen(text));
	assert_string_equal(line, text);
}

static void expect(enum hvd__frame frame)
{
	char *line;
	size_t len;

	assert_int_equal(hvd__framer_next(&framer, &line, &len), frame);
}

static void test_empty(void **state)
{
	(void)state;
	expect(HVD__FRAME_NONE);
	feed("");
	expect(HVD__FRAME_NONE);
}

static void test_lines_in_one_piece(void **state)
{
	(void)state;
	feed("one\n\nthree\nfo");
	expect_line("one");
	expect_line("");
	expect_line("three");
	expect(HVD__FRAME_NONE);
	feed("ur\n");
	expect_line("four");
	expect(HVD__FRAME_NONE);
}

static void test_byte_by_byte(void **state)
{
	const char *text = "abc\ndef\n";

	(void)state;
	for (const char *p = text; *p != '\0'; p++) {
		assert_int_equal(hvd__framer_feed(&framer, p, 1), 0);
		if (*p == '\n') {
			expect_line(p == text + 3 ? "abc" : "def");
		}
		expect(HVD__FRAME_NONE);
	}
}

static void test_limit_is_inclusive(void **state)
{
	(void)state;
	feed("0123456789abcdef\n");
	expect_line("0123456789abcdef");
	feed("0123456789abcdefg\nok\n");
	expect(HVD__FRAME_TOO_LONG);
	expect_line("ok");
}

static void test_long_line_is_told_once_and_skipped(void **state)
{
	(void)state;
	feed("0123456789abcdefg");
	expect(HVD__FRAME_TOO_LONG);
	expect(HVD__FRAME_NONE);
	for (int i = 0; i < 1000; i++) {
		feed("more and more of the same line");
		expect(HVD__FRAME_NONE);
	}
	/* Skipping keeps nothing. */
	assert_true(framer.capacity < 65536);
	feed("end\nnext\n");
	expect_line("next");
	expect(HVD__FRAME_NONE);
}

static void test_long_line_ending_in_its_first_piece(void **state)
{
	(void)state;
	feed("0123456789");
	expect(HVD__FRAME_NONE);
	feed("0123456789\n0123456789abcdefgh\nx\n");
	expect(HVD__FRAME_TOO_LONG);
	expect(HVD__FRAME_TOO_LONG);
	expect_line("x");
}

static void test_nul_bytes_are_bytes(void **state)
{
	char *line;
	size_t len;

	(void)state;
	assert_int_equal(hvd__framer_feed(&framer, "a\0b\n", 4), 0);
	assert_int_equal(hvd__framer_next(&framer, &line, &len),
			 HVD__FRAME_LINE);
	assert_int_equal(len, 3);
	assert_memory_equal(line, "a\0b", 4);
}

static void test_reset_forgets(void **state)
{
	(void)state;
	feed("0123456789abcdefgh");
	expect(HVD__FRAME_TOO_LONG);
	hvd__framer_reset(&framer);
	feed("new\n");
	expect_line("new");
}

static void test_memory_of_huge_lines_is_given_back(void **state)
{
	size_t size = 4u << 20;
	char *huge = malloc(size);
	char *line;
	size_t len;

	(void)state;
	assert_non_null(huge);
	memset(huge, 'x', size);
	huge[size - 1] = '\n';
	hvd__framer_reset(&framer);
	hvd__framer_init(&framer, size);
	assert_int_equal(hvd__framer_feed(&framer, huge, size), 0);
	assert_int_equal(hvd__framer_next(&framer, &line, &len),
			 HVD__FRAME_LINE);
	assert_int_equal(len, size - 1);
	feed("small\n");
	expect_line("small");
	assert_true(framer.capacity < size);
	free(huge);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_empty),
		CASE(test_lines_in_one_piece),
		CASE(test_byte_by_byte),
		CASE(test_limit_is_inclusive),
		CASE(test_long_line_is_told_once_and_skipped),
		CASE(test_long_line_ending_in_its_first_piece),
		CASE(test_nul_bytes_are_bytes),
		CASE(test_reset_forgets),
		CASE(test_memory_of_huge_lines_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
