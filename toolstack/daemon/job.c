/* SPDX-License-Identifier: BSD-2-Clause */
#include "job.h"

#include <json-c/json.h>
#include <stdio.h>
#include <time.h>
#include <uv.h>

#include "daemon.h"
#include "zone_internal.h"

static const struct {
	const char *name;
	enum job_slot slot;
} kinds[JOB_KIND_COUNT] = {
	[JOB_START] = { "start", JOB_SLOT_LIFE },
	[JOB_SHUTDOWN] = { "shutdown", JOB_SLOT_LIFE },
	[JOB_REBOOT] = { "reboot", JOB_SLOT_LIFE },
	[JOB_RESET] = { "reset", JOB_SLOT_LIFE },
	[JOB_DESTROY] = { "destroy", JOB_SLOT_LIFE },
	[JOB_RESIZE] = { "resize", JOB_SLOT_DEVICE },
	[JOB_SET] = { "set", JOB_SLOT_DEVICE },
	[JOB_DUMP] = { "dump", JOB_SLOT_LIFE },
};

static void on_tell(uv_timer_t *timer);

static struct job *slot_of(struct zone *z, enum job_kind kind)
{
	return &z->jobs[kinds[kind].slot];
}

bool job_is(const struct zone *z, enum job_kind kind)
{
	const struct job *job = &z->jobs[kinds[kind].slot];

	return job->id != 0 && job->kind == kind;
}

/* What its step that is under way on another thread has done. */
static void look(struct zone *z, struct job *job)
{
	struct job_progress *now = z->job ? &z->job->progress : NULL;
	uint64_t total =
		now ? __atomic_load_n(&now->total, __ATOMIC_RELAXED) : 0;

	if (total != 0 && z->job->job_id == job->id) {
		job->progress.total = total;
		job->progress.done =
			__atomic_load_n(&now->done, __ATOMIC_RELAXED);
	}
}

/* --------------------------------------------------------------- JSON */

static void add_text(struct json_object *json, const char *key,
		     const char *text)
{
	json_object_object_add(json, key, json_object_new_string(text));
}

static void add_uint(struct json_object *json, const char *key, uint64_t value)
{
	json_object_object_add(json, key, json_object_new_uint64(value));
}

static struct json_object *progress_to_json(const struct job_progress *p)
{
	struct json_object *json = json_object_new_object();

	/* A file may have grown since its size was asked for. */
	add_uint(json, "done", p->done < p->total ? p->done : p->total);
	add_uint(json, "total", p->total);
	add_text(json, "unit", "bytes");
	return json;
}

static struct json_object *job_to_json(struct zone *z, struct job *job,
				       bool over)
{
	struct json_object *json = json_object_new_object();

	look(z, job);
	add_uint(json, "id", job->id);
	add_text(json, "kind", kinds[job->kind].name);
	add_text(json, "zone", z->name);
	add_text(json, "by", job->by);
	json_object_object_add(json, "since",
			       json_object_new_double(job->since));
	json_object_object_add(
		json, "cancellable",
		json_object_new_boolean(!over &&
					!zone_why_not_cancel(z, job->kind)));
	if (job->progress.total != 0) {
		json_object_object_add(json, "progress",
				       progress_to_json(&job->progress));
	}
	return json;
}

struct json_object *job_list(struct daemon *daemon)
{
	struct json_object *list = json_object_new_array();

	for (struct zone *z = daemon->zones; z; z = z->next) {
		for (int i = 0; i < JOB_SLOT_COUNT; i++) {
			if (z->jobs[i].id != 0) {
				json_object_array_add(
					list,
					job_to_json(z, &z->jobs[i], false));
			}
		}
	}
	return list;
}

/* ------------------------------------------------------------- events */

static void tell(struct zone *z, struct job *job, bool over, const char *event,
		 const char *reason)
{
	event_publish_job(&z->daemon->events, z, job_to_json(z, job, over),
			  event, reason);
	job->told = job->progress.done;
}

/* Stops by itself when there is nothing left to look at. */
static void on_tell(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;
	bool any = false;

	for (struct zone *z = daemon->zones; z; z = z->next) {
		for (int i = 0; i < JOB_SLOT_COUNT; i++) {
			struct job *job = &z->jobs[i];

			if (job->id == 0) {
				continue;
			}
			any = true;
			look(z, job);
			if (job->progress.done != job->told) {
				tell(z, job, false, "progress", NULL);
			}
		}
	}
	if (!any) {
		uv_timer_stop(timer);
	}
}

void job_look(struct zone *z)
{
	for (int i = 0; i < JOB_SLOT_COUNT; i++) {
		if (z->jobs[i].id != 0) {
			look(z, &z->jobs[i]);
		}
	}
}

/* ----------------------------------------------------- begin and end */

static void end(struct zone *z, struct job *job, const struct zerror *error)
{
	const char *event = !error			      ? "done"
			    : error->code == ZERROR_CANCELLED ? "cancelled"
							      : "failed";

	tell(z, job, true, event, error ? error->message : NULL);
	*job = (struct job){ 0 };
}

void job_begin(struct zone *z, enum job_kind kind, const struct rpc_call *call)
{
	struct job *job = slot_of(z, kind);
	struct daemon *daemon = z->daemon;
	struct zerror error;
	struct timespec now;

	if (job_is(z, kind)) {
		return;
	}
	if (job->id != 0) {
		zerror_set(&error, ZERROR_INVALID_STATE, NULL, NULL,
			   "%s: overtaken by %s", z->name, kinds[kind].name);
		end(z, job, &error);
	}
	clock_gettime(CLOCK_REALTIME, &now);
	*job = (struct job){
		.id = ++daemon->last_job,
		.kind = kind,
		.since = (double)now.tv_sec +
			 (double)(now.tv_nsec / 1000000) / 1e3,
	};
	if (call) {
		rpc_call_who(call, job->by);
	} else {
		snprintf(job->by, sizeof(job->by), "hvd");
	}
	tell(z, job, false, "begun", NULL);
	if (!uv_is_active((uv_handle_t *)&daemon->job_timer)) {
		uv_timer_start(&daemon->job_timer, on_tell, JOB_TELL_MS,
			       JOB_TELL_MS);
	}
}

void job_end(struct zone *z, enum job_kind kind, const struct zerror *error)
{
	if (job_is(z, kind)) {
		end(z, slot_of(z, kind), error);
	}
}

struct zone *job_find(struct daemon *daemon, uint64_t id,
		      enum job_kind *ret_kind)
{
	for (struct zone *z = daemon->zones; z; z = z->next) {
		for (int i = 0; i < JOB_SLOT_COUNT; i++) {
			if (z->jobs[i].id == id && id != 0) {
				*ret_kind = z->jobs[i].kind;
				return z;
			}
		}
	}
	return NULL;
}

void job_init(struct daemon *daemon)
{
	uv_timer_init(&daemon->loop, &daemon->job_timer);
	daemon->job_timer.data = daemon;
}

void job_close(struct daemon *daemon)
{
	uv_handle_t *timer = (uv_handle_t *)&daemon->job_timer;

	if (!uv_is_closing(timer)) {
		uv_close(timer, NULL);
	}
}
