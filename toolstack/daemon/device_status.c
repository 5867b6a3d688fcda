/* SPDX-License-Identifier: BSD-2-Clause */
#include "device_status.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "net_tap.h"
#include "text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const state_names[] = {
	[DEVICE_OK] = "ok",
	[DEVICE_ERROR] = "error",
	[DEVICE_PAUSED] = "paused",
	[DEVICE_BROKEN] = "broken",
};

const char *device_state_name(enum device_state state)
{
	return state_names[state];
}

static int parse_state(struct json_object *message, enum device_state *ret)
{
	struct json_object *value = json_object_object_get(message, "state");

	for (unsigned int i = 0; i < COUNT(state_names); i++) {
		if (json_object_is_type(value, json_type_string) &&
		    strcmp(json_object_get_string(value), state_names[i]) ==
			    0) {
			*ret = (enum device_state)i;
			return 0;
		}
	}
	return -1;
}

int device_status_resize(struct device_status *status,
			 struct json_object *message, bool *ret_changed)
{
	struct json_object *value = json_object_object_get(message, "size");
	uint64_t size;

	if (!json_object_is_type(value, json_type_int) ||
	    json_object_get_int64(value) < 0) {
		return -1;
	}
	size = json_object_get_uint64(value);
	*ret_changed = !status->sized || status->size != size;
	status->sized = true;
	status->size = size;
	return 0;
}

int device_status_update(struct device_status *status,
			 const struct zone_device *device,
			 struct json_object *message, bool *ret_changed)
{
	struct json_object *error = json_object_object_get(message, "error");
	struct json_object *lost = json_object_object_get(message, "lost");
	struct device_status now = *status;
	bool resized;

	if (parse_state(message, &now.state) < 0 ||
	    (json_object_object_get_ex(message, "size", NULL) &&
	     device_status_resize(&now, message, &resized) < 0)) {
		return -1;
	}
	snprintf(now.error, sizeof(now.error), "%.159s",
		 json_object_is_type(error, json_type_string)
			 ? json_object_get_string(error)
			 : "");
	text_sanitize(now.error, strlen(now.error), false);
	now.lost = zone_def_is_nbd(device) && json_object_get_boolean(lost);
	*ret_changed = now.state != status->state ||
		       strcmp(now.error, status->error) != 0;
	*status = now;
	return 0;
}

void device_status_reset(struct device_status *status,
			 const struct zone_def *def)
{
	if (!def) {
		memset(status, 0, sizeof(*status) * ZONE_DEF_DEVICES_MAX);
		return;
	}
	for (uint32_t i = 0; i < def->device_count; i++) {
		if (!status[i].lost) {
			status[i].state = DEVICE_OK;
			status[i].error[0] = '\0';
		}
	}
}

void device_status_mended(struct device_status *status,
			  const struct zone_def *def)
{
	for (uint32_t i = 0; i < def->device_count; i++) {
		if (status[i].state == DEVICE_BROKEN) {
			status[i].state = DEVICE_OK;
			status[i].error[0] = '\0';
		}
	}
}

static void add_text(struct json_object *json, const char *key,
		     const char *text)
{
	json_object_object_add(json, key, json_object_new_string(text));
}

static void add_net(struct json_object *json,
		    const struct device_status *status,
		    const struct zone_device *device, int64_t zone,
		    uint32_t number)
{
	char mac[NET_MAC_TEXT_SIZE];
	char tap[IFNAMSIZ];

	net_mac_format(device->mac, mac);
	add_text(json, "mac", mac);
	if (device->user) {
		json_object_object_add(json, "user",
				       json_object_new_boolean(true));
		zone_def_forwards_to_json(device, json);
	} else {
		add_text(json, "bridge", device->bridge);
		json_object_object_add(json, "vhost",
				       json_object_new_boolean(status->vhost));
	}
	if (!device->user && zone >= 0) {
		net_tap_name((uint32_t)zone, number, tap);
		add_text(json, "tap", tap);
	}
	json_object_object_add(json, "mtu", json_object_new_int64(device->mtu));
	json_object_object_add(json, "link",
			       json_object_new_boolean(device->link));
}

static struct json_object *one_to_json(const struct device_status *status,
				       const struct zone_device *device)
{
	struct json_object *json = json_object_new_object();
	char uri[ZONE_NBD_URI_MAX];

	add_text(json, "name", device->name);
	add_text(json, "type", zone_def_device_type_name(device->type));
	add_text(json, "state", state_names[status->state]);
	if (status->error[0]) {
		add_text(json, "error", status->error);
	}
	if (zone_def_is_nbd(device)) {
		zone_nbd_uri(&device->nbd, uri);
		add_text(json, "path", uri);
	} else if (device->path) {
		add_text(json, "path", device->path);
	}
	if (device->type == ZONE_DEVICE_DISK) {
		json_object_object_add(
			json, "readonly",
			json_object_new_boolean(device->readonly));
	}
	if (status->sized) {
		json_object_object_add(json, "size",
				       json_object_new_uint64(status->size));
	}
	zone_def_limits_to_json(device, json);
	return json;
}

struct json_object *device_status_to_json(const struct device_status *status,
					  int64_t zone,
					  const struct zone_def *def)
{
	struct json_object *list = json_object_new_array();
	uint32_t nets = 0;

	for (uint32_t i = 0; i < def->device_count; i++) {
		const struct zone_device *device = &def->devices[i];
		struct json_object *json = one_to_json(&status[i], device);

		if (device->type == ZONE_DEVICE_NET) {
			add_net(json, &status[i], device, zone, nets++);
		}
		json_object_array_add(list, json);
	}
	return list;
}
