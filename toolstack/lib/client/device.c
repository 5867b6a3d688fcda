// SPDX-License-Identifier: BSD-2-Clause
/* Devices of a zone: what zone.get tells of them, and methods about one. */
#include "client_internal.h"

#include <stdlib.h>

static void device_fini(struct hvd_device *device)
{
	free(device->name);
	free(device->type);
	free(device->state);
	free(device->error);
	free(device->path);
}

void hvd__devices_free(struct hvd_device *devices, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		device_fini(&devices[i]);
	}
	free(devices);
}

static int device_read(struct hvd_conn *conn, struct json_object *json,
		       struct hvd_device *device)
{
	if (!hvd__json_copy(json, "name", &device->name) ||
	    !hvd__json_copy(json, "type", &device->type) ||
	    !hvd__json_copy(json, "state", &device->state) ||
	    !hvd__json_copy(json, "error", &device->error) ||
	    !hvd__json_copy(json, "path", &device->path)) {
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

static int invoke(struct hvd_conn *conn, const char *method, const char *zone,
		  const char *device, struct json_object **ret_result)
{
	struct json_object *params = hvd__params_named("name", zone);

	if (params == NULL ||
	    !hvd__params_add(params, "device",
			     json_object_new_string(device))) {
		json_object_put(params);
		return hvd__fail_nomem(conn);
	}
	return hvd__invoke(conn, method, params, 0, ret_result);
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
