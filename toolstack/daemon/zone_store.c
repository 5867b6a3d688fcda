/* SPDX-License-Identifier: BSD-2-Clause */
/* Definitions come and go: written by a job, in force when they are on disk. */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc.h"
#include "store.h"
#include "zone_internal.h"

struct store_job {
	uv_work_t work;
	struct zone *zone;
	struct zone
		*to; /* gets def, which is zone's with a new name; NULL: none */
	struct rpc_call *call;
	struct zone_def *def; /* NULL: remove */
	char *text;
	char device[ZONE_DEF_DEVICE_NAME_MAX]; /* what changes; empty: all */
	char name[ZV_NAME_MAX];
	char new_name[ZV_NAME_MAX];
	char dir[PATH_MAX];
	int rc;
	struct zerror error;
};

static void on_store_work(uv_work_t *work)
{
	struct store_job *job = work->data;

	if (job->to) {
		job->rc = store_rename(job->dir, job->name, job->new_name,
				       job->text, &job->error);
	} else if (job->text) {
		job->rc =
			store_save(job->dir, job->name, job->text, &job->error);
	} else {
		job->rc = store_remove(job->dir, job->name, &job->error);
	}
}

struct json_object *zone_defined_result(const struct zone *z)
{
	struct json_object *json = json_object_new_object();
	char uuid[UUID_TEXT_SIZE];

	uuid_format(z->uuid, uuid);
	json_object_object_add(json, "name", json_object_new_string(z->name));
	json_object_object_add(json, "uuid", json_object_new_string(uuid));
	json_object_object_add(json, "generation",
			       json_object_new_uint64(z->generation));
	return json;
}

/* To those who keep lists of zones, one went and one came. */
static void publish_renamed(struct zone *z, struct zone *to)
{
	char text[ZV_NAME_MAX + 16];

	snprintf(text, sizeof(text), "renamed to %s", to->name);
	zone_publish(z, "undefined", text);
	snprintf(text, sizeof(text), "renamed from %s", z->name);
	zone_publish(to, "defined", text);
}

static void renamed(struct zone *z, struct store_job *job)
{
	struct zone *to = job->to;

	to->def = job->def;
	job->def = NULL;
	to->generation = z->generation + 1;
	memcpy(to->uuid, z->uuid, sizeof(to->uuid));
	snprintf(to->reason, sizeof(to->reason), "%s", z->reason);
	zone_autostart_moved(z, to);
	zone_def_destroy(z->def);
	z->def = NULL;
	publish_renamed(z, to);
	rpc_result(job->call, zone_defined_result(to));
}

static void stored(struct zone *z, struct store_job *job)
{
	bool changed;

	if (job->to) {
		renamed(z, job);
		return;
	}
	changed = z->def;
	if (z->def && job->def) {
		zone_about_publish(z, &z->def->about, &job->def->about);
	}
	zone_def_destroy(z->def);
	z->def = job->def;
	job->def = NULL;
	zone_about_follow(z);
	if (job->device[0]) {
		z->generation++;
		event_publish_device(&z->daemon->events, z, job->device,
				     "changed", NULL);
		rpc_result(job->call, NULL);
	} else if (z->def) {
		z->generation++;
		memcpy(z->uuid, z->def->uuid, sizeof(z->uuid));
		zone_publish(z, "defined", changed ? "changed" : NULL);
		rpc_result(job->call, zone_defined_result(z));
	} else {
		zone_publish(z, "undefined",
			     z->state == ZONE_DEFINED
				     ? NULL
				     : "it goes on as a transient zone");
		rpc_result(job->call, NULL);
	}
}

static void on_store_done(uv_work_t *work, int status)
{
	struct store_job *job = work->data;
	struct zone *z = job->zone;
	struct zone *to = job->to;

	(void)status;
	z->storing = z->moving = false;
	if (to) {
		to->storing = false;
	}
	if (job->rc < 0) {
		rpc_fail(job->call, &job->error);
		zone_autostart_moved(z, z);
	} else {
		stored(z, job);
	}
	zone_def_destroy(job->def);
	free(job->text);
	free(job);
	if (z->daemon->stopping) {
		zone_close_all(z->daemon);
		return;
	}
	zone_reap(z);
	if (to) {
		zone_reap(to);
	}
}

/* Takes def and text over.  device: "" if all of it may be new. */
static void store(struct zone *z, struct zone *to, struct zone_def *def,
		  char *text, const char *device, struct rpc_call *call)
{
	struct store_job *job = calloc(1, sizeof(*job));
	struct zerror error;

	if (!job || (def && !text)) {
		zerror_set(&error, ZERROR_INTERNAL, NULL, NULL,
			   "hvd: out of memory");
		rpc_fail(call, &error);
		zone_def_destroy(def);
		free(text);
		free(job);
		zone_reap(z);
		if (to) {
			zone_reap(to);
		}
		return;
	}
	job->work.data = job;
	job->zone = z;
	job->to = to;
	job->call = call;
	job->def = def;
	job->text = text;
	snprintf(job->device, sizeof(job->device), "%s", device);
	snprintf(job->name, sizeof(job->name), "%s", z->name);
	snprintf(job->dir, sizeof(job->dir), "%s", z->daemon->zones_dir);
	z->storing = true;
	if (to) {
		snprintf(job->new_name, sizeof(job->new_name), "%s", to->name);
		z->moving = to->storing = true;
	}
	uv_queue_work(&z->daemon->loop, &job->work, on_store_work,
		      on_store_done);
}

static bool is_storing(struct zone *z, struct rpc_call *call)
{
	struct zerror error;

	if (!z->storing && !zone_set_is_under_way(z)) {
		return false;
	}
	zerror_set(&error, ZERROR_BUSY, NULL, "try again in a moment",
		   "the definition of %s is being changed", z->name);
	rpc_fail(call, &error);
	return true;
}

void zone_define(struct zone *z, struct zone_def *def, struct rpc_call *call)
{
	struct zone_record record = {
		.def = def,
		.generation = z->generation + 1,
	};

	if (is_storing(z, call)) {
		zone_def_destroy(def);
		return;
	}
	if (!zone_describe_with(z, def, true, call)) {
		store(z, NULL, def, zone_record_text(&record), "", call);
	}
}

void zone_store_changed(struct zone *z, struct zone_def *def,
			const char *device, struct rpc_call *call)
{
	struct zone_record record = {
		.def = def,
		.generation = z->generation + 1,
	};

	store(z, NULL, def, zone_record_text(&record), device, call);
}

void zone_undefine(struct zone *z, struct rpc_call *call)
{
	struct zerror error;

	if (is_storing(z, call)) {
		return;
	}
	if (!z->def) {
		zerror_set(&error, ZERROR_INVALID_STATE, NULL,
			   "it will be gone once it is shut off or destroyed",
			   "%s has no definition: it is transient", z->name);
		rpc_fail(call, &error);
		return;
	}
	store(z, NULL, NULL, NULL, "", call);
}

/*
 * As another zone: no name changes under whoever uses it, and that one keeps the
 * new name from others until the file has it.
 */
void zone_rename(struct zone *z, const char *new_name, struct rpc_call *call)
{
	struct zone_record record = { .generation = z->generation + 1 };
	struct zone *to;
	struct zerror error;

	if (z->state != ZONE_DEFINED) {
		zerror_set(&error, ZERROR_INVALID_STATE, NULL,
			   "shut it down first",
			   "%s is %s: only a zone that is shut off can get "
			   "another name",
			   z->name, zone_fsm_name(z->state));
		rpc_fail(call, &error);
		return;
	}
	if (is_storing(z, call)) {
		return;
	}
	record.def = zone_def_copy(z->def);
	to = record.def ? zone_create(z->daemon, new_name) : NULL;
	if (!to) {
		zerror_set(&error, ZERROR_INTERNAL, NULL, NULL,
			   "hvd: out of memory");
		rpc_fail(call, &error);
		zone_def_destroy(record.def);
		return;
	}
	snprintf(record.def->name, sizeof(record.def->name), "%s", new_name);
	snprintf(record.renamed_from, sizeof(record.renamed_from), "%s",
		 z->name);
	store(z, to, record.def, zone_record_text(&record), "", call);
}
