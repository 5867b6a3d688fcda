// SPDX-License-Identifier: BSD-2-Clause
#include "json.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "size.h"

#define KEY_MAX 64

struct json_object *json_get(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (object && json_object_is_type(object, json_type_object)) {
		json_object_object_get_ex(object, key, &value);
	}
	return value;
}

struct json_object *json_at(struct json_object *object, const char *path)
{
	char key[KEY_MAX];
	const char *dot;

	while ((dot = strchr(path, '.')) != NULL) {
		snprintf(key, sizeof(key), "%.*s", (int)(dot - path), path);
		object = json_get(object, key);
		path = dot + 1;
	}
	return json_get(object, path);
}

const char *json_text(struct json_object *object, const char *key)
{
	struct json_object *value = json_at(object, key);

	return value && json_object_is_type(value, json_type_string)
		       ? json_object_get_string(value)
		       : "";
}

int64_t json_number(struct json_object *object, const char *key,
		    int64_t missing)
{
	struct json_object *value = json_at(object, key);

	return value && json_object_is_type(value, json_type_int)
		       ? json_object_get_int64(value)
		       : missing;
}

bool json_flag(struct json_object *object, const char *key)
{
	struct json_object *value = json_at(object, key);

	return value && json_object_is_type(value, json_type_boolean) &&
	       json_object_get_boolean(value);
}

bool json_is(struct json_object *object, const char *key, const char *text)
{
	return strcmp(json_text(object, key), text) == 0;
}

void json_put(struct json_object *object, const char *key,
	      struct json_object *value)
{
	if (!object || json_object_object_add(object, key, value) != 0) {
		json_object_put(value);
	}
}

uint64_t json_size(struct json_object *object, const char *key)
{
	uint64_t bytes = 0;

	return size_parse(json_text(object, key), &bytes) ? 0 : bytes;
}
