// SPDX-License-Identifier: BSD-2-Clause
/* Devices of a zone: what zone.get tells of them, and methods about one. */
#include "client_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void device_fini(struct hvd_device *device)
{
	free(device->name);
	free(device->type);
	free(device->state);
	free(device->error);
	free(device->path);
	free(device->mac);
	free(device->bridge);
	free(device->tap);
	free(device->limits);
	free(device->forward);
}

void hvd__devices_free(struct hvd_device *devices, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		device_fini(&devices[i]);
	}
	free(devices);
}

/* Of a member that has another type, or is not there, nothing. */
static bool copy_text(struct json_object *json, const char *key,
		      enum json_type type, char **ret_text)
{
	struct json_object *value = hvd__json_get(json, key);

	if (!json_object_is_type(value, type)) {
		return true;
	}
	*ret_text = hvd__json_text(value);
	return *ret_text != NULL;
}

static int device_read(struct hvd_conn *conn, struct json_object *json,
		       struct hvd_device *device)
{
	if (!hvd__json_copy(json, "name", &device->name) ||
	    !hvd__json_copy(json, "type", &device->type) ||
	    !hvd__json_copy(json, "state", &device->state) ||
	    !hvd__json_copy(json, "error", &device->error) ||
	    !hvd__json_copy(json, "path", &device->path) ||
	    !hvd__json_copy(json, "mac", &device->mac) ||
	    !hvd__json_copy(json, "bridge", &device->bridge) ||
	    !hvd__json_copy(json, "tap", &device->tap) ||
	    !copy_text(json, "limits", json_type_object, &device->limits) ||
	    !copy_text(json, "forward", json_type_array, &device->forward)) {
		return hvd__fail_nomem(conn);
	}
	if (device->name == NULL || device->type == NULL ||
	    device->state == NULL) {
		return hvd__fail_reply(conn, "zone.get",
				       "has a device without 'name', 'type' or "
				       "'state'");
	}
	device->readonly = hvd__json_bool(json, "readonly", false);
	device->size = hvd__json_i64(json, "size", -1);
	device->mtu = hvd__json_i64(json, "mtu", -1);
	device->link = hvd__json_bool(json, "link", false);
	device->user = hvd__json_bool(json, "user", false);
	device->vhost = hvd__json_bool(json, "vhost", false);
	return 0;
}

int hvd__devices_read(struct hvd_conn *conn, struct json_object *list,
		      struct hvd_device **ret_devices, size_t *ret_count)
{
	struct hvd_device *devices;
	size_t count;

	if (!json_object_is_type(list, json_type_array)) {
		return 0; /* it does not run */
	}
	count = json_object_array_length(list);
	devices = calloc(count + 1, sizeof(*devices));
	if (devices == NULL) {
		return hvd__fail_nomem(conn);
	}
	for (size_t i = 0; i < count; i++) {
		int err = device_read(conn, json_object_array_get_idx(list, i),
				      &devices[i]);

		if (err != 0) {
			hvd__devices_free(devices, count);
			return err;
		}
	}
	*ret_devices = devices;
	*ret_count = count;
	return 0;
}

/* NULL: out of memory. */
static struct json_object *params_of(const char *zone, const char *device)
{
	struct json_object *params = hvd__params_named("name", zone);

	if (params != NULL &&
	    !hvd__params_add(params, "device",
			     json_object_new_string(device))) {
		json_object_put(params);
		params = NULL;
	}
	return params;
}

static int invoke(struct hvd_conn *conn, const char *method, const char *zone,
		  const char *device, struct json_object **ret_result)
{
	struct json_object *params = params_of(zone, device);

	return params != NULL ? hvd__invoke(conn, method, params, 0, ret_result)
			      : hvd__fail_nomem(conn);
}

int hvd_device_counters(struct hvd_conn *conn, const char *zone,
			const char *device, char **ret_json)
{
	struct json_object *result;
	struct json_object *counters;
	int err = invoke(conn, "device.counters", zone, device, &result);

	if (err != 0) {
		return err;
	}
	counters = hvd__json_get(result, "counters");
	if (!json_object_is_type(counters, json_type_object)) {
		json_object_put(result);
		return hvd__fail_reply(conn, "device.counters",
				       "lacks 'counters'");
	}
	*ret_json = hvd__json_text(counters);
	json_object_put(result);
	return *ret_json != NULL ? 0 : hvd__fail_nomem(conn);
}

int hvd_device_resize(struct hvd_conn *conn, const char *zone,
		      const char *device, uint64_t *ret_size)
{
	struct json_object *result;
	int64_t size;
	int err = invoke(conn, "device.resize", zone, device, &result);

	if (err != 0) {
		return err;
	}
	size = hvd__json_i64(result, "size", -1);
	json_object_put(result);
	if (size < 0) {
		return hvd__fail_reply(conn, "device.resize", "lacks 'size'");
	}
	if (ret_size != NULL) {
		*ret_size = (uint64_t)size;
	}
	return 0;
}

int hvd_device_resume(struct hvd_conn *conn, const char *zone,
		      const char *device)
{
	struct json_object *result;
	int err = invoke(conn, "device.resume", zone, device, &result);

	if (err == 0) {
		json_object_put(result);
	}
	return err;
}

int hvd_device_set(struct hvd_conn *conn, const char *zone, const char *device,
		   const char *changes_json)
{
	struct json_object *changes =
		hvd__json_parse(changes_json, strlen(changes_json));
	struct json_object *params = params_of(zone, device);
	struct json_object *result;
	bool good = params != NULL;
	int err;

	if (!json_object_is_type(changes, json_type_object)) {
		json_object_put(changes);
		json_object_put(params);
		return hvd__fail(conn, -EINVAL, NULL,
				 "the changes are not a JSON object");
	}
	json_object_object_foreach (changes, key, value) {
		good = good &&
		       hvd__params_add(params, key, json_object_get(value));
	}
	json_object_put(changes);
	if (!good) {
		json_object_put(params);
		return hvd__fail_nomem(conn);
	}
	err = hvd__invoke(conn, "device.set", params, 0, &result);
	if (err == 0) {
		json_object_put(result);
	}
	return err;
}
