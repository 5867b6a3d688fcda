/* SPDX-License-Identifier: BSD-2-Clause */
#include "console/console_hello.h"

#include <json-c/json.h>
#include <string.h>

#include "strict_json.h"

static const char *parse_device(struct json_object *value,
				struct console_hello *hello)
{
	size_t len;

	if (!json_object_is_type(value, json_type_string)) {
		return "device must be a string";
	}
	len = strlen(json_object_get_string(value));
	if (len == 0 || len >= sizeof(hello->device)) {
		return "device must have 1 to 31 characters";
	}
	memcpy(hello->device, json_object_get_string(value), len + 1);
	return NULL;
}

static const char *parse_from(struct json_object *value,
			      struct console_hello *hello)
{
	if (json_object_is_type(value, json_type_int) &&
	    json_object_get_int64(value) >= 0) {
		hello->from = CONSOLE_FROM_OFFSET;
		hello->offset = (uint64_t)json_object_get_int64(value);
		return NULL;
	}
	if (json_object_is_type(value, json_type_string)) {
		if (strcmp(json_object_get_string(value), "start") == 0) {
			hello->from = CONSOLE_FROM_START;
			return NULL;
		}
		if (strcmp(json_object_get_string(value), "end") == 0) {
			hello->from = CONSOLE_FROM_END;
			return NULL;
		}
	}
	return "from must be an offset, start or end";
}

static const char *parse_bool(struct json_object *value, bool *ret,
			      const char *error)
{
	if (!json_object_is_type(value, json_type_boolean)) {
		return error;
	}
	*ret = json_object_get_boolean(value) != 0;
	return NULL;
}

static const char *parse_member(const char *key, struct json_object *value,
				struct console_hello *hello)
{
	if (strcmp(key, "device") == 0) {
		return parse_device(value, hello);
	}
	if (strcmp(key, "from") == 0) {
		return parse_from(value, hello);
	}
	if (strcmp(key, "write") == 0) {
		return parse_bool(value, &hello->write,
				  "write must be true or false");
	}
	if (strcmp(key, "force") == 0) {
		return parse_bool(value, &hello->force,
				  "force must be true or false");
	}
	return "members are device, from, write and force";
}

static const char *parse_object(struct json_object *root,
				struct console_hello *hello)
{
	const char *error;

	if (!json_object_is_type(root, json_type_object)) {
		return "the first line must be a JSON object";
	}
	json_object_object_foreach (root, key, value) {
		error = parse_member(key, value, hello);
		if (error != NULL) {
			return error;
		}
	}
	return hello->device[0] == '\0' ? "device is missing" : NULL;
}

const char *console_hello_parse(const char *line, size_t len,
				struct console_hello *ret)
{
	struct console_hello hello = { .from = CONSOLE_FROM_END };
	struct zerror zerror;
	struct json_object *root = strict_json_parse(line, len, &zerror);
	const char *error;

	if (root == NULL) {
		return "the first line is not JSON";
	}
	error = parse_object(root, &hello);
	json_object_put(root);
	if (error == NULL) {
		*ret = hello;
	}
	return error;
}
