/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/io_cursor.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

int io_cursor_fail(const struct io_cursor *at, const char *key,
		   const char *what)
{
	char path[160];

	snprintf(path, sizeof(path), "%s%s%s", at->path, key[0] ? "." : "",
		 key);
	return zerror_set(at->error, ZERROR_INVALID_DEFINITION, path,
			  "hvd and hvd-io must be of the same version", "%s",
			  what);
}

static bool is_listed(const char *key, const char *const *known)
{
	for (; *known != NULL; known++) {
		if (strcmp(key, *known) == 0) {
			return true;
		}
	}
	return false;
}

int io_cursor_check(const struct io_cursor *at, const char *const *known,
		    const char *const *more)
{
	if (!json_object_is_type(at->object, json_type_object)) {
		return io_cursor_fail(at, "", "must be an object");
	}
	json_object_object_foreach (at->object, key, value) {
		(void)value;
		if (!is_listed(key, known) &&
		    (more == NULL || !is_listed(key, more))) {
			return io_cursor_fail(at, key, "unknown member");
		}
	}
	return 0;
}

int io_cursor_number(const struct io_cursor *at, const char *key, uint64_t min,
		     uint64_t max, uint64_t *ret)
{
	struct json_object *value;
	char what[96];

	if (!json_object_object_get_ex(at->object, key, &value)) {
		return io_cursor_fail(at, key, "missing");
	}
	/* Negative numbers come out of get_uint64 as 0: look at the sign. */
	if (!json_object_is_type(value, json_type_int) ||
	    (json_object_get_int64(value) < 0) ||
	    json_object_get_uint64(value) < min ||
	    json_object_get_uint64(value) > max) {
		snprintf(what, sizeof(what),
			 "must be a whole number from %llu to %llu",
			 (unsigned long long)min, (unsigned long long)max);
		return io_cursor_fail(at, key, what);
	}
	*ret = json_object_get_uint64(value);
	return 0;
}

int io_cursor_u32(const struct io_cursor *at, const char *key, uint32_t min,
		  uint32_t max, uint32_t *ret)
{
	uint64_t value = 0;
	int rc = io_cursor_number(at, key, min, max, &value);

	if (rc == 0) {
		*ret = (uint32_t)value;
	}
	return rc;
}

int io_cursor_optional(const struct io_cursor *at, const char *key,
		       uint32_t min, uint32_t max, uint32_t *ret)
{
	return json_object_object_get_ex(at->object, key, NULL)
		       ? io_cursor_u32(at, key, min, max, ret)
		       : 0;
}

static bool name_ok(const char *name, size_t size)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return len != 0 && name[len] == '\0' && len < size;
}

int io_cursor_name(const struct io_cursor *at, const char *key, char *ret,
		   size_t size)
{
	struct json_object *value;

	if (!json_object_object_get_ex(at->object, key, &value)) {
		return io_cursor_fail(at, key, "missing");
	}
	if (!json_object_is_type(value, json_type_string) ||
	    !name_ok(json_object_get_string(value), size)) {
		return io_cursor_fail(at, key,
				      "must be a name of letters, digits, _.-");
	}
	snprintf(ret, size, "%s", json_object_get_string(value));
	return 0;
}

int io_cursor_bool(const struct io_cursor *at, const char *key, bool *ret)
{
	struct json_object *value;

	if (!json_object_object_get_ex(at->object, key, &value)) {
		return io_cursor_fail(at, key, "missing");
	}
	if (!json_object_is_type(value, json_type_boolean)) {
		return io_cursor_fail(at, key, "must be true or false");
	}
	*ret = json_object_get_boolean(value) != 0;
	return 0;
}
