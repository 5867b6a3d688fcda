/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes of a device's members, of a zone that runs or only of its definition.
 *
 *   runs:      IO_SET (hvd-io does it) -> SET (job: it is recorded) -> answered
 *   does not:  the definition is stored -> answered
 *
 * What hvd-io has done is in running_def at once, so that its successor is told
 * the same; the definition follows when it is on disk.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "rpc.h"
#include "zone_internal.h"

#define SET_MS 10000u /* for an I/O process to do it */

static struct zone *zone_of(struct io_process *io)
{
	return (struct zone *)((char *)io - offsetof(struct zone, io));
}

/* ----------------------------------------------------------------- its end */

static void forget(struct zone *z)
{
	json_object_put(z->set.changes);
	z->set.changes = NULL;
	zone_def_destroy(z->set.def);
	z->set.def = NULL;
	uv_timer_stop(&z->set.timer);
}

static void end(struct zone *z, const struct zerror *error)
{
	struct rpc_call *call = z->set.call;

	z->set.call = NULL;
	forget(z);
	job_end(z, JOB_SET, error);
	if (z->step == ZONE_STEP_IO_SET || z->step == ZONE_STEP_SET) {
		z->step = ZONE_STEP_NONE;
	}
	if (call && error) {
		rpc_fail(call, error);
	} else if (call) {
		rpc_result(call, NULL);
	}
}

bool zone_set_is_under_way(const struct zone *z)
{
	return z->set.changes != NULL;
}

void zone_set_abandon(struct zone *z, const char *why)
{
	struct zerror error;

	/* A job that is under way comes back to zone_after_set(). */
	if (z->step != ZONE_STEP_IO_SET) {
		return;
	}
	zerror_set(&error, ZERROR_IO_ERROR, NULL, "try again in a moment",
		   "%s: %s", z->name, why);
	end(z, &error);
	/* what happened meanwhile */
	zone_check(z);
}

void zone_set_stop(struct zone *z)
{
	struct zerror error;

	zerror_set(&error, ZERROR_INVALID_STATE, NULL, NULL,
		   "%s: hvd is stopping", z->name);
	end(z, &error);
}

static void on_no_answer(uv_timer_t *timer)
{
	struct zone *z = timer->data;
	struct zerror error;

	zerror_set(&error, ZERROR_TIMEOUT, NULL,
		   "try again: it is being replaced",
		   "%s: its I/O process does not answer", z->name);
	/* Whether it did it is unknown; the next one is told the old state. */
	io_process_replace(&z->io, "did not set a device in time");
	end(z, &error);
	zone_check(z);
}

/* ------------------------------------------------------------ hvd-io answers */

void zone_set_refused(struct io_process *io, uint32_t index, const char *why)
{
	struct zone *z = zone_of(io);
	struct zerror error;

	if (z->step != ZONE_STEP_IO_SET || index != z->set.device) {
		return;
	}
	zerror_set(&error, ZERROR_IO_ERROR, NULL, NULL, "%s: %s: %.160s",
		   z->name, z->running_def->devices[index].name, why);
	end(z, &error);
	zone_check(z);
}

void zone_set_done(struct io_process *io, uint32_t index)
{
	struct zone *z = zone_of(io);
	struct zerror error;

	if (z->step != ZONE_STEP_IO_SET || index != z->set.device ||
	    --z->set.answers > 0) {
		return;
	}
	uv_timer_stop(&z->set.timer);
	/* It went well with a copy, and does not allocate. */
	(void)zone_def_change_device(z->running_def,
				     z->running_def->devices[index].name,
				     z->set.changes, &error);
	if (zone_job_start(z, ZONE_STEP_SET) < 0) {
		zerror_set(&error, ZERROR_INTERNAL, NULL,
			   "it lasts until the zone stops: try again",
			   "hvd: out of memory");
		end(z, &error);
		zone_check(z);
	}
}

void zone_after_set(struct zone *z, struct zone_job *job)
{
	struct zerror *error = zone_job_error(job, "recording the change");

	if (!error && z->set.def) {
		zone_def_destroy(z->def);
		z->def = z->set.def;
		z->set.def = NULL;
		z->generation++;
	}
	event_publish_device(&z->daemon->events, z,
			     z->running_def->devices[z->set.device].name,
			     "changed", NULL);
	if (error) {
		snprintf(error->hint, sizeof(error->hint), "%s",
			 "the zone has changed, its definition has not: free "
			 "some space, and set it again");
	}
	end(z, error);
}

/* --------------------------------------------------------------- the request */

static int wrong_state(const struct zone *z, struct zerror *ret_error)
{
	if (z->state == ZONE_RUNNING || z->state == ZONE_PAUSED) {
		return z->running_def
			       ? 0
			       : zerror_set(ret_error, ZERROR_UNSUPPORTED, NULL,
					    "stop it, and start it again",
					    "%s: its devices are unknown",
					    z->name);
	}
	if (z->state == ZONE_DEFINED) {
		return 0;
	}
	return zerror_set(ret_error, ZERROR_INVALID_STATE, NULL,
			  z->state == ZONE_CRASHED || z->state == ZONE_PRESERVED
				  ? "destroy or start it: both clean up"
				  : "wait until that is over",
			  "%s is %s", z->name, zone_fsm_name(z->state));
}

static int is_busy(const struct zone *z, struct zerror *ret_error)
{
	if (z->step == ZONE_STEP_NONE && !z->job && !z->storing &&
	    !z->resize.call) {
		return 0;
	}
	return zerror_set(ret_error, ZERROR_BUSY, NULL, "try again in a moment",
			  "another operation on %s is under way", z->name);
}

/* A copy with the changes.  NULL: they are not possible, or no memory. */
static struct zone_def *changed(const struct zone_def *def, const char *device,
				struct json_object *changes,
				struct zerror *ret_error)
{
	struct zone_def *copy = zone_def_copy(def);

	if (!copy) {
		zerror_set(ret_error, ZERROR_INTERNAL, NULL, NULL,
			   "hvd: out of memory");
		return NULL;
	}
	if (zone_def_change_device(copy, device, changes, ret_error) < 0) {
		/* They come from a request here, not from a definition. */
		if (ret_error->code == ZERROR_INVALID_DEFINITION) {
			ret_error->code = ZERROR_INVALID_PARAMS;
		}
		zone_def_destroy(copy);
		return NULL;
	}
	return copy;
}

/* The definition may be another one by now, without such a device. */
static bool is_defined(const struct zone *z, const struct zone_device *device)
{
	const struct zone_device *defined =
		z->def ? zone_def_device(z->def, device->name) : NULL;

	return defined && defined->type == device->type;
}

static int tell_io(struct zone *z, const struct zone_device *device,
		   struct json_object *changes, struct zerror *ret_error)
{
	struct io_process_changes which = {
		.link = json_object_object_get_ex(changes, "link", NULL),
		.mtu = json_object_object_get_ex(changes, "mtu", NULL),
		.limits = json_object_object_get_ex(changes, "limits", NULL),
		.mode = json_object_object_get_ex(changes, "width", NULL) ||
			json_object_object_get_ex(changes, "height", NULL),
	};

	if (z->io.state != IO_READY) {
		return zerror_set(
			ret_error, ZERROR_BUSY, NULL, "try again in a moment",
			"the I/O process of %s is being started", z->name);
	}
	z->set.answers = which.mode ? device->gpu.heads : 1;
	return io_process_set_device(&z->io, device, &which) == 0
		       ? 0
		       : zerror_set(ret_error, ZERROR_INTERNAL, NULL,
				    "try again",
				    "the I/O process of %s cannot be told",
				    z->name);
}

/* -1: z->set.def may be there. */
static int set_running(struct zone *z, const char *name,
		       struct json_object *changes, struct zerror *ret_error)
{
	struct zone_def *copy =
		changed(z->running_def, name, changes, ret_error);
	const struct zone_device *device;
	int rc = -1;

	if (!copy) {
		return -1;
	}
	device = zone_def_device(copy, name);
	z->set.device = (uint32_t)(device - copy->devices);
	if (is_defined(z, device)) {
		z->set.def = changed(z->def, name, changes, ret_error);
	}
	if (!is_defined(z, device) || z->set.def) {
		rc = tell_io(z, device, changes, ret_error);
	}
	zone_def_destroy(copy);
	return rc;
}

void zone_set_device(struct zone *z, const char *name,
		     struct json_object *changes, struct rpc_call *call)
{
	struct zone_def *def;
	struct zerror error;

	if (wrong_state(z, &error) < 0 || is_busy(z, &error) < 0) {
		rpc_fail(call, &error);
		return;
	}
	if (!z->running_def) {
		def = changed(z->def, name, changes, &error);
		if (def) {
			zone_store_changed(z, def, name, call);
		} else {
			rpc_fail(call, &error);
		}
		return;
	}
	if (set_running(z, name, changes, &error) < 0) {
		forget(z);
		rpc_fail(call, &error);
		return;
	}
	job_begin(z, JOB_SET, call);
	z->set.call = call;
	z->set.changes = json_object_get(changes);
	z->step = ZONE_STEP_IO_SET;
	uv_timer_start(&z->set.timer, on_no_answer, SET_MS, 0);
}
