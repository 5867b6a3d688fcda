/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What describes a zone (struct zone_about) is the zone's, not its run's: what runs
 * always says the same as the definition, if there is one.
 *
 *   runs, nothing else under way: DESCRIBE (job: its record, then the definition)
 *   else: the definition is stored (zone_store.c), and what runs follows in memory
 *
 * The record of a run matters when the zone is, or becomes, transient; a later
 * daemon has what describes the others from their definitions.
 */
#include <json-c/json.h>

#include "log.h"
#include "rpc.h"
#include "zone_internal.h"

void zone_about_follow(struct zone *z)
{
	struct zone_about about;

	if (!z->def || !z->running_def ||
	    zone_about_equal(&z->def->about, &z->running_def->about)) {
		return;
	}
	if (!zone_about_copy(&z->def->about, &about)) {
		log_warning("%s: out of memory: it is described as before",
			    z->name);
		return;
	}
	zone_about_clear(&z->running_def->about);
	z->running_def->about = about;
}

static void publish_change(void *arg, const char *what)
{
	zone_publish(arg, "described", what);
}

void zone_about_publish(struct zone *z, const struct zone_about *before,
			const struct zone_about *now)
{
	zone_about_changes(before, now, publish_change, z);
}

static bool can_record(const struct zone *z)
{
	return z->running_def && z->control_fd >= 0 && !z->job &&
	       z->step == ZONE_STEP_NONE;
}

/* A copy of what it runs with, described as by def.  NULL: out of memory. */
static struct zone_def *running_as(const struct zone *z,
				   const struct zone_def *def)
{
	struct zone_def *copy = zone_def_copy(z->running_def);

	if (!copy) {
		return NULL;
	}
	zone_about_clear(&copy->about);
	if (!zone_about_copy(&def->about, &copy->about)) {
		zone_def_destroy(copy);
		return NULL;
	}
	return copy;
}

static void forget(struct zone *z)
{
	zone_def_destroy(z->describe.running);
	zone_def_destroy(z->describe.def);
	z->describe.running = z->describe.def = NULL;
	z->describe.call = NULL;
	z->storing = false;
}

bool zone_describe_with(struct zone *z, struct zone_def *def, bool keep,
			struct rpc_call *call)
{
	struct zerror error;

	if (!can_record(z) ||
	    zone_about_equal(&def->about, &z->running_def->about)) {
		return false;
	}
	z->describe.running = running_as(z, def);
	z->describe.call = call;
	z->storing = true;
	if (keep) {
		z->describe.def = def;
	} else {
		zone_def_destroy(def);
	}
	if (!z->describe.running || zone_job_start(z, ZONE_STEP_DESCRIBE) < 0) {
		forget(z);
		zerror_set(&error, ZERROR_INTERNAL, NULL, NULL,
			   "hvd: out of memory");
		rpc_fail(call, &error);
	}
	return true;
}

void zone_after_describe(struct zone *z, struct zone_job *job)
{
	struct zerror *error = zone_job_error(job, "recording the change");
	struct rpc_call *call = z->describe.call;
	struct zone_about about;
	bool is_new;

	z->step = ZONE_STEP_NONE;
	if (error) {
		forget(z);
		rpc_fail(call, error);
		return;
	}
	zone_about_publish(z, &z->running_def->about,
			   &z->describe.running->about);
	is_new = z->describe.def && !z->def;
	about = z->running_def->about;
	z->running_def->about = z->describe.running->about;
	z->describe.running->about = about;
	if (z->describe.def) {
		zone_def_destroy(z->def);
		z->def = z->describe.def;
		z->describe.def = NULL;
		z->generation++;
	}
	forget(z);
	zone_publish(z, "defined", is_new ? NULL : "changed");
	rpc_result(call, zone_defined_result(z));
}

struct zone_def *zone_describe_prepare(struct zone *z,
				       struct json_object *changes,
				       struct zerror *ret_error)
{
	const struct zone_def *now = z->def ? z->def : z->running_def;
	struct zone_def *def;

	if (!now) {
		zerror_set(ret_error, ZERROR_INVALID_STATE, NULL,
			   "define it first", "%s has no definition", z->name);
		return NULL;
	}
	if (z->storing || zone_set_is_under_way(z) ||
	    (!z->def && !can_record(z))) {
		zerror_set(ret_error, ZERROR_BUSY, NULL,
			   "try again in a moment",
			   "another operation on %s is under way", z->name);
		return NULL;
	}
	def = zone_def_copy(now);
	if (!def) {
		zerror_set(ret_error, ZERROR_INTERNAL, NULL, NULL,
			   "hvd: out of memory");
		return NULL;
	}
	if (zone_def_describe(def, changes, ret_error) < 0) {
		/* They come from a request here, not from a definition. */
		if (ret_error->code == ZERROR_INVALID_DEFINITION) {
			ret_error->code = ZERROR_INVALID_PARAMS;
		}
		zone_def_destroy(def);
		return NULL;
	}
	return def;
}

void zone_describe(struct zone *z, struct zone_def *def, struct rpc_call *call)
{
	if (z->def) {
		zone_define(z, def, call);
	} else if (!zone_describe_with(z, def, false, call)) {
		zone_def_destroy(def);
		rpc_result(call, zone_defined_result(z));
	}
}
