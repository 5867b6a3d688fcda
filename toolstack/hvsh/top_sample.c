// SPDX-License-Identifier: BSD-2-Clause
/*
 * A look at all zones: first their list, then all of their counters at once, and
 * those of their devices, without waiting long for one that does not answer.
 */
#include "top.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ZONES_MS 5000 /* for hvd, which has all it needs */
#define DEVICES_MS 1000 /* for I/O processes */
#define SILENT_MS 10000 /* so long one that was silent is left alone */
#define NS_PER_MS 1000000ull

uint64_t top_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void top_fini(struct top *top)
{
	for (size_t i = 0; i < top->zone_count; i++) {
		free(top->zones[i].name);
		free(top->zones[i].state);
		free(top->zones[i].devices);
	}
	free(top->zones);
	free(top->calls);
	*top = (struct top){ 0 };
}

const struct top_zone *top_zone_before(const struct top *before,
				       const struct top_zone *zone)
{
	for (size_t i = 0; before != NULL && i < before->zone_count; i++) {
		if (before->zones[i].id == zone->id &&
		    strcmp(before->zones[i].name, zone->name) == 0) {
			return &before->zones[i];
		}
	}
	return NULL;
}

/* ---- calls ---- */

static void *allocate(size_t count, size_t size)
{
	void *memory = calloc(count + 1, size);

	if (memory == NULL) {
		exit(out_of_memory());
	}
	return memory;
}

static void note_call(struct top *top, uint64_t id)
{
	if (top->call_count == top->call_room) {
		size_t room = top->call_room * 2 + 64;
		uint64_t *grown = realloc(top->calls, room * sizeof(*grown));

		if (grown == NULL) {
			exit(out_of_memory());
		}
		top->calls = grown;
		top->call_room = room;
	}
	top->calls[top->call_count++] = id;
}

/* The parameters are two words at most: names of zones and devices. */
static void call(struct context *ctx, struct top *top, const char *method,
		 const char *key, const char *value, const char *device,
		 hvd_reply_fn cb, void *arg)
{
	struct json_object *params = json_object_new_object();
	uint64_t id;

	json_object_object_add(params, key, json_object_new_string(value));
	if (device != NULL) {
		json_object_object_add(params, "device",
				       json_object_new_string(device));
	}
	if (hvd_call_async(ctx->conn, method,
			   json_object_to_json_string(params), cb, arg,
			   &id) == 0) {
		note_call(top, id);
		top->pending++;
	}
	json_object_put(params);
}

/* Until all have answered, the time is over, or a signal came. */
static int collect(struct context *ctx, struct top *top, uint64_t ms)
{
	struct pollfd fds[2] = {
		{ .fd = hvd_fd(ctx->conn), .events = POLLIN },
		{ .fd = signals_fd(), .events = POLLIN },
	};
	uint64_t end = top_now_ns() + ms * NS_PER_MS;
	int err = 0;

	while (signals_pending() == 0) {
		uint64_t now;

		err = hvd_process(ctx->conn);
		now = top_now_ns();
		if (err != 0 || top->pending == 0 || now >= end) {
			break;
		}
		poll(fds, 2, (int)((end - now) / NS_PER_MS) + 1);
	}
	/* Their answers would find nobody. */
	for (size_t i = 0; i < top->call_count; i++) {
		hvd_cancel(ctx->conn, top->calls[i]);
	}
	top->call_count = 0;
	top->pending = 0;
	return err;
}

/* ---- answers ---- */

static uint64_t number_of(struct json_object *object, const char *key)
{
	return json_object_get_uint64(json_object_object_get(object, key));
}

static void take_exits(struct top_zone *zone, struct json_object *exits)
{
	if (!json_object_is_type(exits, json_type_object)) {
		return;
	}
	json_object_object_foreach (exits, reason, count) {
		struct top_exit *to = &zone->exits[zone->exit_count];

		if (zone->exit_count == TOP_EXITS_MAX) {
			return;
		}
		snprintf(to->reason, sizeof(to->reason), "%s", reason);
		to->count = json_object_get_uint64(count);
		zone->exit_count++;
	}
}

static void on_counters(struct hvd_conn *conn, int status,
			const char *result_json, void *arg)
{
	struct top_zone *zone = arg;
	struct json_object *json;

	(void)conn;
	zone->top->pending--;
	json = status == 0 ? json_tokener_parse(result_json) : NULL;
	if (json_object_is_type(json, json_type_object)) {
		zone->counted = true;
		zone->at_ns = top_now_ns();
		zone->guest_ns = number_of(json, "guest_ns");
		zone->steal_ns = number_of(json, "steal_ns");
		take_exits(zone, json_object_object_get(json, "exits"));
	}
	json_object_put(json);
}

static const char *text_of(struct json_object *object, const char *key)
{
	const char *text =
		json_object_get_string(json_object_object_get(object, key));

	return text != NULL ? text : "";
}

static void on_zone(struct hvd_conn *conn, int status, const char *result_json,
		    void *arg)
{
	struct top_zone *zone = arg;
	struct json_object *json, *devices;

	(void)conn;
	zone->top->pending--;
	json = status == 0 ? json_tokener_parse(result_json) : NULL;
	if (json_object_is_type(json, json_type_object) &&
	    json_object_object_get_ex(json, "devices", &devices) &&
	    json_object_is_type(devices, json_type_array)) {
		size_t count = json_object_array_length(devices);

		zone->devices = allocate(count, sizeof(*zone->devices));
		for (size_t i = 0; i < count; i++) {
			struct json_object *from =
				json_object_array_get_idx(devices, i);
			const char *type = text_of(from, "type");
			struct top_device *to =
				&zone->devices[zone->device_count];

			if (strcmp(type, "disk") == 0 ||
			    strcmp(type, "net") == 0) {
				to->zone = zone;
				snprintf(to->name, sizeof(to->name), "%s",
					 text_of(from, "name"));
				zone->device_count++;
			}
		}
	}
	json_object_put(json);
}

static void on_device(struct hvd_conn *conn, int status,
		      const char *result_json, void *arg)
{
	static const char *const ops[] = { "reads",	 "writes",
					   "flushes",	 "discards",
					   "rx-packets", "tx-packets" };
	static const char *const bytes[] = { "read-bytes", "write-bytes",
					     "rx-bytes", "tx-bytes" };
	struct top_device *device = arg;
	struct json_object *json, *counters;

	(void)conn;
	device->zone->top->pending--;
	/* An answer, if only that it cannot. */
	device->silent_until = 0;
	json = status == 0 ? json_tokener_parse(result_json) : NULL;
	if (json_object_is_type(json, json_type_object) &&
	    json_object_object_get_ex(json, "counters", &counters) &&
	    json_object_is_type(counters, json_type_object)) {
		device->told = true;
		device->at_ns = top_now_ns();
		for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
			device->ops += number_of(counters, ops[i]);
		}
		for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
			device->bytes += number_of(counters, bytes[i]);
		}
	}
	json_object_put(json);
}

/* ---- asking ---- */

static int take_zones(struct context *ctx, struct top *top)
{
	struct hvd_zone *zones;
	size_t count;
	int err = hvd_zone_list(ctx->conn, &zones, &count);

	if (err != 0) {
		return err;
	}
	top->zones = allocate(count, sizeof(*top->zones));
	for (size_t i = 0; i < count; i++) {
		struct top_zone *to = &top->zones[i];

		to->top = top;
		to->name = strdup(zones[i].name);
		to->state = strdup(zones[i].state);
		if (to->name == NULL || to->state == NULL) {
			exit(out_of_memory());
		}
		to->id = zones[i].id;
		to->memory = zones[i].memory;
	}
	top->zone_count = count;
	hvd_zone_list_free(zones, count);
	return 0;
}

static void take_host(struct context *ctx, struct top *top)
{
	struct hvd_host_info *info;

	/* Zones can be listed without a hypervisor. */
	if (hvd_host_info(ctx->conn, &info) == 0) {
		top->pcpus = info->pcpus;
		top->memory_total = info->memory_total;
		top->memory_free = info->memory_free;
		hvd_host_info_free(info);
	}
}

static uint64_t silent_until(const struct top_zone *before, const char *name)
{
	for (size_t i = 0; before != NULL && i < before->device_count; i++) {
		if (strcmp(before->devices[i].name, name) == 0) {
			return before->devices[i].silent_until;
		}
	}
	return 0;
}

static void ask_device(struct context *ctx, struct top_device *device,
		       const struct top *before)
{
	struct top_zone *zone = device->zone;
	uint64_t now = top_now_ns();

	device->silent_until =
		silent_until(top_zone_before(before, zone), device->name);
	if (device->silent_until > now) {
		return;
	}
	/* Till it answers. */
	device->silent_until = now + SILENT_MS * NS_PER_MS;
	call(ctx, zone->top, "device.counters", "name", zone->name,
	     device->name, on_device, device);
}

static int ask_all(struct context *ctx, const struct top *before,
		   struct top *top)
{
	int err = take_zones(ctx, top);

	if (err != 0) {
		return err;
	}
	take_host(ctx, top);
	for (size_t i = 0; i < top->zone_count; i++) {
		struct top_zone *zone = &top->zones[i];

		if (zone->id >= 0) {
			call(ctx, top, "host.counters", "zone", zone->name,
			     NULL, on_counters, zone);
			call(ctx, top, "zone.get", "name", zone->name, NULL,
			     on_zone, zone);
		}
	}
	err = collect(ctx, top, ZONES_MS);
	for (size_t i = 0; err == 0 && i < top->zone_count; i++) {
		struct top_zone *zone = &top->zones[i];

		for (size_t d = 0; d < zone->device_count; d++) {
			ask_device(ctx, &zone->devices[d], before);
		}
	}
	return err != 0 ? err : collect(ctx, top, DEVICES_MS);
}

int top_sample(struct context *ctx, const struct top *before, struct top *ret)
{
	int err;

	*ret = (struct top){ 0 };
	err = ask_all(ctx, before, ret);
	if (err != 0) {
		top_fini(ret);
	}
	return err;
}
