/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Jobs as clients see them: what was asked of a zone and is not over yet, with
 * a number, who began it, and how far it is.  (A struct zone_job is one step of
 * such work on another thread.)
 *
 * A zone has room for one in each slot.  What begins while another is under way
 * in its slot has overtaken it, unless it is of the same kind: then it joins it.
 * Each beginning and end is an event of kind "job"; progress is one at most
 * every JOB_TELL_MS.
 */
#ifndef ZV_TOOLSTACK_DAEMON_JOB_H
#define ZV_TOOLSTACK_DAEMON_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "rpc.h"
#include "zerror.h"

struct daemon;
struct json_object;
struct zone;

#define JOB_TELL_MS 1000u

enum job_kind {
	JOB_START,
	JOB_SHUTDOWN,
	JOB_REBOOT,
	JOB_RESET,
	JOB_DESTROY,
	JOB_RESIZE,
	JOB_SET,
	JOB_DUMP,
	JOB_KIND_COUNT,
};

enum job_slot {
	JOB_SLOT_LIFE, /* start to destroy, and dump */
	JOB_SLOT_DEVICE, /* resize, set */
	JOB_SLOT_COUNT,
};

/* Bytes; written by one thread while another reads.  total 0: unknown. */
struct job_progress {
	uint64_t done;
	uint64_t total;
};

struct job {
	uint64_t id; /* 0: nothing is under way */
	enum job_kind kind;
	char by[RPC_WHO_MAX];
	double since; /* seconds since 1970 */
	struct job_progress progress;
	uint64_t told; /* how much of it is known from events */
};

/* call NULL: hvd does it by itself. */
void job_begin(struct zone *zone, enum job_kind kind,
	       const struct rpc_call *call);

/* Is one of that kind under way? */
bool job_is(const struct zone *zone, enum job_kind kind);

/* error NULL: it is done.  Does nothing if none of that kind is under way. */
void job_end(struct zone *zone, enum job_kind kind, const struct zerror *error);

/* The zone that has it, or NULL. */
struct zone *job_find(struct daemon *daemon, uint64_t id,
		      enum job_kind *ret_kind);

/* Notes how far its step is, while there is one. */
void job_look(struct zone *zone);

/* A list of all. */
struct json_object *job_list(struct daemon *daemon);

void job_init(struct daemon *daemon);
/* The daemon ends. */
void job_close(struct daemon *daemon);

static inline void job_progress_add(struct job_progress *progress,
				    uint64_t bytes)
{
	__atomic_fetch_add(&progress->done, bytes, __ATOMIC_RELAXED);
}

static inline void job_progress_total(struct job_progress *progress,
				      uint64_t bytes)
{
	__atomic_store_n(&progress->total, bytes, __ATOMIC_RELAXED);
}

#endif /* ZV_TOOLSTACK_DAEMON_JOB_H */
