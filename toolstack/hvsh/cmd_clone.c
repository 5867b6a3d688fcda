// SPDX-License-Identifier: BSD-2-Clause
/* Another name for a zone, and another zone like it. */
#include "hvsh.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORTS_MAX 256

int cmd_rename(struct context *ctx, const struct args *args)
{
	const char *name = args->positionals[0];
	int err = context_connect(ctx);

	if (err != EXIT_OK) {
		return err;
	}
	err = hvd_zone_rename(ctx->conn, name, args->positionals[1]);
	if (err != 0) {
		return report_zone(ctx, err, "rename", name);
	}
	printf("%s: renamed to %s\n", name, args->positionals[1]);
	return EXIT_OK;
}

/* ---------------------------------------------------------------- clone */

/* [udp:]PORT[:TO] */
static struct json_object *parse_forward(const char *text)
{
	static const char udp[] = "udp:";
	struct json_object *json;
	bool is_udp = strncmp(text, udp, strlen(udp)) == 0;
	const char *to;
	char port[16];
	uint64_t from_number, to_number;

	text += is_udp ? strlen(udp) : 0;
	to = strchr(text, ':');
	snprintf(port, sizeof(port), "%.*s",
		 (int)(to != NULL ? (size_t)(to - text) : strlen(text)), text);
	if (!parse_number(port, UINT16_MAX, &from_number) ||
	    !parse_number(to != NULL ? to + 1 : port, UINT16_MAX, &to_number)) {
		return NULL;
	}
	json = json_object_new_object();
	json_object_object_add(json, "proto",
			       json_object_new_string(is_udp ? "udp" : "tcp"));
	json_object_object_add(json, "port",
			       json_object_new_int64((int64_t)from_number));
	json_object_object_add(json, "to",
			       json_object_new_int64((int64_t)to_number));
	return json;
}

static struct json_object *parse_forwards(const char *value)
{
	struct json_object *list = json_object_new_array(), *one;
	char ports[PORTS_MAX];
	char *rest = NULL;

	snprintf(ports, sizeof(ports), "%s", value);
	if (strcmp(ports, "none") == 0) {
		return list;
	}
	for (char *text = strtok_r(ports, ",", &rest); text != NULL;
	     text = strtok_r(NULL, ",", &rest)) {
		one = parse_forward(text);
		if (one == NULL) {
			complain(
				"option --forward: '%s' is not [udp:]PORT:PORT",
				text);
			json_object_put(list);
			return NULL;
		}
		json_object_array_add(list, one);
	}
	return list;
}

/* An option "DEVICE=VALUE". */
static bool add_change(struct json_object *devices, const char *option,
		       const char *text)
{
	const char *equals = strchr(text, '=');
	bool disk = strcmp(option, "disk") == 0;
	struct json_object *device, *value;
	char name[64];

	if (equals == NULL || equals == text || equals[1] == '\0') {
		complain("option --%s: '%s' is not DEVICE=%s", option, text,
			 disk ? "PATH" : "PORTS");
		return false;
	}
	snprintf(name, sizeof(name), "%.*s", (int)(equals - text), text);
	value = disk ? definition_path(equals + 1) : parse_forwards(equals + 1);
	if (value == NULL) {
		return false;
	}
	if (!json_object_object_get_ex(devices, name, &device)) {
		device = json_object_new_object();
		json_object_object_add(devices, name, device);
	}
	json_object_object_add(device, disk ? "path" : "forward", value);
	return true;
}

static bool fill_changes(struct json_object *changes, const struct args *args)
{
	struct json_object *devices = json_object_new_object();

	if (args_has(args, "uuid")) {
		json_object_object_add(
			changes, "uuid",
			json_object_new_string(args_value(args, "uuid")));
	}
	json_object_object_add(changes, "devices", devices);
	for (size_t i = 0; i < args->many_count; i++) {
		if (!add_change(devices, args->many[i].option->name,
				args->many[i].value)) {
			return false;
		}
	}
	return true;
}

static int clone(struct context *ctx, const struct args *args,
		 const char *changes)
{
	struct hvd_zone_defined *defined;
	int err = context_connect(ctx);

	if (err != EXIT_OK) {
		return err;
	}
	err = hvd_zone_clone(ctx->conn, args->positionals[0],
			     args->positionals[1], changes, &defined);
	if (err != 0) {
		return report_new(ctx, err, "clone", args->positionals[0],
				  args->positionals[1]);
	}
	printf("%s: defined like %s (%s)\n", defined->name,
	       args->positionals[0], defined->uuid);
	hvd_zone_defined_free(defined);
	return EXIT_OK;
}

int cmd_clone(struct context *ctx, const struct args *args)
{
	struct json_object *changes = json_object_new_object();
	int status = EXIT_USAGE;

	if (fill_changes(changes, args)) {
		status = clone(ctx, args, json_object_to_json_string(changes));
	}
	json_object_put(changes);
	return status;
}
