// SPDX-License-Identifier: BSD-2-Clause
/* What is under way with a domain, and the dump, which takes a while. */
#include <json-c/json.h>
#include <libvirt/libvirt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "call.h"
#include "domain_state.h"
#include "json.h"
#include "procedures.h"
#include "typed_param.h"

#define DUMP_PATH_SIZE 4096

struct job_call {
	struct domain_ref ref;
	struct json_object *zone;
	void (*found)(struct call *call, struct json_object *job);
};

struct dump_call {
	struct domain_ref ref;
	char path[DUMP_PATH_SIZE];
	const char *then; /* method; NULL: it goes on */
};

static void free_job_call(void *state)
{
	struct job_call *jc = state;

	json_object_put(jc->zone);
	free(jc);
}

/* ----------------------------------------------------------------- jobs */

/* The zone's first job goes to found(), NULL if there is none. */
static void got_jobs(struct call *call, struct json_object *jobs)
{
	struct job_call *jc = call->state;
	struct json_object *found = NULL;

	for (size_t i = 0; i < json_object_array_length(jobs) && !found; i++) {
		struct json_object *job = json_object_array_get_idx(jobs, i);

		if (json_is(job, "zone", json_text(jc->zone, "name"))) {
			found = job;
		}
	}
	if (!found && !domain_is_active(jc->zone)) {
		call_error(call, VIR_ERR_OPERATION_INVALID,
			   "domain is not running");
		return;
	}
	jc->found(call, found);
}

/* Jobs are listed by the names of their zones. */
static void got_zone(struct call *call, struct json_object *zone)
{
	struct job_call *jc = call->state;

	jc->zone = json_object_get(zone);
	call_hvd(call, "job.list", NULL, got_jobs);
}

static void find_job(struct call *call, bool with_flags, uint32_t known,
		     void (*found)(struct call *call, struct json_object *job))
{
	struct job_call *jc = call_keep(call, sizeof(*jc), free_job_call);
	uint32_t flags = 0;

	if (!jc) {
		return;
	}
	jc->found = found;
	call_get_domain(call, &jc->ref);
	if (with_flags) {
		flags = xdr_get_u32(&call->args);
	}
	if (call_args_end(call) && call_only_flags(call, flags, known)) {
		call_hvd(call, "zone.get", domain_params(&jc->ref), got_zone);
	}
}

struct job_numbers {
	int type;
	uint64_t elapsed_ms;
	uint64_t total;
	uint64_t done;
};

static struct job_numbers numbers_of(struct json_object *job)
{
	struct job_numbers numbers = { .type = VIR_DOMAIN_JOB_NONE };
	struct timespec now;
	double elapsed;

	if (!job) {
		return numbers;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	elapsed = (double)now.tv_sec + (double)now.tv_nsec / 1e9 -
		  json_object_get_double(json_get(job, "since"));
	numbers.elapsed_ms = elapsed > 0 ? (uint64_t)(elapsed * 1e3) : 0;
	numbers.total = (uint64_t)json_number(job, "progress.total", 0);
	numbers.done = (uint64_t)json_number(job, "progress.done", 0);
	numbers.type = numbers.total ? VIR_DOMAIN_JOB_BOUNDED
				     : VIR_DOMAIN_JOB_UNBOUNDED;
	return numbers;
}

static uint64_t left_of(const struct job_numbers *numbers)
{
	return numbers->total > numbers->done ? numbers->total - numbers->done
					      : 0;
}

/* All that has progress is memory that is written to a file. */
static void put_info(struct call *call, struct json_object *job)
{
	struct job_numbers numbers = numbers_of(job);

	xdr_put_i32(&call->reply, numbers.type);
	xdr_put_u64(&call->reply, numbers.elapsed_ms);
	xdr_put_u64(&call->reply, 0); /* the time that it still takes */
	for (int i = 0; i < 2; i++) { /* all data; its memory */
		xdr_put_u64(&call->reply, numbers.total);
		xdr_put_u64(&call->reply, numbers.done);
		xdr_put_u64(&call->reply, left_of(&numbers));
	}
	for (int i = 0; i < 3; i++) { /* its disks */
		xdr_put_u64(&call->reply, 0);
	}
	call_reply(call);
}

static void job_info(struct call *call)
{
	find_job(call, false, 0, put_info);
}

static int operation_of(struct json_object *job)
{
	if (json_is(job, "kind", "start")) {
		return VIR_DOMAIN_JOB_OPERATION_START;
	}
	return json_is(job, "kind", "dump") ? VIR_DOMAIN_JOB_OPERATION_DUMP
					    : VIR_DOMAIN_JOB_OPERATION_UNKNOWN;
}

static void put_stats(struct call *call, struct json_object *job)
{
	struct job_numbers numbers = numbers_of(job);
	const struct {
		const char *field;
		uint64_t value;
	} rows[] = {
		{ VIR_DOMAIN_JOB_DATA_TOTAL, numbers.total },
		{ VIR_DOMAIN_JOB_DATA_PROCESSED, numbers.done },
		{ VIR_DOMAIN_JOB_DATA_REMAINING, left_of(&numbers) },
		{ VIR_DOMAIN_JOB_MEMORY_TOTAL, numbers.total },
		{ VIR_DOMAIN_JOB_MEMORY_PROCESSED, numbers.done },
		{ VIR_DOMAIN_JOB_MEMORY_REMAINING, left_of(&numbers) },
	};
	size_t count = numbers.total ? sizeof(rows) / sizeof(rows[0]) : 0;
	struct typed_list list;

	xdr_put_i32(&call->reply, numbers.type);
	typed_begin(&list, &call->reply);
	if (job) {
		typed_put_int(&list, VIR_DOMAIN_JOB_OPERATION,
			      operation_of(job));
		typed_put_ullong(&list, VIR_DOMAIN_JOB_TIME_ELAPSED,
				 numbers.elapsed_ms);
	}
	for (size_t i = 0; i < count; i++) {
		typed_put_ullong(&list, rows[i].field, rows[i].value);
	}
	typed_end(&list);
	call_reply(call);
}

static void job_stats(struct call *call)
{
	find_job(call, true, 0, put_stats);
}

static void put_control(struct call *call, struct json_object *job)
{
	struct job_numbers numbers = numbers_of(job);

	xdr_put_u32(&call->reply,
		    job ? VIR_DOMAIN_CONTROL_JOB : VIR_DOMAIN_CONTROL_OK);
	xdr_put_u32(&call->reply, 0); /* details of errors */
	xdr_put_u64(&call->reply, numbers.elapsed_ms);
	call_reply(call);
}

static void control_info(struct call *call)
{
	find_job(call, true, 0, put_control);
}

static void cancel(struct call *call, struct json_object *job)
{
	struct json_object *params;

	if (!job) {
		call_error(call, VIR_ERR_OPERATION_INVALID,
			   "no job is active on the domain");
		return;
	}
	params = json_object_new_object();
	json_put(params, "job",
		 json_object_new_int64(json_number(job, "id", 0)));
	call_hvd(call, "job.cancel", params, call_step_done);
}

static void abort_job(struct call *call)
{
	find_job(call, false, 0, cancel);
}

static void abort_job_flags(struct call *call)
{
	find_job(call, true, 0, cancel);
}

/* ---------------------------------------------------------------- dumps */

static void dumped(struct call *call, struct json_object *result)
{
	const struct dump_call *dc = call->state;

	(void)result;
	if (dc->then) {
		call_hvd(call, dc->then, domain_params(&dc->ref),
			 call_step_done);
	} else {
		call_reply(call);
	}
}

/* As with libvirt's own drivers, a file that is there is replaced. */
static void dump(struct call *call, bool with_format)
{
	struct dump_call *dc = call_keep(call, sizeof(*dc), free);
	uint32_t format = VIR_DOMAIN_CORE_DUMP_FORMAT_RAW;
	struct json_object *params;
	const char *path;
	uint32_t flags;

	if (!dc) {
		return;
	}
	call_get_domain(call, &dc->ref);
	path = xdr_get_string(&call->args, DUMP_PATH_SIZE - 1);
	if (with_format) {
		format = xdr_get_u32(&call->args);
	}
	flags = xdr_get_u32(&call->args);
	if (!call_args_end(call) ||
	    !call_only_flags(call, flags,
			     VIR_DUMP_CRASH | VIR_DUMP_LIVE | VIR_DUMP_RESET |
				     VIR_DUMP_MEMORY_ONLY)) {
		return;
	}
	if (format != VIR_DOMAIN_CORE_DUMP_FORMAT_RAW) {
		call_error(call, VIR_ERR_OPERATION_UNSUPPORTED,
			   "dumps are ELF files: choose the format 'elf'");
		return;
	}
	if ((flags & VIR_DUMP_CRASH) &&
	    (flags & (VIR_DUMP_LIVE | VIR_DUMP_RESET))) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "a domain that is to be destroyed after the dump "
			   "neither goes on nor is reset");
		return;
	}
	dc->then = flags & VIR_DUMP_CRASH   ? "zone.destroy"
		   : flags & VIR_DUMP_RESET ? "zone.reset"
					    : NULL;
	params = domain_params(&dc->ref);
	json_put(params, "path", json_object_new_string(path));
	json_put(params, "live",
		 json_object_new_boolean(flags & VIR_DUMP_LIVE));
	json_put(params, "force", json_object_new_boolean(true));
	call_hvd(call, "zone.dump", params, dumped);
}

static void core_dump(struct call *call)
{
	dump(call, false);
}

static void core_dump_with_format(struct call *call)
{
	dump(call, true);
}

static const struct procedure rows[] = {
	{ 163, "DomainGetJobInfo", job_info, PROC_READ,
	  "progress is known of dumps" },
	{ 298, "DomainGetJobStats", job_stats, PROC_READ,
	  "not of jobs that are over" },
	{ 164, "DomainAbortJob", abort_job, 0, NULL },
	{ 442, "DomainAbortJobFlags", abort_job_flags, 0, NULL },
	{ 229, "DomainGetControlInfo", control_info, PROC_READ, NULL },
	{ 53, "DomainCoreDump", core_dump, 0,
	  "an ELF file of zone0; `CRASH`, `LIVE`, `RESET`, `MEMORY_ONLY`, "
	  "which it always is" },
	{ 334, "DomainCoreDumpWithFormat", core_dump_with_format, 0,
	  "the same; `RAW` only" },
};

const struct procedure_group job_procedures = {
	"Jobs and dumps", rows, sizeof(rows) / sizeof(rows[0])
};
