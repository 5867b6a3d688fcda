// SPDX-License-Identifier: BSD-2-Clause
/* Screens and keys of zones. */
#include "client_internal.h"

#include <errno.h>
#include <stdlib.h>

void hvd_display_free(struct hvd_display *display)
{
	if (display == NULL) {
		return;
	}
	for (size_t i = 0; i < display->head_count; i++) {
		free(display->heads[i].socket);
		free(display->heads[i].address);
		free(display->heads[i].connector);
		free(display->heads[i].monitor_error);
	}
	free(display->heads);
	free(display->card);
	free(display->card_error);
	free(display->device);
	free(display->tls);
	free(display);
}

static bool monitor_read(struct json_object *json,
			 struct hvd_display_head *head)
{
	head->mode_width = (uint32_t)hvd__json_u64(json, "width", 0);
	head->mode_height = (uint32_t)hvd__json_u64(json, "height", 0);
	head->refresh = (uint32_t)hvd__json_u64(json, "refresh", 0);
	return hvd__json_copy(json, "connector", &head->connector) &&
	       hvd__json_copy(json, "error", &head->monitor_error);
}

static int head_read(struct hvd_conn *conn, struct json_object *json,
		     struct hvd_display_head *head)
{
	uint64_t port = hvd__json_u64(json, "port", 0);

	if (!hvd__json_copy(json, "socket", &head->socket) ||
	    !hvd__json_copy(json, "address", &head->address) ||
	    !monitor_read(hvd__json_get(json, "monitor"), head)) {
		return hvd__fail_nomem(conn);
	}
	if (head->socket == NULL || port > UINT16_MAX) {
		return hvd__fail_reply(conn, "display.get",
				       "lacks a head's 'socket'");
	}
	head->head = (uint32_t)hvd__json_u64(json, "head", 0);
	head->width = (uint32_t)hvd__json_u64(json, "width", 0);
	head->height = (uint32_t)hvd__json_u64(json, "height", 0);
	head->port = (uint16_t)port;
	return 0;
}

/* On failure the caller frees what has been read so far. */
static int display_read(struct hvd_conn *conn, struct json_object *json,
			struct hvd_display *display)
{
	struct json_object *heads = hvd__json_get(json, "heads");
	struct json_object *card = hvd__json_get(json, "card");
	size_t count;

	if (!hvd__json_copy(json, "device", &display->device) ||
	    !hvd__json_copy(json, "tls", &display->tls) ||
	    !hvd__json_copy(card, "path", &display->card) ||
	    !hvd__json_copy(card, "error", &display->card_error)) {
		return hvd__fail_nomem(conn);
	}
	if (display->device == NULL ||
	    !json_object_is_type(heads, json_type_array)) {
		return hvd__fail_reply(conn, "display.get",
				       "lacks 'device' or 'heads'");
	}
	display->viewers = (uint32_t)hvd__json_u64(json, "viewers", 0);
	display->password = hvd__json_bool(json, "password", false);
	display->viewer_certificates =
		hvd__json_bool(json, "viewer_certificates", false);
	display->pid = hvd__json_i64(json, "pid", 0);
	display->restarts = hvd__json_u64(json, "restarts", 0);
	count = json_object_array_length(heads);
	display->heads = calloc(count + 1, sizeof(*display->heads));
	if (display->heads == NULL) {
		return hvd__fail_nomem(conn);
	}
	for (; display->head_count < count; display->head_count++) {
		struct json_object *head =
			json_object_array_get_idx(heads, display->head_count);
		int err = head_read(conn, head,
				    &display->heads[display->head_count]);

		if (err != 0) {
			display->head_count++; /* it may have texts */
			return err;
		}
	}
	return 0;
}

int hvd_display_get(struct hvd_conn *conn, const char *zone,
		    struct hvd_display **ret_display)
{
	struct json_object *params = hvd__params_named("name", zone);
	struct hvd_display *display;
	struct json_object *result;
	int err;

	if (params == NULL) {
		return hvd__fail_nomem(conn);
	}
	err = hvd__invoke(conn, "display.get", params, 0, &result);
	if (err != 0) {
		return err;
	}
	display = calloc(1, sizeof(*display));
	err = display != NULL ? display_read(conn, result, display)
			      : hvd__fail_nomem(conn);
	json_object_put(result);
	if (err != 0) {
		hvd_display_free(display);
		return err;
	}
	*ret_display = display;
	return 0;
}

static int invoke(struct hvd_conn *conn, const char *method,
		  struct json_object *params, int extra_ms)
{
	struct json_object *result;
	int err = hvd__invoke(conn, method, params, extra_ms, &result);

	if (err == 0) {
		json_object_put(result);
	}
	return err;
}

int hvd_display_screenshot(struct hvd_conn *conn, const char *zone,
			   uint32_t head, const char *path, unsigned int flags)
{
	struct json_object *params = hvd__params_named("name", zone);

	if ((flags & ~HVD_SCREENSHOT_FORCE) != 0) {
		json_object_put(params);
		return hvd__fail(conn, -EINVAL, NULL, "unknown flags");
	}
	if (!hvd__params_add(params, "path", json_object_new_string(path)) ||
	    !hvd__params_add(params, "head", json_object_new_uint64(head)) ||
	    !hvd__params_add(params, "force",
			     json_object_new_boolean(
				     (flags & HVD_SCREENSHOT_FORCE) != 0))) {
		json_object_put(params);
		return hvd__fail_nomem(conn);
	}
	return invoke(conn, "display.screenshot", params, 0);
}

int hvd_display_send_keys(struct hvd_conn *conn, const char *zone,
			  const uint32_t *keys, size_t count, uint32_t hold_ms)
{
	struct json_object *params = hvd__params_named("name", zone);
	struct json_object *list = json_object_new_array();
	bool good = params != NULL && list != NULL;

	for (size_t i = 0; good && i < count; i++) {
		struct json_object *key = json_object_new_uint64(keys[i]);

		good = key != NULL && json_object_array_add(list, key) == 0;
	}
	if (!good) {
		json_object_put(list);
		json_object_put(params);
		return hvd__fail_nomem(conn);
	}
	if (!hvd__params_add(params, "keys", list) ||
	    (hold_ms != 0 &&
	     !hvd__params_add(params, "hold_ms",
			      json_object_new_uint64(hold_ms)))) {
		json_object_put(params);
		return hvd__fail_nomem(conn);
	}
	return invoke(conn, "display.send_keys", params, (int)hold_ms);
}
