/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "io/io_cursor.h"
#include "strict_json.h"

static int get_cmd(const struct io_cursor *at, const char **ret)
{
	struct json_object *cmd;

	if (!json_object_object_get_ex(at->object, "cmd", &cmd) ||
	    !json_object_is_type(cmd, json_type_string)) {
		return io_cursor_fail(at, "cmd", "must be a string");
	}
	*ret = json_object_get_string(cmd);
	return 0;
}

static int parse_listener(const struct io_cursor *at,
			  struct display_config *config)
{
	static const char *const known[] = { "head", "fd", "tls", NULL };
	bool *tls = &config->listen[config->listen_count].tls;
	uint32_t fd;

	if (io_cursor_check(at, known, NULL) != 0 ||
	    (json_object_object_get_ex(at->object, "tls", NULL) &&
	     io_cursor_bool(at, "tls", tls) != 0) ||
	    io_cursor_u32(at, "head", 0, config->heads - 1,
			  &config->listen[config->listen_count].head) != 0 ||
	    io_cursor_u32(at, "fd", DISPLAY_FD_LISTEN,
			  DISPLAY_FD_LISTEN + DISPLAY_LISTEN_MAX - 1,
			  &fd) != 0) {
		return -1;
	}
	if (*tls && !config->has_tls) {
		return io_cursor_fail(at, "tls", "needs certificates: $.tls");
	}
	for (size_t i = 0; i < config->listen_count; i++) {
		if (config->listen[i].fd == (int)fd) {
			return io_cursor_fail(at, "fd",
					      "is that of an earlier one");
		}
	}
	config->listen[config->listen_count++].fd = (int)fd;
	return 0;
}

static int parse_listeners(const struct io_cursor *at,
			   struct display_config *config)
{
	struct json_object *array;
	char path[32];

	if (!json_object_object_get_ex(at->object, "listen", &array) ||
	    !json_object_is_type(array, json_type_array) ||
	    json_object_array_length(array) > DISPLAY_LISTEN_MAX) {
		return io_cursor_fail(at, "listen",
				      "must be an array of 16 at most");
	}
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		const struct io_cursor element = {
			.object = json_object_array_get_idx(array, i),
			.path = path,
			.error = at->error,
		};

		snprintf(path, sizeof(path), "$.listen[%zu]", i);
		if (parse_listener(&element, config) != 0) {
			return -1;
		}
	}
	return 0;
}

static int parse_password(const struct io_cursor *at,
			  struct display_config *config)
{
	struct json_object *text;
	size_t len;

	config->has_password =
		json_object_object_get_ex(at->object, "password", &text);
	if (!config->has_password) {
		return 0;
	}
	if (!json_object_is_type(text, json_type_string)) {
		return io_cursor_fail(at, "password", "must be a string");
	}
	/* An empty one would let in everybody who knows that. */
	len = strlen(json_object_get_string(text));
	if (len == 0 || len > DISPLAY_PASSWORD_MAX) {
		return io_cursor_fail(at, "password",
				      "must have 1 to 8 characters");
	}
	memcpy(config->password, json_object_get_string(text), len + 1);
	return 0;
}

static int parse_card(const struct io_cursor *at, struct display_config *config)
{
	struct json_object *card;

	if (!json_object_object_get_ex(at->object, "card", &card)) {
		return 0;
	}
	if (!json_object_is_type(card, json_type_boolean)) {
		return io_cursor_fail(at, "card", "must be true or false");
	}
	config->card = json_object_get_boolean(card);
	return 0;
}

static int parse_tls(const struct io_cursor *at, struct display_config *config)
{
	static const char *const known[] = { "certificate", "key", "authority",
					     NULL };
	struct io_cursor tls = { .path = "$.tls", .error = at->error };

	config->has_tls =
		json_object_object_get_ex(at->object, "tls", &tls.object);
	return config->has_tls &&
			       (io_cursor_check(&tls, known, NULL) != 0 ||
				io_cursor_u32(&tls, "certificate", 1,
					      DISPLAY_TLS_PART_MAX,
					      &config->tls.certificate) != 0 ||
				io_cursor_u32(&tls, "key", 1,
					      DISPLAY_TLS_PART_MAX,
					      &config->tls.key) != 0 ||
				io_cursor_optional(&tls, "authority", 1,
						   DISPLAY_TLS_PART_MAX,
						   &config->tls.authority) != 0)
		       ? -1
		       : 0;
}

static int parse_ids(const struct io_cursor *at, struct display_config *config)
{
	config->drop = json_object_object_get_ex(at->object, "uid", NULL) ||
		       json_object_object_get_ex(at->object, "gid", NULL);
	/* Not root, and not the -1 that changes nothing. */
	return config->drop && (io_cursor_u32(at, "uid", 1, UINT32_MAX - 1,
					      &config->uid) != 0 ||
				io_cursor_u32(at, "gid", 1, UINT32_MAX - 1,
					      &config->gid) != 0)
		       ? -1
		       : 0;
}

static int parse_config(const struct io_cursor *at, struct display_config *ret)
{
	static const char *const known[] = { "cmd",    "zone",	 "heads",
					     "memory", "listen", "password",
					     "card",   "tls",	 "uid",
					     "gid",    NULL };
	const char *cmd;

	if (io_cursor_check(at, known, NULL) != 0 || get_cmd(at, &cmd) != 0) {
		return -1;
	}
	if (strcmp(cmd, "config") != 0) {
		return io_cursor_fail(at, "cmd", "must be config");
	}
	return io_cursor_name(at, "zone", ret->zone, sizeof(ret->zone)) != 0 ||
			       io_cursor_u32(at, "heads", 1, DISPLAY_HEADS_MAX,
					     &ret->heads) != 0 ||
			       io_cursor_number(at, "memory", 4096,
						DISPLAY_MEMORY_MAX,
						&ret->memory) != 0 ||
			       parse_tls(at, ret) != 0 ||
			       parse_listeners(at, ret) != 0 ||
			       parse_password(at, ret) != 0 ||
			       parse_card(at, ret) != 0 ||
			       parse_ids(at, ret) != 0
		       ? -1
		       : 0;
}

int display_config_parse(const char *line, size_t len,
			 struct display_config *ret, struct zerror *ret_error)
{
	struct io_cursor at = { .path = "$", .error = ret_error };
	int rc;

	memset(ret, 0, sizeof(*ret));
	at.object = strict_json_parse(line, len, ret_error);
	if (at.object == NULL) {
		return -1;
	}
	rc = parse_config(&at, ret);
	json_object_put(at.object);
	return rc;
}

static int parse_command(const struct io_cursor *at,
			 const struct display_config *config,
			 struct display_command *ret)
{
	static const char *const known[] = { "cmd", NULL };
	static const char *const of_screenshot[] = { "id", "head", NULL };
	const char *cmd;

	if (!json_object_is_type(at->object, json_type_object)) {
		return io_cursor_fail(at, "", "must be an object");
	}
	if (get_cmd(at, &cmd) != 0) {
		return -1;
	}
	if (strcmp(cmd, "device") == 0) {
		ret->kind = DISPLAY_COMMAND_DEVICE;
		return io_cursor_check(at, known, NULL);
	}
	if (strcmp(cmd, "card") == 0) {
		ret->kind = DISPLAY_COMMAND_CARD;
		return io_cursor_check(at, known, NULL);
	}
	if (strcmp(cmd, "screenshot") == 0) {
		ret->kind = DISPLAY_COMMAND_SCREENSHOT;
		return io_cursor_u32(at, "id", 1, UINT32_MAX, &ret->id) != 0 ||
				       io_cursor_u32(at, "head", 0,
						     config->heads - 1,
						     &ret->head) != 0
			       ? -1
			       : io_cursor_check(at, known, of_screenshot);
	}
	return io_cursor_fail(at, "cmd", "must be device, card or screenshot");
}

int display_command_parse(const struct display_config *config, const char *line,
			  size_t len, struct display_command *ret,
			  struct zerror *ret_error)
{
	struct io_cursor at = { .path = "$", .error = ret_error };
	int rc;

	memset(ret, 0, sizeof(*ret));
	at.object = strict_json_parse(line, len, ret_error);
	if (at.object == NULL) {
		return -1;
	}
	rc = parse_command(&at, config, ret);
	json_object_put(at.object);
	return rc;
}
