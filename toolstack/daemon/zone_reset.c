/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading a zone again: reboot, forced reset, reset by the guest. */
#include "log.h"
#include "rpc.h"
#include "zone_internal.h"

#define IO_RESET_MS 10000u /* for one I/O process to reset its devices */
#define IO_PATIENCE_MS 20000u /* for any to do it */

static void on_silent(uv_timer_t *timer)
{
	struct zone *z = timer->data;

	/* The next process starts with everything reset. */
	io_process_replace(&z->io, "did not reset its devices in time");
}

static void on_patience_over(uv_timer_t *timer)
{
	struct zone *z = timer->data;
	struct zerror error;

	zerror_set(&error, ZERROR_INTERNAL, NULL,
		   "see hvd's log for what hvd-io said",
		   "no I/O process reset its devices%s%s",
		   z->io.last_error[0] ? "; the last one: " : "",
		   z->io.last_error);
	zone_fail(z, &error);
}

void zone_reset_io_ready(struct zone *z)
{
	if (io_process_command(&z->io, "reset") == 0) {
		uv_timer_start(&z->timer, on_silent, IO_RESET_MS, 0);
	}
}

static void on_delay_over(uv_timer_t *timer)
{
	struct zone *z = timer->data;

	if (!zone_step_job(z, ZONE_STEP_RESET)) {
		zone_fail_memory(z);
	}
}

void zone_begin_reset(struct zone *z, bool by_guest)
{
	uint64_t delay = 0;

	z->intent = ZONE_INTENT_NONE;
	z->press_due = false;
	uv_timer_stop(&z->grace);
	zone_answer_state(z, WAIT_SHUTDOWN, "it was reset instead");
	if (by_guest) {
		delay = backoff_next(&z->restarts, uv_now(&z->daemon->loop));
	}
	if (delay) {
		log_info("%s: resets too often; waiting %llu ms", z->name,
			 (unsigned long long)delay);
	}
	z->step = ZONE_STEP_DELAY;
	uv_timer_start(&z->timer, on_delay_over, delay, 0);
}

void zone_after_reset(struct zone *z, struct zone_job *job)
{
	struct zerror *error = zone_job_error(job, "resetting its vCPUs");
	struct zerror no_io;

	if (error) {
		zone_fail(z, error);
		return;
	}
	z->step = ZONE_STEP_IO_RESET;
	uv_timer_start(&z->grace, on_patience_over, IO_PATIENCE_MS, 0);
	if (z->io.state != IO_NONE) {
		zone_reset_io_ready(z); /* or when it is ready */
	} else if (zone_io_begin(z, false, &no_io) < 0) {
		zone_fail(z, &no_io);
	}
}

void zone_reset_io_done(struct zone *z)
{
	uv_timer_stop(&z->timer);
	uv_timer_stop(&z->grace);
	if (!zone_step_job(z, ZONE_STEP_LOAD)) {
		zone_fail_memory(z);
	}
}

void zone_after_load(struct zone *z, struct zone_job *job)
{
	if (job->error.code) {
		zone_fail(z, &job->error);
	} else if (!zone_step_job(z, ZONE_STEP_RUN)) {
		zone_fail_memory(z);
	}
}

bool zone_can_reload(struct zone *z, struct rpc_call *call)
{
	struct zerror error;

	if (z->running_def && !z->held) {
		return true;
	}
	if (z->held) {
		zerror_set(&error, ZERROR_INVALID_STATE, NULL,
			   "resume it first", "%s has not begun to run",
			   z->name);
	} else {
		zerror_set(&error, ZERROR_UNSUPPORTED, NULL,
			   "destroy it, then start it again",
			   "what %s was started with is not known any more",
			   z->name);
	}
	rpc_fail(call, &error);
	return false;
}

void zone_reset(struct zone *z, struct rpc_call *call)
{
	if (!zone_allowed(z, ZONE_EVENT_RESET, call) ||
	    !zone_can_reload(z, call)) {
		return;
	}
	job_begin(z, JOB_RESET, call);
	zone_wait(z, WAIT_RESET, call);
	zone_enter(z, ZONE_EVENT_RESET);
	zone_begin_reset(z, false);
}
