// SPDX-License-Identifier: BSD-2-Clause
/* JSON-RPC 2.0 messages as lines, and reading of their members. */
#include "client_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Deeper nesting than any message of the protocol has. */
#define DEPTH_MAX 64

#define TEXT_FLAGS (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

struct json_object *hvd__json_parse(const char *text, size_t len)
{
	struct json_tokener *tokener;
	struct json_object *value;

	if (len >= INT_MAX) {
		return NULL;
	}
	tokener = json_tokener_new_ex(DEPTH_MAX);
	if (tokener == NULL) {
		return NULL;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	/* With the final NUL, so that a number at the end is complete. */
	value = json_tokener_parse_ex(tokener, text, (int)len + 1);
	if (json_tokener_get_error(tokener) != json_tokener_success ||
	    json_tokener_get_parse_end(tokener) < len) {
		json_object_put(value);
		value = NULL;
	}
	json_tokener_free(tokener);
	return value;
}

struct json_object *hvd__json_get(struct json_object *obj, const char *key)
{
	struct json_object *value;

	if (!json_object_is_type(obj, json_type_object) ||
	    !json_object_object_get_ex(obj, key, &value)) {
		return NULL;
	}
	return value;
}

const char *hvd__json_string(struct json_object *obj, const char *key)
{
	struct json_object *value = hvd__json_get(obj, key);

	if (!json_object_is_type(value, json_type_string)) {
		return NULL;
	}
	return json_object_get_string(value);
}

uint64_t hvd__json_u64(struct json_object *obj, const char *key, uint64_t def)
{
	struct json_object *value = hvd__json_get(obj, key);

	if (!json_object_is_type(value, json_type_int)) {
		return def;
	}
	return json_object_get_uint64(value);
}

int64_t hvd__json_i64(struct json_object *obj, const char *key, int64_t def)
{
	struct json_object *value = hvd__json_get(obj, key);

	if (!json_object_is_type(value, json_type_int)) {
		return def;
	}
	return json_object_get_int64(value);
}

bool hvd__json_bool(struct json_object *obj, const char *key, bool def)
{
	struct json_object *value = hvd__json_get(obj, key);

	if (!json_object_is_type(value, json_type_boolean)) {
		return def;
	}
	return json_object_get_boolean(value);
}

char *hvd__json_text(struct json_object *obj)
{
	const char *text = json_object_to_json_string_ext(obj, TEXT_FLAGS);

	return text != NULL ? strdup(text) : NULL;
}

bool hvd__json_copy(struct json_object *obj, const char *key, char **ret_text)
{
	const char *text = hvd__json_string(obj, key);
	char *copy = NULL;

	if (text != NULL) {
		copy = strdup(text);
		if (copy == NULL) {
			return false;
		}
	}
	*ret_text = copy;
	return true;
}

static bool is_event(struct json_object *message)
{
	const char *method = hvd__json_string(message, "method");

	return method != NULL && strcmp(method, "event") == 0;
}

void hvd__message_decode(const char *line, size_t len,
			 struct hvd__message *ret_message)
{
	struct json_object *message = hvd__json_parse(line, len);
	struct json_object *body = NULL;
	struct json_object *id;

	*ret_message = (struct hvd__message){ .kind = HVD__MESSAGE_GARBAGE };
	id = hvd__json_get(message, "id");
	if (json_object_is_type(id, json_type_int) &&
	    json_object_get_int64(id) > 0) {
		ret_message->has_id = true;
		ret_message->id = json_object_get_uint64(id);
	}
	if (is_event(message)) {
		body = hvd__json_get(message, "params");
		ret_message->kind = HVD__MESSAGE_EVENT;
	} else if ((body = hvd__json_get(message, "error")) != NULL) {
		ret_message->kind = HVD__MESSAGE_ERROR;
	} else if (ret_message->has_id &&
		   json_object_object_get_ex(message, "result", &body)) {
		ret_message->kind = HVD__MESSAGE_RESULT;
	}
	if (ret_message->kind != HVD__MESSAGE_GARBAGE) {
		ret_message->body = json_object_get(body);
	}
	json_object_put(message);
}

bool hvd__params_add(struct json_object *params, const char *key,
		     struct json_object *value)
{
	if (params == NULL || value == NULL ||
	    json_object_object_add(params, key, value) != 0) {
		json_object_put(value);
		return false;
	}
	return true;
}

struct json_object *hvd__params_named(const char *key, const char *value)
{
	struct json_object *params = json_object_new_object();

	if (!hvd__params_add(params, key, json_object_new_string(value))) {
		json_object_put(params);
		return NULL;
	}
	return params;
}

static struct json_object *make_request(uint64_t id, const char *method,
					struct json_object *params)
{
	struct json_object *request = hvd__params_named("jsonrpc", "2.0");

	if ((id != 0 &&
	     !hvd__params_add(request, "id", json_object_new_uint64(id))) ||
	    !hvd__params_add(request, "method",
			     json_object_new_string(method)) ||
	    !hvd__params_add(request, "params",
			     params != NULL ? json_object_get(params)
					    : json_object_new_object())) {
		json_object_put(request);
		return NULL;
	}
	return request;
}

int hvd__message_encode(uint64_t id, const char *method,
			struct json_object *params, char **ret_line,
			size_t *ret_len)
{
	struct json_object *request = make_request(id, method, params);
	const char *text;
	size_t len;
	char *line;
	int err = 0;

	if (request == NULL) {
		return -ENOMEM;
	}
	text = json_object_to_json_string_length(request, TEXT_FLAGS, &len);
	if (text == NULL) {
		err = -ENOMEM;
	} else if (len > HVD_MESSAGE_MAX) {
		err = -EMSGSIZE;
	} else if ((line = malloc(len + 2)) == NULL) {
		err = -ENOMEM;
	} else {
		/* json-c escapes control characters: this is one line. */
		memcpy(line, text, len);
		memcpy(line + len, "\n", 2);
		*ret_line = line;
		*ret_len = len + 1;
	}
	json_object_put(request);
	return err;
}
