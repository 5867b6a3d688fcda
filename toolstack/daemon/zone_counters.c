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
	struct rpc_call *call;
	uint32_t device;
};

static struct zone *zone_of(struct io_process *io)
{
	return (struct zone *)((char *)io - offsetof(struct zone, io));
}

/* Takes a wish about the device off the list; NULL: there is none. */
static struct rpc_call *take(struct zone *z, uint32_t device)
{
	struct zone_counters_wish **place = &z->counters.wishes;
	struct zone_counters_wish *wish;
	struct rpc_call *call;

	while (*place && (*place)->device != device) {
		place = &(*place)->next;
	}
	wish = *place;
	if (!wish) {
		return NULL;
	}
	*place = wish->next;
	call = wish->call;
	free(wish);
	if (!z->counters.wishes) {
		uv_timer_stop(&z->counters.timer);
	}
	return call;
}

void zone_counters_fail(struct zone *z, const struct zerror *error)
{
	while (z->counters.wishes) {
		rpc_fail(take(z, z->counters.wishes->device), error);
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
	struct rpc_call *call;

	/* Nobody else's question costs one to the kernel. */
	if (is_asked(z, index)) {
		add_tap(z, index, counters);
	}
	while ((call = take(z, index)) != NULL) {
		struct json_object *result = json_object_new_object();

		json_object_object_add(result, "counters",
				       json_object_get(counters));
		rpc_result(call, result);
	}
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

void zone_device_counters(struct zone *z, const char *name,
			  struct rpc_call *call)
{
	const struct zone_device *device = zone_device_to_ask(z, name, call);
	struct zone_counters_wish *wish;
	struct zerror error;
	uint32_t index;

	if (!device) {
		return;
	}
	index = (uint32_t)(device - z->running_def->devices);
	wish = malloc(sizeof(*wish));
	if (!wish ||
	    (!is_asked(z, index) &&
	     io_process_device_command(&z->io, "counters", device) < 0)) {
		free(wish);
		zerror_set(&error, ZERROR_INTERNAL, NULL, "try again",
			   "the I/O process of %s cannot be told", z->name);
		rpc_fail(call, &error);
		return;
	}
	if (!z->counters.wishes) {
		uv_timer_start(&z->counters.timer, on_no_answer, COUNTERS_MS,
			       0);
	}
	*wish = (struct zone_counters_wish){ NULL, call, index };
	add_wish(z, wish);
}
