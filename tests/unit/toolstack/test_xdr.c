/* SPDX-License-Identifier: BSD-2-Clause */
/* XDR: the RFC's layouts, and what does not keep to them. */
#include "xdr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

/* A reader over a copy, so that a step beyond its end is seen. */
static uint8_t *copy;

static struct xdr_reader reader(const void *bytes, size_t len)
{
	struct xdr_reader r;

	free(copy);
	copy = malloc(len ? len : 1);
	memcpy(copy, bytes, len);
	xdr_reader_init(&r, copy, len);
	return r;
}

static void test_numbers(void **state)
{
	static const uint8_t bytes[] = { 0,    0, 0, 7, 0xff, 0xff, 0xff,
					 0xfe, 0, 0, 0, 1,    0,    0,
					 0,    2, 0, 0, 0,    1,    0x3f,
					 0xf8, 0, 0, 0, 0,    0,    0 };
	struct xdr_reader r = reader(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(xdr_get_u32(&r), 7);
	assert_int_equal(xdr_get_i32(&r), -2);
	assert_int_equal(xdr_get_u64(&r), (1ull << 32) + 2);
	assert_true(xdr_get_bool(&r));
	assert_false(xdr_is_complete(&r));
	assert_true(xdr_get_double(&r) == 1.5);
	assert_true(xdr_is_complete(&r));
	/* Beyond the end there are zeros, and no way back. */
	assert_int_equal(xdr_get_u32(&r), 0);
	assert_true(r.failed);
	assert_false(xdr_is_complete(&r));
}

static void test_bool_is_one_of_two(void **state)
{
	struct xdr_reader r = reader("\0\0\0\2\0\0\0\1", 8);

	(void)state;
	assert_false(xdr_get_bool(&r));
	assert_true(r.failed);
	assert_false(xdr_get_bool(&r));
}

static void test_strings(void **state)
{
	struct xdr_reader r = reader("\0\0\0\5hello\0\0\0\0\0\0\0\0\0\0\1"
				     "\0\0\0\4abcd\0\0\0\0",
				     32);
	const char *hello;
	const char *abcd;

	(void)state;
	hello = xdr_get_string(&r, 5);
	assert_string_equal(xdr_get_string(&r, 0), "");
	abcd = xdr_get_optional_string(&r, 4);
	assert_null(xdr_get_optional_string(&r, 4));
	/* All live as long as the buffer. */
	assert_string_equal(hello, "hello");
	assert_string_equal(abcd, "abcd");
	assert_true(xdr_is_complete(&r));
}

static void test_wrong_strings(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
		{ "\0\0\0\6abcdef\0\0", 12 }, /* longer than it may be */
		{ "\0\0\0\4ab\0d", 8 }, /* NUL inside */
		{ "\0\0\0\1a\0\0x", 8 }, /* padding that is not zero */
		{ "\0\0\0\5hell", 8 }, /* cut off */
		{ "\0\0\0\5hello\0\0", 11 }, /* its padding is */
		{ "\377\377\377\377", 4 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct xdr_reader r = reader(rows[i].bytes, rows[i].len);

		assert_null(xdr_get_string(&r, 5));
		assert_true(r.failed);
	}
}

static void test_opaque(void **state)
{
	struct xdr_reader r = reader("\0\0\0\2\1\2\0\0xyz\0", 12);
	const uint8_t *data;
	uint32_t len = 99;

	(void)state;
	data = xdr_get_opaque(&r, 2, &len);
	assert_int_equal(len, 2);
	assert_memory_equal(data, "\1\2", 2);
	assert_memory_equal(xdr_get_fixed(&r, 3), "xyz", 3);
	assert_true(xdr_is_complete(&r));
	r = reader("\0\0\0\3\1\2\3\0", 8);
	len = 99;
	assert_null(xdr_get_opaque(&r, 2, &len));
	assert_int_equal(len, 99);
	r = reader("\0\0\0\7", 4);
	assert_int_equal(xdr_get_count(&r, 6), 0);
	assert_true(r.failed);
}

static void test_what_is_written_is_read(void **state)
{
	struct xdr_writer w;
	struct xdr_reader r;
	uint32_t len;

	(void)state;
	xdr_writer_init(&w, 4096);
	xdr_put_u32(&w, 0);
	xdr_put_i32(&w, -5);
	xdr_put_u64(&w, UINT64_MAX - 1);
	xdr_put_double(&w, -0.25);
	xdr_put_bool(&w, true);
	xdr_put_string(&w, "seven b");
	xdr_put_optional_string(&w, NULL);
	xdr_put_optional_string(&w, "x");
	xdr_put_opaque(&w, "\1\2\3\4\5", 5);
	xdr_patch_u32(&w, 0, 42);
	assert_false(w.failed);
	r = reader(w.data, w.len);
	assert_int_equal(xdr_get_u32(&r), 42);
	assert_int_equal(xdr_get_i32(&r), -5);
	assert_int_equal(xdr_get_u64(&r), UINT64_MAX - 1);
	assert_true(xdr_get_double(&r) == -0.25);
	assert_true(xdr_get_bool(&r));
	assert_string_equal(xdr_get_string(&r, 7), "seven b");
	assert_null(xdr_get_optional_string(&r, 9));
	assert_string_equal(xdr_get_optional_string(&r, 9), "x");
	assert_memory_equal(xdr_get_opaque(&r, 9, &len), "\1\2\3\4\5", 5);
	assert_true(xdr_is_complete(&r));
	xdr_writer_fini(&w);
}

static void test_writer_has_an_end(void **state)
{
	static const uint8_t bytes[600];
	struct xdr_writer w;

	(void)state;
	xdr_writer_init(&w, 600);
	xdr_put_raw(&w, bytes, 596);
	assert_false(w.failed);
	xdr_put_u64(&w, 1);
	assert_true(w.failed);
	assert_int_equal(w.len, 596);
	/* Also of what would fit. */
	xdr_put_u32(&w, 1);
	assert_int_equal(w.len, 596);
	xdr_writer_fini(&w);
	xdr_writer_init(&w, 16);
	xdr_put_opaque(&w, bytes, 17);
	assert_true(w.failed);
	assert_int_equal(w.len, 0);
	/* Nothing is patched that is not there. */
	xdr_writer_init(&w, 16);
	xdr_put_u32(&w, 1);
	xdr_patch_u32(&w, 1, 9);
	assert_memory_equal(w.data, "\0\0\0\1", 4);
	xdr_writer_fini(&w);
}

static int clean(void **state)
{
	(void)state;
	free(copy);
	copy = NULL;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_bool_is_one_of_two),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_wrong_strings),
		cmocka_unit_test(test_opaque),
		cmocka_unit_test(test_what_is_written_is_read),
		cmocka_unit_test(test_writer_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, clean);
}
