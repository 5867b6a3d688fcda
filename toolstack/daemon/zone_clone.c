/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A definition like another: with a uuid and network addresses of its own, and
 * in the place of what two zones cannot share, what the caller says.  Images are
 * not copied: how (reflink, qcow2, snapshot of a volume) is the caller's choice.
 */
#include <json-c/json.h>
#include <string.h>

#include "methods.h"
#include "rpc.h"
#include "zone.h"

static const char *text_of(struct json_object *device, const char *key)
{
	return json_object_get_string(json_object_object_get(device, key));
}

static bool is_true(struct json_object *device, const char *key)
{
	return json_object_get_boolean(json_object_object_get(device, key)) !=
	       0;
}

static bool same(struct json_object *a, struct json_object *b, const char *key)
{
	return json_object_equal(json_object_object_get(a, key),
				 json_object_object_get(b, key));
}

/* value NULL takes a member away, so that it has its default. */
static void change(struct json_object *device, struct json_object *changes)
{
	json_object_object_foreach (changes, key, value) {
		/* a disk has one source */
		if (strcmp(key, "path") == 0) {
			json_object_object_del(device, "nbd");
		} else if (strcmp(key, "nbd") == 0) {
			json_object_object_del(device, "path");
			json_object_object_del(device, "direct");
		}
		json_object_object_del(device, key);
		if (value) {
			json_object_object_add(device, key,
					       json_object_get(value));
		}
	}
}

/* old: before the changes. */
static int check_disk(struct json_object *device, struct json_object *old,
		      struct zerror *ret_error)
{
	const char *name = text_of(device, "name");
	char path[ZERROR_PATH_MAX];

	if (is_true(device, "readonly") || !same(device, old, "path") ||
	    !same(device, old, "nbd")) {
		return 0;
	}
	zerror_path(path, "$.devices.%s.path", name);
	return zerror_set(
		ret_error, ZERROR_INVALID_PARAMS, path,
		"copy the image, then name the copy (hvsh clone "
		"--disk DEVICE=PATH)",
		"two zones cannot write to what %s works on: it needs "
		"an image of its own",
		name);
}

static int check_net(struct json_object *device, struct json_object *old,
		     struct zerror *ret_error)
{
	struct json_object *forward = json_object_object_get(device, "forward");
	const char *name = text_of(device, "name");
	char path[ZERROR_PATH_MAX];

	if (!json_object_is_type(forward, json_type_array) ||
	    json_object_array_length(forward) == 0 ||
	    !same(device, old, "forward")) {
		return 0;
	}
	zerror_path(path, "$.devices.%s.forward", name);
	return zerror_set(ret_error, ZERROR_INVALID_PARAMS, path,
			  "name others, or none (hvsh clone --forward "
			  "DEVICE=[udp:]PORT:PORT or DEVICE=none)",
			  "two zones cannot have the ports of zone0 that lead "
			  "to %s",
			  name);
}

/* Two zones cannot have one port: each gets what is free, unless told otherwise. */
static void free_port(struct json_object *device, struct json_object *changes)
{
	struct json_object *vnc = json_object_object_get(device, "vnc");

	if (vnc &&
	    !(changes && json_object_object_get_ex(changes, "vnc", NULL))) {
		json_object_object_del(vnc, "port");
	}
}

/* ... nor monitors: those stay where they are. */
static void leave_card(struct json_object *device, struct json_object *changes)
{
	if (!(changes && json_object_object_get_ex(changes, "card", NULL))) {
		json_object_object_del(device, "card");
	}
}

static int clone_device(struct json_object *device, struct json_object *changes,
			struct zerror *ret_error)
{
	struct json_object *old = NULL;
	const char *type = text_of(device, "type");
	int rc = 0;

	if (json_object_deep_copy(device, &old, NULL) < 0) {
		return zerror_set(ret_error, ZERROR_INTERNAL, NULL, NULL,
				  "hvd: out of memory");
	}
	json_object_object_del(device, "mac");
	if (changes) {
		change(device, changes);
	}
	if (strcmp(type, "disk") == 0) {
		rc = check_disk(device, old, ret_error);
	} else if (strcmp(type, "net") == 0) {
		rc = check_net(device, old, ret_error);
	} else if (strcmp(type, "gpu") == 0) {
		free_port(device, changes);
		leave_card(device, changes);
	}
	json_object_put(old);
	return rc;
}

static int check_changes(const struct zone *z, const struct zone_def *def,
			 struct json_object *changes, struct zerror *ret_error)
{
	char path[ZERROR_PATH_MAX];

	json_object_object_foreach (changes, name, members) {
		zerror_path(path, "$.devices.%.32s", name);
		if (!zone_def_device(def, name)) {
			return zerror_set(
				ret_error, ZERROR_INVALID_PARAMS, path,
				"see the devices of the definition "
				"(hvsh dumpdef)",
				"%s has no device %.32s", z->name, name);
		}
		if (!json_object_is_type(members, json_type_object)) {
			return zerror_set(ret_error, ZERROR_INVALID_PARAMS,
					  path,
					  "as in {\"path\": \"/images/b.img\"}",
					  "must be an object");
		}
		if (json_object_object_get_ex(members, "name", NULL) ||
		    json_object_object_get_ex(members, "type", NULL)) {
			return zerror_set(ret_error, ZERROR_INVALID_PARAMS,
					  path, "define a zone of its own then",
					  "name and type of a device stay");
		}
	}
	return 0;
}

static int clone_devices(struct json_object *json, struct json_object *changes,
			 struct zerror *ret_error)
{
	struct json_object *list = json_object_object_get(json, "devices");

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *device = json_object_array_get_idx(list, i);

		if (clone_device(device,
				 json_object_object_get(
					 changes, text_of(device, "name")),
				 ret_error) < 0) {
			return -1;
		}
	}
	return 0;
}

/* A machine that boots starts the one that was meant, and not its likes. */
static void set_identity(struct json_object *json, const char *name,
			 const char *uuid)
{
	json_object_object_add(json, "name", json_object_new_string(name));
	json_object_object_del(json, "uuid");
	if (uuid) {
		json_object_object_add(json, "uuid",
				       json_object_new_string(uuid));
	}
	json_object_object_del(json, "autostart");
}

static int make(const struct zone *z, struct json_object *params,
		struct zone_def **ret_def, struct zerror *ret_error)
{
	const struct zone_def *def = z->def ? z->def : z->running_def;
	struct json_object *changes = json_object_object_get(params, "devices");
	struct json_object *json;
	int rc;

	if (!def) {
		return zerror_set(ret_error, ZERROR_INVALID_STATE, NULL,
				  "define a zone of its own then",
				  "%s has no definition", z->name);
	}
	if (changes && check_changes(z, def, changes, ret_error) < 0) {
		return -1;
	}
	json = zone_def_to_json(def);
	set_identity(json, rpc_get_string(params, "new_name"),
		     rpc_get_string(params, "uuid"));
	rc = clone_devices(json, changes, ret_error);
	if (rc == 0) {
		rc = zone_def_parse(json, "$", ret_def, ret_error);
	}
	json_object_put(json);
	return rc;
}

void methods_zone_clone(struct rpc_call *call, struct json_object *params)
{
	struct zone *z = methods_zone(call, params);
	struct zone_def *def;
	struct zerror error;

	if (!z ||
	    methods_new_name(call, rpc_get_string(params, "new_name")) < 0) {
		return;
	}
	if (make(z, params, &def, &error) < 0) {
		rpc_fail(call, &error);
		return;
	}
	methods_define(call, NULL, def);
}
