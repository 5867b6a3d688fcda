/* SPDX-License-Identifier: BSD-2-Clause */
#include "strict_json.h"

#include <json-c/json.h>

#include "cmocka_all.h"

static void test_good(void **state)
{
	static const char *const good[] = {
		"{}",
		" {\"a\": [1, -2.5e3, true, false, null, \"x\"]}\n",
		"[]",
		"17",
		"\"text\"",
		"{\"a\":{\"a\":1},\"b\":{\"a\":1}}",
		"[{\"a\":1},{\"a\":2}]",
		"{\"\\u0061\":1,\"b\":2}",
		"\"\\\\u0000\"",
		"{\"I\":\"NaN\"}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct zerror error;
		struct json_object *json =
			strict_json_parse(good[i], strlen(good[i]), &error);

		if (!json) {
			fail_msg("%s: %s", good[i], error.message);
		}
		json_object_put(json);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} bad[] = {
		{ "", "end" },
		{ "  ", "end" },
		{ "{", "end" },
		{ "null", "null" },
		{ "{}x", "line 1, column 3" },
		{ "{} {}", "line 1" },
		{ "{\n\"a\":1,}", "line 2" },
		{ "[1,]", "line 1" },
		{ "{'a':1}", "line 1" },
		{ "{\"a\":1 /* c */}", "line 1" },
		{ "{\"a\":01}", "line 1" },
		{ "NaN", "line 1, column 1" },
		{ "[Infinity]", "line 1, column 2" },
		{ "[-Infinity]", "" },
		{ "[True]", "line 1" },
		{ "[+1]", "" },
		{ "[.5]", "" },
		{ "[1.]", "" },
		{ "[1e]", "" },
		{ "[-]", "" },
		{ "[00]", "" },
		{ "[1 2]", "" },
		{ "{\"a\" 1}", "" },
		{ "[tru]", "" },
		{ "{\"a\":1,\"a\":2}", "twice" },
		{ "{\"a\":1,\"\\u0061\":2}", "twice" },
		{ "[{\"b\":1},{\"a\":{\"c\":1,\"c\":1}}]", "twice" },
		{ "\"a\\u0000b\"", "u0000" },
		{ "{\"a\\u0000b\":1}", "u0000" },
		{ "\"a\tb\"", "control" },
		{ "\"\xff\"", "line 1" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct zerror error;
		struct json_object *json = strict_json_parse(
			bad[i].text, strlen(bad[i].text), &error);

		if (json || !strstr(error.message, bad[i].says)) {
			fail_msg("%s: %s", bad[i].text,
				 json ? "accepted" : error.message);
		}
		assert_int_equal(error.code, ZERROR_PARSE);
	}
}

static void test_hints(void **state)
{
	static const struct {
		const char *text;
		const char *hint;
	} bad[] = {
		{ "{\"a\":1,}", "no comma after the last" },
		{ "[1,]", "no comma after the last" },
		{ "{\"a\":[1,]}", "no comma after the last" },
		{ "{\"a\":512M}", "\"512M\"" },
		{ "{a:1}", "double quotes" },
		{ "{'a':1}", "double quotes" },
		{ "{\"a\":oops}", "double quotes" },
		{ "{\"a\" 1}", "\"name\": value" },
		{ "{\"a\":1 \"b\":2}", "comma is missing" },
		{ "[1 2]", "comma is missing" },
		{ "{\"a\":1", "close what was opened" },
		{ "{\"a\":\"b", "close what was opened" },
		{ "{\"a\":True}", "small letters" },
		{ "{\"a\":\"\\q\"}", "backslash" },
		{ "// c\n{}", "no comments" },
		{ "{\"a\":1 # c\n}", "comma is missing" },
		{ "{\"a\":\"\n\"}", "\\n" },
		{ "\"\xff\"", "UTF-8" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct zerror error;

		assert_null(strict_json_parse(bad[i].text, strlen(bad[i].text),
					      &error));
		if (!strstr(error.hint, bad[i].hint)) {
			fail_msg("%s: %s: %s", bad[i].text, error.message,
				 error.hint);
		}
	}
}

static void test_duplicate_path(void **state)
{
	static const char text[] = "{\"x\":[0,{\"y\":1,\"y\":2}]}";
	struct zerror error;

	(void)state;
	assert_null(strict_json_parse(text, strlen(text), &error));
	assert_string_equal(error.path, "$.x[1].y");
}

static void test_nul_byte(void **state)
{
	static const char text[] = "{}\0{}";
	struct zerror error;

	(void)state;
	assert_null(strict_json_parse(text, sizeof(text) - 1, &error));
}

static void test_depth(void **state)
{
	char text[2 * STRICT_JSON_DEPTH + 8];

	(void)state;
	for (size_t depth = STRICT_JSON_DEPTH; depth <= STRICT_JSON_DEPTH + 1;
	     depth++) {
		struct json_object *json;
		struct zerror error;

		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		text[2 * depth] = '\0';
		json = strict_json_parse(text, 2 * depth, &error);
		assert_int_equal(json != NULL, depth == STRICT_JSON_DEPTH);
		json_object_put(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_hints),
		cmocka_unit_test(test_duplicate_path),
		cmocka_unit_test(test_nul_byte),
		cmocka_unit_test(test_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
