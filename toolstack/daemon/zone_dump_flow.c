/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dumping a zone: what it means for its state.  A zone that runs is paused
 * meanwhile, or, if it is to go on running, while its registers are read.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc.h"
#include "zone_dump.h"
#include "zone_internal.h"

static int wrong_state(const struct zone *z, struct zerror *ret_error)
{
	switch (z->state) {
	case ZONE_RUNNING:
	case ZONE_PAUSED:
	case ZONE_CRASHED:
	case ZONE_PRESERVED:
		break;
	default:
		return zerror_set(ret_error, ZERROR_INVALID_STATE, NULL,
				  z->state == ZONE_DEFINED
					  ? "only one that is there has memory"
					  : "wait until that is over",
				  "%s is %s", z->name,
				  z->state == ZONE_DEFINED
					  ? "not running"
					  : zone_fsm_name(z->state));
	}
	if (z->step == ZONE_STEP_NONE && !z->job && z->control_fd >= 0) {
		return 0;
	}
	return zerror_set(ret_error, ZERROR_BUSY, NULL, "try again in a moment",
			  "another operation on %s is under way", z->name);
}

static int on_cancel(void *arg, struct rpc_call *call, struct zerror *ret_error)
{
	(void)call;
	return zone_cancel(arg, JOB_DUMP, ret_error);
}

static struct zone_dump *make_dump(const struct zone *z, const char *path,
				   bool live, bool force)
{
	struct zone_dump *d = calloc(1, sizeof(*d));

	if (d) {
		snprintf(d->path, sizeof(d->path), "%s", path);
		d->live = live;
		d->force = force;
		d->runs = z->state == ZONE_RUNNING;
		d->file = (struct dump_file)DUMP_FILE_NONE;
	}
	return d;
}

void zone_dump_to(struct zone *z, const char *path, bool live, bool force,
		  struct rpc_call *call)
{
	struct zerror error;

	if (wrong_state(z, &error) < 0) {
		rpc_fail(call, &error);
		return;
	}
	z->dump = make_dump(z, path, live, force);
	if (z->dump) {
		z->dump->call = call;
	}
	if (!z->dump || zone_job_start(z, ZONE_STEP_DUMP) < 0) {
		free(z->dump);
		z->dump = NULL;
		zerror_set(&error, ZERROR_INTERNAL, NULL, NULL,
			   "hvd: out of memory");
		rpc_fail(call, &error);
		return;
	}
	z->cancel_wanted = false;
	rpc_call_on_cancel(call, on_cancel, z);
	job_begin(z, JOB_DUMP, call);
	z->job->job_id = z->jobs[JOB_SLOT_LIFE].id;
}

/* What its first slice has done, and its last one undone. */
static void follow(struct zone *z)
{
	if (z->dump->paused && z->state == ZONE_RUNNING) {
		zone_enter(z, ZONE_EVENT_PAUSE);
		zone_publish(z, "paused", "while its memory is dumped");
	} else if (z->dump->runs && !z->dump->paused &&
		   z->state == ZONE_PAUSED) {
		zone_enter(z, ZONE_EVENT_RESUME);
		zone_publish(z, "resumed", NULL);
	}
}

bool zone_dump_goes_on(struct zone *z)
{
	follow(z);
	z->dump->named = z->dump->complete && z->dump->file.fd < 0;
	return !z->dump->over;
}

static struct json_object *result_of(const struct zone_dump *d)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "size",
			       json_object_new_uint64(d->head.file_size));
	json_object_object_add(json, "written",
			       json_object_new_uint64(d->written));
	return json;
}

void zone_after_dump(struct zone *z, struct zone_job *job)
{
	struct zone_dump *d = z->dump;
	struct zerror *error = job->error.code ? &job->error : NULL;

	z->cancel_wanted = false;
	if (error && error->code == ZERROR_CANCELLED && z->destroy_wanted) {
		zerror_set(error, ZERROR_INVALID_STATE, NULL, NULL,
			   "%s: it was destroyed", z->name);
	}
	z->dump = NULL;
	z->resume_recorded = job->resume_recorded;
	z->step = ZONE_STEP_NONE;
	job_end(z, JOB_DUMP, error);
	if (error) {
		rpc_fail(d->call, error);
	} else {
		rpc_result(d->call, result_of(d));
	}
	free(d->head.data);
	free(d);
}
