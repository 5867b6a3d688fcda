/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a zone's devices have done: asked of the I/O process, once for all who
 * want to know the same at the same time.
 */
#include <json-c/json.h>
#include <stdlib.h>

#include "net_tap.h"
#include "rpc.h"
#include "zone_internal.h"

#define COUNTERS_MS 10000u /* for an I/O process to tell */

struct zone_counters_wish {
	struct zone_counters_wish *next;
	zone_counters_cb told;
	void *user;
	uint32_t device;
};

static struct zone *zone_of(struct io_process *io)
{
	return (struct zone *)((char *)io - offsetof(struct zone, io));
}

/* Fulfils one wish about the device, or fails it; false: there is none. */
static bool answer(struct zone *z, uint32_t device,
		   struct json_object *counters, const struct zerror *error)
{
	struct zone_counters_wish **place = &z->counters.wishes;
	struct zone_counters_wish *wish;

	while (*place && (*place)->device != device) {
		place = &(*place)->next;
	}
	wish = *place;
	if (!wish) {
		return false;
	}
	*place = wish->next;
	if (!z->counters.wishes) {
		uv_timer_stop(&z->counters.timer);
	}
	wish->told(wish->user, counters, error);
	free(wish);
	return true;
}

void zone_counters_fail(struct zone *z, const struct zerror *error)
{
	while (z->counters.wishes) {
		answer(z, z->counters.wishes->device, NULL, error);
	}
}

static void on_no_answer(uv_timer_t *timer)
{
	struct zone *z = timer->data;
	struct zerror error;

	zerror_set(&error, ZERROR_TIMEOUT, NULL, "try again",
		   "%s: its I/O process does not answer", z->name);
	zone_counters_fail(z, &error);
}

void zone_counters_init(struct zone *z)
{
	uv_timer_init(&z->daemon->loop, &z->counters.timer);
	z->counters.timer.data = z;
}

static bool is_asked(const struct zone *z, uint32_t device)
{
	const struct zone_counters_wish *wish = z->counters.wishes;

	while (wish && wish->device != device) {
		wish = wish->next;
	}
	return wish != NULL;
}

/* --------------------------------------------------------------- the answer */

static void add(struct json_object *json, const char *key, uint64_t value)
{
	json_object_object_add(json, key, json_object_new_uint64(value));
}

/* What passes a TAP its counters know, whoever moves it. */
static void add_tap(const struct zone *z, uint32_t index,
		    struct json_object *json)
{
	const struct zone_device *device = &z->running_def->devices[index];
	struct net_tap_counters tap;

	if (device->type != ZONE_DEVICE_NET || device->user ||
	    net_tap_counters((uint32_t)z->id,
			     io_resource_net_number(z->running_def, index),
			     &tap) != 0) {
		return;
	}
	add(json, "rx-packets", tap.rx_packets);
	add(json, "rx-bytes", tap.rx_bytes);
	add(json, "tx-packets", tap.tx_packets);
	add(json, "tx-bytes", tap.tx_bytes);
}

void zone_counters_told(struct io_process *io, uint32_t index,
			struct json_object *counters)
{
	struct zone *z = zone_of(io);

	/* Nobody else's question costs one to the kernel. */
	if (is_asked(z, index)) {
		add_tap(z, index, counters);
	}
	while (answer(z, index, counters, NULL)) {}
	json_object_put(counters);
}

/* -------------------------------------------------------------- the request */

/* First come, first served; no more than all clients may have under way. */
static void add_wish(struct zone *z, struct zone_counters_wish *wish)
{
	struct zone_counters_wish **place = &z->counters.wishes;

	while (*place) {
		place = &(*place)->next;
	}
	*place = wish;
}

int zone_counters_ask(struct zone *z, uint32_t index, zone_counters_cb told,
		      void *user)
{
	struct zone_counters_wish *wish = malloc(sizeof(*wish));

	if (!wish ||
	    (!is_asked(z, index) &&
	     io_process_device_command(&z->io, "counters",
				       &z->running_def->devices[index]) < 0)) {
		free(wish);
		return -1;
	}
	if (!z->counters.wishes) {
		uv_timer_start(&z->counters.timer, on_no_answer, COUNTERS_MS,
			       0);
	}
	*wish = (struct zone_counters_wish){ NULL, told, user, index };
	add_wish(z, wish);
	return 0;
}

static void answer_call(void *user, struct json_object *counters,
			const struct zerror *error)
{
	struct json_object *result;

	if (error) {
		rpc_fail(user, error);
		return;
	}
	result = json_object_new_object();
	json_object_object_add(result, "counters", json_object_get(counters));
	rpc_result(user, result);
}

void zone_device_counters(struct zone *z, const char *name,
			  struct rpc_call *call)
{
	const struct zone_device *device = zone_device_to_ask(z, name, call);
	struct zerror error;

	if (!device) {
		return;
	}
	if (zone_counters_ask(z, (uint32_t)(device - z->running_def->devices),
			      answer_call, call) < 0) {
		zerror_set(&error, ZERROR_INTERNAL, NULL, "try again",
			   "the I/O process of %s cannot be told", z->name);
		rpc_fail(call, &error);
	}
}
