/* SPDX-License-Identifier: BSD-2-Clause */
#include "size.h"

#include "cmocka_all.h"

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "1K", 1024 },
		{ "256M", 256ull << 20 },
		{ "256m", 256ull << 20 },
		{ "2GiB", 2ull << 30 },
		{ "3T", 3ull << 40 },
		{ "0M", 0 },
		{ "16777215T", 16777215ull << 40 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		uint64_t bytes = 99;

		assert_null(size_parse(good[i].text, &bytes));
		assert_int_equal(bytes, good[i].bytes);
	}
}

static void test_bad_sizes(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} bad[] = {
		{ "", "whole number" },
		{ "M", "whole number" },
		{ "-1M", "whole number" },
		{ " 1M", "whole number" },
		{ "1.5G", "fraction" },
		{ "1,5G", "fraction" },
		{ "256", "unit" },
		{ "256MB", "unit" },
		{ "256 M", "unit" },
		{ "256M ", "unit" },
		{ "0x10M", "unit" },
		{ "16777216T", "too large" },
		{ "18446744073709551616K", "too large" },
		{ "99999999999999999999999K", "too large" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		uint64_t bytes = 99;
		const char *wrong = size_parse(bad[i].text, &bytes);

		assert_non_null(wrong);
		assert_non_null(strstr(wrong, bad[i].says));
		assert_int_equal(bytes, 99); /* untouched */
	}
}

static void test_durations(void **state)
{
	uint64_t us;

	(void)state;
	assert_null(size_parse_duration("5ms", &us));
	assert_int_equal(us, 5000);
	assert_null(size_parse_duration("100us", &us));
	assert_int_equal(us, 100);
	assert_null(size_parse_duration("1s", &us));
	assert_int_equal(us, 1000000);
	assert_non_null(size_parse_duration("5", &us));
	assert_non_null(size_parse_duration("5m", &us));
	assert_non_null(size_parse_duration("ms", &us));
}

static void test_format(void **state)
{
	char text[SIZE_TEXT_MAX];

	(void)state;
	size_format(256ull << 20, text);
	assert_string_equal(text, "256M");
	size_format(1536ull << 20, text);
	assert_string_equal(text, "1536M");
	size_format(17, text);
	assert_string_equal(text, "17B");
	size_format(0, text);
	assert_string_equal(text, "0B");
	size_format(UINT64_MAX, text);
	assert_string_equal(text, "18446744073709551615B");
	size_format_duration(5000, text);
	assert_string_equal(text, "5ms");
	size_format_duration(1500, text);
	assert_string_equal(text, "1500us");
	size_format_duration(2000000, text);
	assert_string_equal(text, "2s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_bad_sizes),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
