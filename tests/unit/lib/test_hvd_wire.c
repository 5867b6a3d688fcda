// SPDX-License-Identifier: BSD-2-Clause
/* Messages: what is one, what is not, and what errors become. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client_internal.h"

static struct hvd__message decode(const char *text)
{
	struct hvd__message message;

	hvd__message_decode(text, strlen(text), &message);
	return message;
}

static void expect_kind(const char *text, enum hvd__message_kind kind)
{
	struct hvd__message message = decode(text);

	if (message.kind != kind) {
		print_error("%s\n", text);
	}
	assert_int_equal(message.kind, kind);
	json_object_put(message.body);
}

static void test_kinds(void **state)
{
	(void)state;
	expect_kind("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[]}",
		    HVD__MESSAGE_RESULT);
	expect_kind("{\"id\":1,\"result\":null}", HVD__MESSAGE_RESULT);
	expect_kind("{\"id\":1,\"error\":{\"code\":1}}", HVD__MESSAGE_ERROR);
	expect_kind("{\"id\":null,\"error\":{\"code\":-32700}}",
		    HVD__MESSAGE_ERROR);
	expect_kind("{\"method\":\"event\",\"params\":{}}", HVD__MESSAGE_EVENT);
	expect_kind(" {\"id\":1,\"result\":1}\r", HVD__MESSAGE_RESULT);
}

static void test_garbage(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"null",
		"1",
		"\"x\"",
		"[]",
		"{}",
		"{",
		"}",
		"{\"id\":1}",
		"{\"id\":\"1\",\"result\":1}",
		"{\"id\":-1,\"result\":1}",
		"{\"id\":0,\"result\":1}",
		"{\"id\":1.5,\"result\":1}",
		"{\"result\":1}",
		"{\"id\":1,\"result\":1} x",
		"{\"id\":1,\"result\":1}{\"id\":2,\"result\":1}",
		"{\"method\":\"other\"}",
		"\xff\xfe",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		expect_kind(texts[i], HVD__MESSAGE_GARBAGE);
	}
}

static void test_embedded_nul_is_garbage(void **state)
{
	static const char text[] = "{\"id\":1,\"result\":1}\0junk";
	struct hvd__message message;

	(void)state;
	hvd__message_decode(text, sizeof(text) - 1, &message);
	assert_int_equal(message.kind, HVD__MESSAGE_GARBAGE);
}

static void test_deep_nesting_is_garbage(void **state)
{
	char text[4096] = "{\"id\":1,\"result\":";

	(void)state;
	for (int i = 0; i < 1000; i++) {
		strcat(text, "[");
	}
	expect_kind(text, HVD__MESSAGE_GARBAGE);
}

static void test_large_id(void **state)
{
	struct hvd__message message =
		decode("{\"id\":9223372036854775807,\"result\":1}");

	(void)state;
	assert_true(message.has_id);
	assert_true(message.id == INT64_MAX);
	json_object_put(message.body);
}

static void test_request_is_one_line(void **state)
{
	struct json_object *params = hvd__params_named("name", "a\nb\t\"/");
	struct json_object *back;
	char *line;
	size_t len;

	(void)state;
	assert_int_equal(
		hvd__message_encode(7, "zone.get", params, &line, &len), 0);
	assert_int_equal(strlen(line), len);
	assert_ptr_equal(strchr(line, '\n'), line + len - 1);
	back = hvd__json_parse(line, len - 1);
	assert_string_equal(hvd__json_string(back, "jsonrpc"), "2.0");
	assert_string_equal(hvd__json_string(back, "method"), "zone.get");
	assert_int_equal(hvd__json_u64(back, "id", 0), 7);
	assert_string_equal(
		hvd__json_string(hvd__json_get(back, "params"), "name"),
		"a\nb\t\"/");
	json_object_put(back);
	json_object_put(params);
	free(line);
}

static void test_request_limit(void **state)
{
	size_t size = HVD_MESSAGE_MAX + 1;
	char *huge = malloc(size);
	struct json_object *params;
	char *line = NULL;
	size_t len;

	(void)state;
	assert_non_null(huge);
	memset(huge, 'x', size - 1);
	huge[size - 1] = '\0';
	params = hvd__params_named("name", huge);
	assert_int_equal(hvd__message_encode(1, "m", params, &line, &len),
			 -EMSGSIZE);
	assert_null(line);
	json_object_put(params);
	free(huge);
}

static void test_absent_params_are_an_object(void **state)
{
	char *line;
	size_t len;

	(void)state;
	assert_int_equal(hvd__message_encode(1, "m", NULL, &line, &len), 0);
	assert_non_null(strstr(line, "\"params\":{}"));
	free(line);
}

static void test_members_have_defaults(void **state)
{
	const char *text = "{\"s\":\"x\",\"n\":5,\"b\":true,"
			   "\"big\":18446744073709551615,\"neg\":-3}";
	struct json_object *json = hvd__json_parse(text, strlen(text));

	(void)state;
	assert_null(hvd__json_string(json, "n"));
	assert_null(hvd__json_string(NULL, "s"));
	assert_int_equal(hvd__json_u64(json, "s", 9), 9);
	assert_true(hvd__json_u64(json, "big", 0) == UINT64_MAX);
	assert_int_equal(hvd__json_u64(json, "neg", 7), 0);
	assert_int_equal(hvd__json_i64(json, "neg", 0), -3);
	assert_true(hvd__json_bool(json, "b", false));
	assert_false(hvd__json_bool(json, "n", false));
	assert_null(hvd__json_get(json, "none"));
	json_object_put(json);
}

static struct hvd__error error_of(const char *text)
{
	struct json_object *json = hvd__json_parse(text, strlen(text));
	struct hvd__error error = { 0 };

	hvd__error_from_json(&error, json);
	json_object_put(json);
	return error;
}

static void test_error_members(void **state)
{
	struct hvd__error error =
		error_of("{\"code\":4,\"message\":\"bad\",\"data\":{\"code\":"
			 "\"INVALID_DEFINITION\",\"path\":\"$.x\","
			 "\"hint\":\"do\"}}");

	(void)state;
	assert_int_equal(error.code, HVD_ERROR_INVALID_DEFINITION);
	assert_string_equal(error.name, "INVALID_DEFINITION");
	assert_string_equal(error.message, "bad");
	assert_string_equal(error.path, "$.x");
	assert_string_equal(error.hint, "do");
	assert_int_equal(hvd__error_errno(&error), -EINVAL);
	hvd__error_fini(&error);
}

static void test_errors_without_data(void **state)
{
	static const struct {
		const char *text;
		int err;
		const char *name;
	} rows[] = {
		{ "{\"code\":1}", -ENOENT, "ZONE_NOT_FOUND" },
		{ "{\"code\":2}", -EEXIST, "ZONE_EXISTS" },
		{ "{\"code\":3}", -EBADFD, "INVALID_STATE" },
		{ "{\"code\":5}", -ENOMEM, "NO_MEMORY" },
		{ "{\"code\":6}", -ENODEV, "NO_HYPERVISOR" },
		{ "{\"code\":7}", -EIO, "IO_ERROR" },
		{ "{\"code\":8}", -ETIME, "TIMEOUT" },
		{ "{\"code\":9}", -EACCES, "PERMISSION" },
		{ "{\"code\":10}", -EBUSY, "BUSY" },
		{ "{\"code\":11}", -EFBIG, "TOO_LARGE" },
		{ "{\"code\":12}", -EREMOTEIO, "INTERNAL" },
		{ "{\"code\":13}", -EOPNOTSUPP, "UNSUPPORTED" },
		{ "{\"code\":14}", -ECANCELED, "CANCELLED" },
		{ "{\"code\":-32601}", -ENOSYS, "METHOD_NOT_FOUND" },
		{ "{\"code\":-32602}", -EINVAL, "INVALID_PARAMS" },
		{ "{\"code\":77}", -EREMOTEIO, "UNKNOWN" },
		{ "{\"code\":-32050}", -EREMOTEIO, "UNKNOWN" },
		{ "{\"code\":0}", -EREMOTEIO, "INTERNAL" },
		{ "{\"code\":99999999999}", -EREMOTEIO, "INTERNAL" },
		{ "{}", -EREMOTEIO, "INTERNAL" },
		{ "[]", -EREMOTEIO, "INTERNAL" },
		{ "\"text\"", -EREMOTEIO, "INTERNAL" },
	};
	struct hvd__error error;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		error = error_of(rows[i].text);
		assert_int_equal(hvd__error_errno(&error), rows[i].err);
		assert_string_equal(error.name, rows[i].name);
		assert_non_null(error.message);
		assert_int_not_equal(error.code, 0);
		hvd__error_fini(&error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_embedded_nul_is_garbage),
		cmocka_unit_test(test_deep_nesting_is_garbage),
		cmocka_unit_test(test_large_id),
		cmocka_unit_test(test_request_is_one_line),
		cmocka_unit_test(test_request_limit),
		cmocka_unit_test(test_absent_params_are_an_object),
		cmocka_unit_test(test_members_have_defaults),
		cmocka_unit_test(test_error_members),
		cmocka_unit_test(test_errors_without_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
