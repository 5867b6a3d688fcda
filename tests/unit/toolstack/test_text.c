/* SPDX-License-Identifier: BSD-2-Clause */
#include "text.h"

#include "cmocka_all.h"
#include "uuid.h"
#include "zerror.h"

static void test_sanitize(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} cases[] = {
		{ "plain", "plain" },
		{ "a\x1b[31m", "a?[31m" },
		{ "tab\tline\n", "tab?line?" },
		{ "\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9" },
		{ "cut \xc3", "cut ?" },
		{ "\xe2\x82\xac", "\xe2\x82\xac" },
		{ "\xe2\x82", "??" },
		{ "\xc0\xaf", "??" }, /* overlong */
		{ "\xed\xa0\x80", "???" }, /* a surrogate */
		{ "\xf4\x90\x80\x80", "????" }, /* beyond U+10FFFF */
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
		{ "\x7f\xff", "??" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[32];

		strcpy(text, cases[i].in);
		text_sanitize(text, strlen(text), false);
		assert_string_equal(text, cases[i].out);
	}
}

static void test_sanitize_lines(void **state)
{
	char text[] = "a\n\tb\r";

	(void)state;
	text_sanitize(text, strlen(text), true);
	assert_string_equal(text, "a\n\tb?");
}

static void test_error_is_clean_and_cut(void **state)
{
	struct zerror error;
	char path[ZERROR_PATH_MAX];
	char name[2000];

	(void)state;
	memset(name, 0xc3, sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(
		zerror_set(&error, ZERROR_BUSY, "$.a\n", NULL, "bad %s", name),
		-1);
	assert_int_equal(error.code, ZERROR_BUSY);
	assert_string_equal(error.path, "$.a?");
	assert_string_equal(error.hint, "");
	assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
	assert_null(strchr(error.message, '\xc3'));
	zerror_path(path, "%s", name);
	assert_int_equal(strlen(path), sizeof(path) - 1);
	assert_string_equal(zerror_name(ZERROR_BUSY), "BUSY");
	assert_string_equal(zerror_name(12345), "UNKNOWN");
}

static void test_uuid(void **state)
{
	static const char text[] = "6f0c1e5a-94d2-4c39-8a51-0f9b7c2d3e48";
	static const char *const bad[] = {
		"",
		"6f0c1e5a94d24c398a510f9b7c2d3e48",
		"6f0c1e5a-94d2-4c39-8a51-0f9b7c2d3e4",
		"6f0c1e5a-94d2-4c39-8a51-0f9b7c2d3e488",
		"6f0c1e5a-94d2-4c39-8a51_0f9b7c2d3e48",
		"gf0c1e5a-94d2-4c39-8a51-0f9b7c2d3e48",
	};
	uint8_t uuid[UUID_SIZE] = { 0 };
	uint8_t other[UUID_SIZE];
	char back[UUID_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(uuid_parse(bad[i], uuid));
		assert_true(uuid_is_null(uuid));
	}
	assert_true(uuid_parse(text, uuid));
	uuid_format(uuid, back);
	assert_string_equal(back, text);
	assert_int_equal(uuid_generate(uuid), 0);
	assert_int_equal(uuid_generate(other), 0);
	assert_memory_not_equal(uuid, other, UUID_SIZE);
	assert_int_equal(uuid[6] >> 4, 4);
	assert_int_equal(uuid[8] >> 6, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sanitize),
		cmocka_unit_test(test_sanitize_lines),
		cmocka_unit_test(test_error_is_clean_and_cut),
		cmocka_unit_test(test_uuid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
