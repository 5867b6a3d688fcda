/* SPDX-License-Identifier: BSD-2-Clause */
/* The member "forward" of a network device in user mode. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "zone_def_parse.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const protocols[] = { "tcp", "udp" };

static const char example[] =
	"as in {\"port\": 2222, \"to\": 22}: zone0's port, and the guest's";

static int parse_address(struct def_parser *p, const char *path,
			 struct json_object *value, struct zone_forward *ret)
{
	static const char hint[] = "an IPv4 address of zone0, as in "
				   "\"127.0.0.1\"; leave it out for all";
	struct in_addr address;
	const char *text;

	if (def_need_type(p, path, value, json_type_string, hint) < 0) {
		return -1;
	}
	text = json_object_get_string(value);
	if (inet_pton(AF_INET, text, &address) != 1) {
		return DEF_REFUSE(p, path, hint,
				  "\"%.32s\" is not an IPv4 address", text);
	}
	snprintf(ret->address, sizeof(ret->address), "%s", text);
	return 0;
}

static int parse_port(struct def_parser *p, const char *path,
		      struct json_object *value, uint16_t *ret)
{
	int64_t number = 0;

	if (def_get_int(p, path, value, 1, UINT16_MAX, "a port's number",
			&number) < 0) {
		return -1;
	}
	*ret = (uint16_t)number;
	return 0;
}

static int parse_members(struct def_parser *p, const char *path,
			 struct json_object *json, struct zone_forward *ret)
{
	struct json_object *value;
	unsigned int protocol = 0;
	char at[ZERROR_PATH_MAX];

	zerror_path(at, "%s.proto", path);
	if (json_object_object_get_ex(json, "proto", &value) &&
	    def_get_word(p, at, value, protocols, COUNT(protocols), &protocol) <
		    0) {
		return -1;
	}
	ret->udp = protocol == 1;
	zerror_path(at, "%s.address", path);
	if (json_object_object_get_ex(json, "address", &value) &&
	    parse_address(p, at, value, ret) < 0) {
		return -1;
	}
	zerror_path(at, "%s.port", path);
	if (!json_object_object_get_ex(json, "port", &value)) {
		return DEF_REFUSE(p, at, example, "is missing");
	}
	if (parse_port(p, at, value, &ret->port) < 0) {
		return -1;
	}
	ret->to = ret->port;
	zerror_path(at, "%s.to", path);
	return json_object_object_get_ex(json, "to", &value)
		       ? parse_port(p, at, value, &ret->to)
		       : 0;
}

/* passt has one place for each port, whatever the address. */
static int check_twins(struct def_parser *p, const char *path,
		       const struct zone_device *device,
		       const struct zone_forward *forward)
{
	char at[ZERROR_PATH_MAX];

	for (uint32_t i = 0; i < device->forward_count; i++) {
		const struct zone_forward *other = &device->forward[i];

		if (other->udp == forward->udp &&
		    other->port == forward->port) {
			zerror_path(at, "%s.port", path);
			return DEF_REFUSE(p, at, "forward each port once",
					  "is forwarded already");
		}
	}
	return 0;
}

static int parse_one(struct def_parser *p, const char *path,
		     struct json_object *json, struct zone_device *device)
{
	static const char *const names[] = { "proto", "address", "port", "to",
					     NULL };
	struct zone_forward forward = { 0 };

	if (def_need_type(p, path, json, json_type_object, example) < 0 ||
	    def_only_members(p, path, json, "a port to forward", names) < 0 ||
	    parse_members(p, path, json, &forward) < 0 ||
	    check_twins(p, path, device, &forward) < 0) {
		return -1;
	}
	device->forward[device->forward_count++] = forward;
	return 0;
}

int zone_forward_parse(struct def_parser *p, const char *path,
		       struct json_object *value, struct zone_device *device)
{
	size_t count;
	char at[ZERROR_PATH_MAX];

	if (def_need_type(p, path, value, json_type_array,
			  "as in [{\"port\": 2222, \"to\": 22}]") < 0) {
		return -1;
	}
	count = json_object_array_length(value);
	if (count > ZONE_DEF_FORWARDS_MAX) {
		return DEF_REFUSE(p, path, NULL, "has more than %u entries",
				  ZONE_DEF_FORWARDS_MAX);
	}
	for (size_t i = 0; i < count; i++) {
		zerror_path(at, "%s[%zu]", path, i);
		if (parse_one(p, at, json_object_array_get_idx(value, i),
			      device) < 0) {
			return -1;
		}
	}
	return 0;
}

void zone_def_forwards_to_json(const struct zone_device *device,
			       struct json_object *json)
{
	struct json_object *list;

	if (device->forward_count == 0) {
		return;
	}
	list = json_object_new_array();
	for (uint32_t i = 0; i < device->forward_count; i++) {
		const struct zone_forward *forward = &device->forward[i];
		struct json_object *item = json_object_new_object();

		json_object_object_add(
			item, "proto",
			json_object_new_string(protocols[forward->udp]));
		if (forward->address[0]) {
			json_object_object_add(
				item, "address",
				json_object_new_string(forward->address));
		}
		json_object_object_add(item, "port",
				       json_object_new_int(forward->port));
		json_object_object_add(item, "to",
				       json_object_new_int(forward->to));
		json_object_array_add(list, item);
	}
	json_object_object_add(json, "forward", list);
}

bool zone_forwards_equal(const struct zone_device *a,
			 const struct zone_device *b)
{
	if (a->forward_count != b->forward_count) {
		return false;
	}
	for (uint32_t i = 0; i < a->forward_count; i++) {
		const struct zone_forward *one = &a->forward[i];
		const struct zone_forward *other = &b->forward[i];

		if (one->udp != other->udp || one->port != other->port ||
		    one->to != other->to ||
		    strcmp(one->address, other->address) != 0) {
			return false;
		}
	}
	return true;
}
