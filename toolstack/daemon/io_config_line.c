/* SPDX-License-Identifier: BSD-2-Clause */
/* What hvd-io is told first: docs/man/hvd-io.8, CONTROL. */
#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

#include "io_process.h"
#include "io_user.h"
#include "log.h"
#include "shadow_layout.h"

static void add_uint(struct json_object *json, const char *key, uint64_t value)
{
	json_object_object_add(json, key, json_object_new_uint64(value));
}

static void add_shadow(struct json_object *json, const char *key,
		       uint32_t shadow)
{
	struct json_object *device = json_object_new_object();

	add_uint(device, "shadow", shadow);
	json_object_object_add(json, key, device);
}

static void add_text(struct json_object *json, const char *key,
		     const char *text)
{
	json_object_object_add(json, key, json_object_new_string(text));
}

static void add_bool(struct json_object *json, const char *key, bool value)
{
	json_object_object_add(json, key, json_object_new_boolean(value));
}

static void add_limits(struct json_object *json,
		       const struct zone_device *device)
{
	bool limited = false;

	for (unsigned int i = 0; i < ZONE_LIMIT_COUNT; i++) {
		if (device->limits[i]) {
			add_uint(json, zone_def_limit_name((enum zone_limit)i),
				 device->limits[i]);
			limited = true;
		}
	}
	if (limited) {
		add_uint(json, "burst-ms", device->burst_ms);
	}
}

static void add_disk(struct json_object *json, const struct zone_device *device)
{
	if (zone_def_is_nbd(device)) {
		add_text(json, "store", "nbd");
		add_text(json, "export", device->nbd.export_name);
	}
	add_bool(json, "readonly", device->readonly);
	add_bool(json, "writeback", !device->writethrough);
	add_bool(json, "discard", device->discard);
	add_text(json, "serial", device->serial);
	if (device->block_size) {
		add_uint(json, "block-size", device->block_size);
	}
	add_text(json, "on-error", zone_def_on_error_name(device->on_error));
}

static void add_net(struct json_object *json, const struct zone_device *device,
		    const struct io_resource *resource)
{
	char mac[NET_MAC_TEXT_SIZE];

	net_mac_format(device->mac, mac);
	add_text(json, "mac", mac);
	add_uint(json, "mtu", device->mtu);
	add_bool(json, "link", device->link);
	if (device->user) {
		add_text(json, "via", "stream");
	} else {
		add_bool(json, "vhost", resource && resource->vhost.count > 0);
	}
}

static void add_gpu(struct json_object *json, const struct zone_device *device)
{
	add_uint(json, "heads", device->gpu.heads);
	add_uint(json, "width", device->gpu.width);
	add_uint(json, "height", device->gpu.height);
}

/* *fd: the next one to be given. */
static struct json_object *device_config(const struct zone_device *device,
					 uint32_t number,
					 const struct io_resource *resource,
					 unsigned int *fd)
{
	struct shadow_slot slot = shadow_layout_slot(number);
	struct json_object *json = json_object_new_object();

	add_text(json, "type", zone_def_device_type_name(device->type));
	add_text(json, "name", device->name);
	add_uint(json, "slot", number);
	add_uint(json, "shadow", slot.shadow);
	add_uint(json, "offset", slot.offset);
	add_uint(json, "intid", slot.intid);
	add_uint(json, "doorbell", slot.doorbell);
	add_uint(json, "queues", device->queues);
	if (resource) {
		add_uint(json, "fd", *fd);
		*fd += io_resource_fd_count(resource);
	}
	if (device->type == ZONE_DEVICE_DISK) {
		add_disk(json, device);
	} else if (device->type == ZONE_DEVICE_NET) {
		add_net(json, device, resource);
	} else if (device->type == ZONE_DEVICE_GPU) {
		add_gpu(json, device);
	} else if (device->type == ZONE_DEVICE_INPUT) {
		add_text(json, "kind", zone_def_input_name(device->input));
	}
	add_limits(json, device);
	return json;
}

/*
 * The user that hvd-io becomes, if the machine has one for it.  Without, it
 * becomes nobody by itself; when hvd is not root there is nothing to give up.
 */
static void add_user(struct json_object *json, const char *zone)
{
	uid_t uid;
	gid_t gid;

	if (geteuid() != 0) {
		return;
	}
	if (io_user_find(&uid, &gid)) {
		add_uint(json, "uid", uid);
		add_uint(json, "gid", gid);
		return;
	}
	log_warning("%s: no unprivileged user and group " IO_USER_NAME
		    ": the I/O process runs as nobody",
		    zone);
}

/* The line's text, and json is gone. */
static char *to_line(struct json_object *json)
{
	char *text = strdup(json_object_to_json_string_ext(
		json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));

	json_object_put(json);
	return text;
}

char *io_process_keys_line(const struct zone_device *device,
			   struct json_object *keys, uint32_t hold_ms)
{
	struct json_object *json = json_object_new_object();

	add_text(json, "cmd", "keys");
	add_text(json, "device", device->name);
	json_object_object_add(json, "keys", json_object_get(keys));
	add_uint(json, "hold-ms", hold_ms);
	return to_line(json);
}

char *io_process_set_line(const struct zone_device *device, uint32_t head,
			  const struct io_process_changes *changes)
{
	struct json_object *json = json_object_new_object();

	add_text(json, "cmd", "set");
	add_text(json, "device", device->name);
	if (changes->link) {
		add_bool(json, "link", device->link);
	}
	if (changes->mtu) {
		add_uint(json, "mtu", device->mtu);
	}
	if (changes->mode) {
		add_uint(json, "head", head);
		add_uint(json, "width", device->gpu.width);
		add_uint(json, "height", device->gpu.height);
	}
	if (changes->limits) {
		struct json_object *limits = json_object_new_object();

		add_limits(limits, device);
		json_object_object_add(json, "limits", limits);
	}
	return to_line(json);
}

char *io_process_config(const struct zone_def *def,
			const struct io_resources *resources)
{
	struct json_object *json = json_object_new_object();
	struct json_object *ram = json_object_new_array();
	struct json_object *extent = json_object_new_object();
	struct json_object *devices = json_object_new_array();
	unsigned int fd = IO_PROCESS_RESOURCE_FD;

	add_text(json, "cmd", "config");
	add_text(json, "zone", def->name);
	add_uint(json, "vcpus", def->vcpus);
	add_uint(extent, "gpa", ZV_A64_RAM_BASE);
	add_uint(extent, "size", def->memory);
	json_object_array_add(ram, extent);
	json_object_object_add(json, "ram", ram);
	add_shadow(json, "uart", SHADOW_LAYOUT_UART);
	add_shadow(json, "rtc", SHADOW_LAYOUT_RTC);
	add_shadow(json, "gpio", SHADOW_LAYOUT_GPIO);
	for (uint32_t i = 0; i < def->device_count; i++) {
		json_object_array_add(
			devices,
			device_config(&def->devices[i], i,
				      io_resource_of(resources, i), &fd));
	}
	json_object_object_add(json, "devices", devices);
	add_user(json, def->name);
	return to_line(json);
}
