// SPDX-License-Identifier: BSD-2-Clause
/* Commands about one device of a zone. */
#include "hvsh.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

/* False, too, of one that is not there: that is for the daemon to say. */
static bool is_not_paused(const struct hvd_zone_detail *detail,
			  const char *device)
{
	for (size_t i = 0; i < detail->device_count; i++) {
		if (strcmp(detail->devices[i].name, device) == 0) {
			return strcmp(detail->devices[i].state, "paused") != 0;
		}
	}
	return false;
}

int device_resume(struct context *ctx, const char *zone, const char *device)
{
	struct hvd_zone_detail *detail;
	int status = context_connect(ctx);
	bool idle;
	int err;

	if (status != EXIT_OK) {
		return status;
	}
	err = hvd_zone_get(ctx->conn, zone, &detail);
	if (err != 0) {
		return report_zone(ctx, err, "resume", zone);
	}
	idle = is_not_paused(detail, device);
	hvd_zone_detail_free(detail);
	/* Also if it is: it may pause at this moment. */
	err = hvd_device_resume(ctx->conn, zone, device);
	if (err != 0) {
		return report_zone(ctx, err, "resume", zone);
	}
	printf("%s: %s %s\n", zone, device,
	       idle ? "was not paused" : "goes on");
	return EXIT_OK;
}

int cmd_resize(struct context *ctx, const struct args *args)
{
	const char *zone = args->positionals[0];
	const char *device = args->positionals[1];
	int status = context_connect(ctx);
	char text[32];
	uint64_t size;
	int err;

	if (status != EXIT_OK) {
		return status;
	}
	err = hvd_device_resize(ctx->conn, zone, device, &size);
	if (err != 0) {
		return report_zone(ctx, err, "resize", zone);
	}
	format_bytes(size, text, sizeof(text));
	printf("%s: %s has %s\n", zone, device, text);
	return EXIT_OK;
}

/* ------------------------------------------------------------------- set */

#define MTU_MAX 65535
#define LIMITS "limits."
#define BURST LIMITS "burst-ms="

/*
 * The daemon replaces all limits at once, and who changes one means to keep the
 * others: they are those that hold now.
 */
static struct json_object *limits_now(const struct hvd_zone_detail *detail,
				      const char *device)
{
	struct json_object *zone = json_tokener_parse(detail->json);
	struct json_object *devices, *one, *limits = NULL;
	struct json_object *def =
		json_object_object_get(zone, "running_definition");

	if (def == NULL) {
		def = json_object_object_get(zone, "definition");
	}
	devices = json_object_object_get(def, "devices");
	for (size_t i = 0; json_object_is_type(devices, json_type_array) &&
			   i < json_object_array_length(devices);
	     i++) {
		const char *name;

		one = json_object_array_get_idx(devices, i);
		name = json_object_get_string(
			json_object_object_get(one, "name"));
		if (name != NULL && strcmp(name, device) == 0) {
			limits = json_object_object_get(one, "limits");
		}
	}
	limits = json_object_is_type(limits, json_type_object)
			 ? json_object_get(limits)
			 : json_object_new_object();
	json_object_put(zone);
	return limits;
}

static bool only_burst(struct json_object *limits)
{
	return json_object_object_length(limits) == 1 &&
	       json_object_object_get_ex(limits, "burst-ms", NULL);
}

static void set_limit(struct json_object *limits, const char *key,
		      const char *value)
{
	uint64_t number;

	if (strcmp(value, "none") == 0) {
		json_object_object_del(limits, key);
	} else if (parse_number(value, INT64_MAX, &number)) {
		json_object_object_add(limits, key,
				       json_object_new_uint64(number));
	} else {
		json_object_object_add(limits, key,
				       json_object_new_string(value));
	}
}

static bool set_link(struct json_object *changes, const char *value)
{
	bool up = strcmp(value, "up") == 0;

	if (!up && strcmp(value, "down") != 0) {
		complain("set: link is up or down, not '%s'", value);
		return false;
	}
	json_object_object_add(changes, "link", json_object_new_boolean(up));
	return true;
}

static bool set_mtu(struct json_object *changes, const char *value)
{
	uint64_t number;

	if (!parse_number(value, MTU_MAX, &number)) {
		complain("set: mtu is a number of bytes up to %d, not '%s'",
			 MTU_MAX, value);
		return false;
	}
	json_object_object_add(changes, "mtu", json_object_new_uint64(number));
	return true;
}

static bool set_pixels(struct json_object *changes, const char *key,
		       const char *value)
{
	uint64_t number;

	if (!parse_number(value, UINT16_MAX, &number)) {
		complain("set: %s is a number of pixels, not '%s'", key, value);
		return false;
	}
	json_object_object_add(changes, key, json_object_new_uint64(number));
	return true;
}

/* word: KEY=VALUE. */
static bool set_one(const struct hvd_zone_detail *detail, const char *device,
		    struct json_object *changes, const char *word)
{
	const char *value = strchr(word, '=');
	struct json_object *limits;
	char key[64];

	snprintf(key, sizeof(key), "%.*s",
		 (int)(value != NULL ? value - word : 0), word);
	if (value != NULL && strcmp(key, "link") == 0) {
		return set_link(changes, value + 1);
	}
	if (value != NULL && strcmp(key, "mtu") == 0) {
		return set_mtu(changes, value + 1);
	}
	if (value != NULL &&
	    (strcmp(key, "width") == 0 || strcmp(key, "height") == 0)) {
		return set_pixels(changes, key, value + 1);
	}
	if (value == NULL || strncmp(key, LIMITS, strlen(LIMITS)) != 0) {
		complain("set: '%s' is nothing that can be set", word);
		hint("link=up, link=down, mtu=1400, limits.rx-bytes-sec=10M; "
		     "'hvsh help set' says more");
		return false;
	}
	if (!json_object_object_get_ex(changes, "limits", &limits)) {
		limits = limits_now(detail, device);
		json_object_object_add(changes, "limits", limits);
	}
	set_limit(limits, key + strlen(LIMITS), value + 1);
	return true;
}

static bool set_all(const struct hvd_zone_detail *detail,
		    const struct args *args, struct json_object *changes)
{
	struct json_object *limits;
	bool burst = false;

	for (size_t i = 2; i < args->positional_count; i++) {
		burst |= strncmp(args->positionals[i], BURST, strlen(BURST)) ==
			 0;
		if (!set_one(detail, args->positionals[1], changes,
			     args->positionals[i])) {
			return false;
		}
	}
	/* The burst of limits that are gone goes with them. */
	if (!burst && json_object_object_get_ex(changes, "limits", &limits) &&
	    only_burst(limits)) {
		json_object_object_del(limits, "burst-ms");
	}
	return true;
}

int cmd_set(struct context *ctx, const struct args *args)
{
	const char *zone = args->positionals[0];
	const char *device = args->positionals[1];
	struct json_object *changes;
	struct hvd_zone_detail *detail;
	int status = context_connect(ctx);
	int err;

	if (status != EXIT_OK) {
		return status;
	}
	err = hvd_zone_get(ctx->conn, zone, &detail);
	if (err != 0) {
		return report_zone(ctx, err, "set", zone);
	}
	changes = json_object_new_object();
	if (!set_all(detail, args, changes)) {
		status = EXIT_USAGE;
	} else {
		err = hvd_device_set(ctx->conn, zone, device,
				     json_object_to_json_string(changes));
	}
	if (err != 0) {
		status = report_zone(ctx, err, "set", zone);
	} else if (status == EXIT_OK) {
		printf("%s: %s is set\n", zone, device);
		if (detail->device_count > 0 &&
		    json_object_object_get_ex(changes, "mtu", NULL)) {
			printf("The guest learns its MTU when its driver "
			       "resets the device, as at a reboot.\n");
		}
	}
	json_object_put(changes);
	hvd_zone_detail_free(detail);
	return status;
}
