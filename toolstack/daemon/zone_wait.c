/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests that are answered when what they asked for has happened. */
#include <stdlib.h>

#include "rpc.h"
#include "zone_internal.h"

struct zone_waiter {
	struct zone_waiter *next;
	struct rpc_call *call;
	enum zone_wait what;
	uint64_t deadline;
};

static void reply(struct rpc_call *call, const struct zerror *error)
{
	if (error) {
		rpc_fail(call, error);
	} else {
		rpc_result(call, NULL);
	}
}

static bool others_wait(const struct zone *z, const struct zone_waiter *waiter)
{
	const unsigned int off = WAIT_PRESS | WAIT_SHUTDOWN;

	for (const struct zone_waiter *w = z->waiters; w; w = w->next) {
		if (w != waiter && (w->what & off) && (waiter->what & off)) {
			return true;
		}
	}
	return false;
}

/* Of several who wait for the guest to go off, only the last ends that. */
static int on_cancel(void *arg, struct rpc_call *call, struct zerror *ret_error)
{
	struct zone *z = arg;
	struct zone_waiter **place = &z->waiters;
	struct zone_waiter *waiter;
	struct zerror error;

	while ((*place)->call != call) {
		place = &(*place)->next;
	}
	waiter = *place;
	if (!others_wait(z, waiter)) {
		return zone_cancel_wait(z, waiter->what, ret_error);
	}
	*place = waiter->next;
	free(waiter);
	zone_cancelled("others still wait for it", &error);
	rpc_fail(call, &error);
	return 0;
}

void zone_wait(struct zone *z, enum zone_wait what, struct rpc_call *call)
{
	struct zone_waiter *waiter;
	struct zerror error;

	if (!call) {
		return;
	}
	waiter = malloc(sizeof(*waiter));
	if (!waiter) {
		zerror_set(&error, ZERROR_INTERNAL, NULL, NULL,
			   "out of memory; the request goes on");
		rpc_fail(call, &error);
		return;
	}
	*waiter = (struct zone_waiter){ z->waiters, call, what, WAIT_FOR_EVER };
	z->waiters = waiter;
	rpc_call_on_cancel(call, on_cancel, z);
}

/* Those that wait for any of `what` and whose deadline is not after `until`. */
static void answer(struct zone *z, unsigned int what, uint64_t until,
		   const struct zerror *error)
{
	struct zone_waiter **place = &z->waiters;

	while (*place) {
		struct zone_waiter *waiter = *place;

		if (!(waiter->what & what) || waiter->deadline > until) {
			place = &waiter->next;
			continue;
		}
		*place = waiter->next;
		reply(waiter->call, error);
		free(waiter);
	}
}

void zone_answer_early(struct zone *z, unsigned int what,
		       const struct zerror *error)
{
	answer(z, what, WAIT_FOR_EVER, error);
}

void zone_answer(struct zone *z, unsigned int what, const struct zerror *error)
{
	static const struct {
		enum zone_wait wait;
		enum job_kind kind;
	} ends[] = {
		{ WAIT_START, JOB_START },     { WAIT_SHUTDOWN, JOB_SHUTDOWN },
		{ WAIT_DESTROY, JOB_DESTROY }, { WAIT_RESET, JOB_RESET },
		{ WAIT_RESET, JOB_REBOOT },
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (what & ends[i].wait) {
			job_end(z, ends[i].kind, error);
		}
	}
	answer(z, what, WAIT_FOR_EVER, error);
}

void zone_answer_state(struct zone *z, unsigned int what, const char *why)
{
	struct zerror error;

	zerror_set(&error, ZERROR_INVALID_STATE, NULL, NULL, "%s: %s", z->name,
		   why);
	zone_answer(z, what, &error);
}

void zone_wait_on(struct zone *z, enum zone_wait from, enum zone_wait to,
		  uint64_t deadline)
{
	for (struct zone_waiter *w = z->waiters; w; w = w->next) {
		if (w->what == from) {
			w->what = to;
			w->deadline = deadline;
		}
	}
}

uint64_t zone_answer_late(struct zone *z, uint64_t now,
			  const struct zerror *error)
{
	uint64_t next = WAIT_FOR_EVER;

	answer(z, WAIT_ALL, now, error);
	for (const struct zone_waiter *w = z->waiters; w; w = w->next) {
		next = w->deadline < next ? w->deadline : next;
	}
	return next;
}
