/* SPDX-License-Identifier: BSD-2-Clause */
/* The members of a device of type "net". */
#include <stdio.h>
#include <string.h>

#include "zone_def_parse.h"

uint32_t zone_def_net_pairs(const struct zone_device *device)
{
	return device->queues / 2;
}

/* virtio 1.2, 5.1.2: two for each pair, and one to control the device. */
static uint32_t virtqueues(uint32_t pairs)
{
	return 2 * pairs + 1;
}

/* What Linux takes as a network interface's name, and is printable. */
static bool is_interface(const char *name, size_t len)
{
	if (len == 0 || len > ZONE_DEF_BRIDGE_MAX || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/' ||
		    name[i] == ':') {
			return false;
		}
	}
	return true;
}

int zone_net_bridge(struct def_parser *p, const char *path,
		    struct json_object *value, struct zone_device *device)
{
	static const char hint[] = "the name of a bridge of zone0, 1 to 15 "
				   "characters; leave it out to get hvd's own";
	const char *name;

	if (def_need_type(p, path, value, json_type_string, hint) < 0) {
		return -1;
	}
	name = json_object_get_string(value);
	if (!is_interface(name, (size_t)json_object_get_string_len(value))) {
		return DEF_REFUSE(p, path, hint,
				  "\"%.32s\" cannot be a bridge's name", name);
	}
	snprintf(device->bridge, sizeof(device->bridge), "%s", name);
	return 0;
}

int zone_net_user(struct def_parser *p, const char *path,
		  struct json_object *value, struct zone_device *device)
{
	return def_get_bool(p, path, value, &device->user);
}

int zone_net_mac(struct def_parser *p, const char *path,
		 struct json_object *value, struct zone_device *device)
{
	static const char hint[] =
		"six bytes, the first one even, as in \"5a:00:11:22:33:44\"; "
		"leave it out to get one that stays";
	const char *text;

	if (def_need_type(p, path, value, json_type_string, hint) < 0) {
		return -1;
	}
	text = json_object_get_string(value);
	if (!net_mac_parse(text, device->mac)) {
		return DEF_REFUSE(p, path, hint,
				  "\"%.32s\" is not an Ethernet address", text);
	}
	if (!net_mac_is_usable(device->mac)) {
		return DEF_REFUSE(p, path, hint,
				  "cannot be %.32s: that is no single device's",
				  text);
	}
	return 0;
}

int zone_net_mtu(struct def_parser *p, const char *path,
		 struct json_object *value, struct zone_device *device)
{
	int64_t number = 0;

	if (def_get_int(p, path, value, ZONE_DEF_MTU_MIN, ZONE_DEF_MTU_MAX,
			"the largest packet in bytes, as in 1500",
			&number) < 0) {
		return -1;
	}
	device->mtu = (uint32_t)number;
	return 0;
}

int zone_net_queues(struct def_parser *p, const char *path,
		    struct json_object *value, struct zone_device *device)
{
	int64_t number = 0;

	if (def_get_int(p, path, value, 1, ZONE_DEF_PAIRS_MAX,
			"pairs of queues; leave it out to get one for each "
			"vCPU",
			&number) < 0) {
		return -1;
	}
	device->queues = virtqueues((uint32_t)number);
	return 0;
}

int zone_net_link(struct def_parser *p, const char *path,
		  struct json_object *value, struct zone_device *device)
{
	return def_get_bool(p, path, value, &device->link);
}

int zone_net_vhost(struct def_parser *p, const char *path,
		   struct json_object *value, struct zone_device *device)
{
	bool on = false;

	if (def_get_bool(p, path, value, &on) < 0) {
		return -1;
	}
	device->vhost = on ? ZONE_VHOST_ON : ZONE_VHOST_OFF;
	return 0;
}

void zone_net_defaults(const struct zone_def *def, struct zone_device *device)
{
	(void)def;
	device->mtu = ZONE_DEF_MTU_DEFAULT;
	device->link = true;
}

static const struct zone_device *same_mac(const struct zone_def *def,
					  const struct zone_device *device)
{
	for (uint32_t i = 0; i < def->device_count; i++) {
		const struct zone_device *other = &def->devices[i];

		if (other != device && other->type == ZONE_DEVICE_NET &&
		    memcmp(other->mac, device->mac, sizeof(device->mac)) == 0) {
			return other;
		}
	}
	return NULL;
}

/* What was not given is still zero. */
static int check_bridge(struct def_parser *p, const char *path,
			struct zone_device *device)
{
	uint32_t vcpus = p->def->vcpus;
	char at[ZERROR_PATH_MAX];

	if (device->forward_count) {
		zerror_path(at, "%s.forward", path);
		return DEF_REFUSE(p, at,
				  "set \"user\": true, or leave it out: on a "
				  "bridge the guest has an address of its own",
				  "belongs to a network in user mode");
	}
	if (!device->bridge[0]) {
		snprintf(device->bridge, sizeof(device->bridge), "%s",
			 ZONE_DEF_BRIDGE_DEFAULT);
	}
	if (!device->queues) {
		device->queues = virtqueues(vcpus < ZONE_DEF_PAIRS_MAX
						    ? vcpus
						    : ZONE_DEF_PAIRS_MAX);
	}
	return 0;
}

static int check_user(struct def_parser *p, const char *path,
		      struct zone_device *device)
{
	char at[ZERROR_PATH_MAX];

	if (device->bridge[0]) {
		zerror_path(at, "%s.bridge", path);
		return DEF_REFUSE(p, at,
				  "leave out one of both: a network in user "
				  "mode needs no bridge",
				  "cannot go with \"user\": true");
	}
	if (device->vhost == ZONE_VHOST_ON) {
		zerror_path(at, "%s.vhost", path);
		return DEF_REFUSE(p, at,
				  "leave it out, or name a bridge instead: "
				  "passt is a process",
				  "cannot go with \"user\": true");
	}
	if (!device->queues) {
		device->queues = virtqueues(1);
	}
	if (device->queues != virtqueues(1)) {
		zerror_path(at, "%s.queues", path);
		return DEF_REFUSE(p, at, "leave it out, or set it to 1",
				  "must be 1 with \"user\": true");
	}
	return 0;
}

int zone_net_check(struct def_parser *p, const char *path,
		   struct zone_device *device)
{
	const struct zone_device *other;
	char at[ZERROR_PATH_MAX];

	if ((device->user ? check_user : check_bridge)(p, path, device) < 0) {
		return -1;
	}
	if (!net_mac_is_usable(device->mac)) {
		if (uuid_is_null(p->def->uuid)) {
			return 0; /* zone_def_set_uuid() */
		}
		net_mac_default(p->def->uuid, device->name, device->mac);
	}
	other = same_mac(p->def, device);
	if (!other) {
		return 0;
	}
	zerror_path(at, "%s.mac", path);
	return DEF_REFUSE(p, at, "give each network device its own",
			  "is the address of %s already", other->name);
}

void zone_net_to_json(const struct zone_device *device,
		      struct json_object *json)
{
	char mac[NET_MAC_TEXT_SIZE];

	if (device->user) {
		json_object_object_add(json, "user",
				       json_object_new_boolean(true));
		zone_def_forwards_to_json(device, json);
	} else {
		json_object_object_add(json, "bridge",
				       json_object_new_string(device->bridge));
	}
	if (net_mac_is_usable(device->mac)) {
		net_mac_format(device->mac, mac);
		json_object_object_add(json, "mac",
				       json_object_new_string(mac));
	}
	json_object_object_add(json, "mtu", json_object_new_int64(device->mtu));
	json_object_object_add(
		json, "queues",
		json_object_new_int64(zone_def_net_pairs(device)));
	json_object_object_add(json, "link",
			       json_object_new_boolean(device->link));
	if (device->vhost != ZONE_VHOST_AUTO) {
		json_object_object_add(json, "vhost",
				       json_object_new_boolean(device->vhost ==
							       ZONE_VHOST_ON));
	}
}
