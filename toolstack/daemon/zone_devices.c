/* SPDX-License-Identifier: BSD-2-Clause */
/* A zone's virtio devices: how they are, and what can be asked of one. */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "net_tap.h"
#include "rpc.h"
#include "zone_internal.h"

#define RESIZE_MS 10000u /* for an I/O process to look at a size */

/*
 * What is told of one zone's devices: each may have one burst of errors.  More
 * would drive what others want to know out of the history and the log.
 */
#define NEWS_MAX ZONE_DEF_DEVICES_MAX
#define NEWS_MS 10000u /* in so much time */

_Static_assert(ZONE_DEF_DEVICES_MAX <= 32, "a bit for each");

static struct zone *zone_of(struct io_process *io)
{
	return (struct zone *)((char *)io - offsetof(struct zone, io));
}

/* --------------------------------------------------------------- news */

static void tell_state(struct zone *z, uint32_t index)
{
	const struct device_status *status = &z->io.status[index];

	event_publish_device(&z->daemon->events, z,
			     z->running_def->devices[index].name,
			     device_state_name(status->state),
			     status->error[0] ? status->error : NULL);
}

static void tell_size(struct zone *z, uint32_t index)
{
	char reason[48];

	snprintf(reason, sizeof(reason), "%llu bytes",
		 (unsigned long long)z->io.status[index].size);
	event_publish_device(&z->daemon->events, z,
			     z->running_def->devices[index].name, "resized",
			     reason);
}

static void begin_news(struct zone *z);

/* How things are by now is told in the end. */
static void on_news_over(uv_timer_t *timer)
{
	struct zone *z = timer->data;
	unsigned int untold = z->news.untold;
	char reason[64];

	if (untold == 0) {
		return;
	}
	begin_news(z);
	snprintf(reason, sizeof(reason), "%u events of its devices", untold);
	zone_publish(z, "suppressed", reason);
	for (uint32_t i = 0; z->running_def && i < z->running_def->device_count;
	     i++) {
		if ((z->news.states & 1u << i) != 0) {
			z->news.told++;
			tell_state(z, i);
		}
		if ((z->news.sizes & 1u << i) != 0) {
			z->news.told++;
			tell_size(z, i);
		}
	}
	z->news.states = z->news.sizes = 0;
}

static void begin_news(struct zone *z)
{
	z->news.told = z->news.untold = 0;
	uv_timer_start(&z->news.timer, on_news_over, NEWS_MS, 0);
}

/* If not, it is noted in *untold for later. */
static bool may_tell(struct zone *z, uint32_t index, uint32_t *untold)
{
	if (!uv_is_active((uv_handle_t *)&z->news.timer)) {
		begin_news(z);
	}
	if (z->news.told < NEWS_MAX) {
		z->news.told++;
		return true;
	}
	z->news.untold++;
	*untold |= 1u << index;
	return false;
}

/* ------------------------------------------------------------- resize */

static void end_resize(struct zone *z, const struct zerror *error)
{
	struct rpc_call *call = z->resize.call;
	struct json_object *result;

	if (!call) {
		return;
	}
	z->resize.call = NULL;
	uv_timer_stop(&z->resize.timer);
	job_end(z, JOB_RESIZE, error);
	if (error) {
		rpc_fail(call, error);
		return;
	}
	result = json_object_new_object();
	json_object_object_add(
		result, "size",
		json_object_new_uint64(z->io.status[z->resize.device].size));
	rpc_result(call, result);
}

static void on_no_answer(uv_timer_t *timer)
{
	struct zone *z = timer->data;
	struct zerror error;

	zerror_set(&error, ZERROR_TIMEOUT, NULL, "try again",
		   "%s: its I/O process does not answer", z->name);
	end_resize(z, &error);
}

void zone_devices_gone(struct io_process *io)
{
	struct zone *z = zone_of(io);
	struct zerror error;

	zerror_set(&error, ZERROR_IO_ERROR, NULL, "try again in a moment",
		   "%s: its I/O process ended meanwhile", z->name);
	z->news.states = z->news.sizes = 0;
	end_resize(z, &error);
	zone_counters_fail(z, &error);
	zone_keys_gone(z, &error);
	zone_set_abandon(z, "its I/O process ended meanwhile");
}

void zone_devices_refused(struct io_process *io, uint32_t index,
			  const char *why)
{
	struct zone *z = zone_of(io);
	struct zerror error;

	/* keys are of another device; of the others only one is under way at a time */
	zone_set_refused(io, index, why);
	zone_keys_refused(z, index, why);
	if (index == z->resize.device) {
		zerror_set(&error, ZERROR_IO_ERROR, NULL, NULL,
			   "%s: the size of %s: %.160s", z->name,
			   z->running_def->devices[index].name, why);
		end_resize(z, &error);
	}
}

void zone_devices_resized(struct io_process *io, uint32_t index, bool changed)
{
	struct zone *z = zone_of(io);

	if (changed && may_tell(z, index, &z->news.sizes)) {
		tell_size(z, index);
	}
	if (index == z->resize.device) {
		end_resize(z, NULL);
	}
}

/* ------------------------------------------------------------- status */

void zone_devices_changed(struct io_process *io, uint32_t index)
{
	struct zone *z = zone_of(io);

	if (may_tell(z, index, &z->news.states)) {
		tell_state(z, index);
	}
	if (z->running_def->devices[index].type == ZONE_DEVICE_GPU &&
	    io->status[index].state == DEVICE_ERROR) {
		display_process_replace(&z->display,
					"was not understood by the device");
	}
}

const char *zone_devices_user_of(struct io_process *io,
				 const struct io_resource *resource, bool dying)
{
	for (const struct zone *z = zone_of(io)->daemon->zones; z;
	     z = z->next) {
		const struct io_resources *theirs = &z->io.resources;

		if (&z->io == io || z->io.state == IO_NONE ||
		    (z->state == ZONE_DYING && !dying)) {
			continue;
		}
		for (uint32_t i = 0; i < theirs->count; i++) {
			if (io_resource_same(&theirs->item[i], resource) &&
			    (theirs->item[i].exclusive ||
			     resource->exclusive)) {
				return z->name;
			}
		}
	}
	return NULL;
}

/* ------------------------------------------------------------- network */

/* In user mode each is on a network of its own. */
static bool same_mac(const struct zone_device *a, const struct zone_device *b)
{
	return a->type == ZONE_DEVICE_NET && b->type == ZONE_DEVICE_NET &&
	       !a->user && !b->user && strcmp(a->bridge, b->bridge) == 0 &&
	       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
}

static int check_mac(const struct zone *z, const struct zone_def *def,
		     uint32_t index, struct zerror *ret_error)
{
	const struct zone_device *device = &def->devices[index];
	const struct zone_def *theirs = z->running_def;
	char path[ZERROR_PATH_MAX];

	for (uint32_t i = 0; theirs && i < theirs->device_count; i++) {
		if (!same_mac(&theirs->devices[i], device)) {
			continue;
		}
		zerror_path(path, "$.devices[%u].mac", index);
		return zerror_set(ret_error, ZERROR_BUSY, path,
				  "leave 'mac' out of the definition to get "
				  "one of its own, or stop that zone first",
				  "the address of %s is that of %s in zone %s, "
				  "on the bridge %s, too",
				  device->name, theirs->devices[i].name,
				  z->name, device->bridge);
	}
	return 0;
}

int zone_devices_check_macs(const struct zone *z, const struct zone_def *def,
			    struct zerror *ret_error)
{
	for (const struct zone *other = z->daemon->zones; other;
	     other = other->next) {
		for (uint32_t i = 0; other != z && i < def->device_count; i++) {
			if (check_mac(other, def, i, ret_error) < 0) {
				return -1;
			}
		}
	}
	return 0;
}

static bool same_port(const struct zone_forward *a,
		      const struct zone_forward *b)
{
	return a->udp == b->udp && a->port == b->port &&
	       (!a->address[0] || !b->address[0] ||
		strcmp(a->address, b->address) == 0);
}

static const struct zone_device *has_port(const struct zone_def *def,
					  const struct zone_forward *forward)
{
	for (uint32_t i = 0; def && i < def->device_count; i++) {
		const struct zone_device *device = &def->devices[i];

		for (uint32_t j = 0; j < device->forward_count; j++) {
			if (same_port(&device->forward[j], forward)) {
				return device;
			}
		}
	}
	return NULL;
}

static int check_forward(const struct zone *z, const struct zone_def *def,
			 uint32_t index, struct zerror *ret_error)
{
	const struct zone_device *device = &def->devices[index];
	char path[ZERROR_PATH_MAX];

	for (uint32_t i = 0; i < device->forward_count; i++) {
		const struct zone_device *other =
			has_port(z->running_def, &device->forward[i]);

		if (other) {
			zerror_path(path, "$.devices[%u].forward[%u].port",
				    index, i);
			return zerror_set(ret_error, ZERROR_BUSY, path,
					  "forward another port, or stop that "
					  "zone first",
					  "port %u of zone0 is forwarded to %s "
					  "of zone %s already",
					  device->forward[i].port, other->name,
					  z->name);
		}
	}
	return 0;
}

int zone_devices_check_forwards(const struct zone *z,
				const struct zone_def *def,
				struct zerror *ret_error)
{
	for (const struct zone *other = z->daemon->zones; other;
	     other = other->next) {
		for (uint32_t i = 0; other != z && i < def->device_count; i++) {
			if (check_forward(other, def, i, ret_error) < 0) {
				return -1;
			}
		}
	}
	return 0;
}

bool zone_devices_on_own_bridge(const struct zone_def *def)
{
	for (uint32_t i = 0; i < def->device_count; i++) {
		if (def->devices[i].type == ZONE_DEVICE_NET &&
		    strcmp(def->devices[i].bridge, NET_TAP_OWN_BRIDGE) == 0) {
			return true;
		}
	}
	return false;
}

bool zone_devices_need_bridge(const struct daemon *daemon, const struct zone *z)
{
	for (const struct zone *other = daemon->zones; other;
	     other = other->next) {
		if (other != z && other->running_def &&
		    zone_devices_on_own_bridge(other->running_def)) {
			return true;
		}
	}
	return false;
}

/* ------------------------------------------------------------ requests */

const struct zone_device *zone_device_to_ask(struct zone *z, const char *name,
					     struct rpc_call *call)
{
	const struct zone_device *device =
		z->running_def ? zone_def_device(z->running_def, name) : NULL;
	struct zerror error;

	if (!z->running_def) {
		zerror_set(&error, ZERROR_INVALID_STATE, NULL,
			   z->state == ZONE_DEFINED ? "start it first" : NULL,
			   "%s has no devices while it is %s", z->name,
			   zone_fsm_name(z->state));
	} else if (!device) {
		zerror_set(&error, ZERROR_INVALID_PARAMS, "$.device",
			   "list its devices to see their names (hvsh info)",
			   "%s has no device %.64s", z->name, name);
	} else if (z->io.state != IO_READY) {
		zerror_set(&error, ZERROR_BUSY, NULL, "try again in a moment",
			   "the I/O process of %s is being started", z->name);
	} else {
		return device;
	}
	rpc_fail(call, &error);
	return NULL;
}

/* Likewise. */
static const struct zone_device *get_disk(struct zone *z, const char *name,
					  struct rpc_call *call)
{
	const struct zone_device *device = zone_device_to_ask(z, name, call);
	struct zerror error;

	if (device && device->type != ZONE_DEVICE_DISK) {
		zerror_set(&error, ZERROR_UNSUPPORTED, "$.device", NULL,
			   "%s is no disk: its type is %s", device->name,
			   zone_def_device_type_name(device->type));
		rpc_fail(call, &error);
		return NULL;
	}
	return device;
}

static int command(struct zone *z, const struct zone_device *device,
		   const char *what, struct rpc_call *call)
{
	struct zerror error;

	if (io_process_device_command(&z->io, what, device) == 0) {
		return 0;
	}
	zerror_set(&error, ZERROR_INTERNAL, NULL, "try again",
		   "the I/O process of %s cannot be told", z->name);
	rpc_fail(call, &error);
	return -1;
}

void zone_resize_device(struct zone *z, const char *name, struct rpc_call *call)
{
	const struct zone_device *device = get_disk(z, name, call);
	struct zerror error;

	if (!device) {
		return;
	}
	if (zone_def_is_nbd(device)) {
		zerror_set(&error, ZERROR_UNSUPPORTED, "$.device",
			   "start the zone again to get the export's new size",
			   "an NBD server says once how large %s is",
			   device->name);
		rpc_fail(call, &error);
		return;
	}
	if (z->resize.call || zone_set_is_under_way(z)) {
		zerror_set(&error, ZERROR_BUSY, NULL, "try again in a moment",
			   "another change of a device of %s is under way",
			   z->name);
		rpc_fail(call, &error);
		return;
	}
	if (command(z, device, "resize", call) == 0) {
		job_begin(z, JOB_RESIZE, call);
		z->resize.call = call;
		z->resize.device = (uint32_t)(device - z->running_def->devices);
		uv_timer_start(&z->resize.timer, on_no_answer, RESIZE_MS, 0);
	}
}

void zone_resume_device(struct zone *z, const char *name, struct rpc_call *call)
{
	const struct zone_device *device = get_disk(z, name, call);
	struct zerror error;

	if (device && z->io.status[device - z->running_def->devices].lost) {
		zerror_set(&error, ZERROR_IO_ERROR, "$.device",
			   "start the NBD server: hvd looks for it and goes on",
			   "the NBD server of %s is gone", device->name);
		rpc_fail(call, &error);
	} else if (device && command(z, device, "resume", call) == 0) {
		rpc_result(call, NULL);
	}
}
