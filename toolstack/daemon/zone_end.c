/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a zone, wanted or not, and what is left when it is gone. */
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "rpc.h"
#include "zone_internal.h"

#define PATIENCE_MS 10000u /* then the caller is told why it takes so long */
#define RETRY_MS 20u
#define RETRY_MAX_MS 1000u

static void close_fds(struct zone *z)
{
	zone_unwatch(z);
	if (z->control_fd >= 0) {
		close(z->control_fd);
		z->control_fd = -1;
	}
	if (z->console_fd >= 0) {
		close(z->console_fd);
		z->console_fd = -1;
	}
}

void zone_disconnect(struct zone *z)
{
	close_fds(z);
	zone_answer_state(z, WAIT_ALL, "hvd is stopping");
	zone_set_stop(z);
	zone_devices_gone(&z->io);
}

bool zone_is_to_start(enum zone_intent intent)
{
	return intent == ZONE_INTENT_START || intent == ZONE_INTENT_START_HELD;
}

static bool restarts(const struct zone *z)
{
	return zone_is_to_start(z->intent);
}

void zone_forget_once(struct zone *z)
{
	zone_def_destroy(z->once);
	z->once = NULL;
}

void zone_start_anew(struct zone *z, enum zone_intent intent)
{
	if (z->daemon->stopping) {
		return;
	}
	z->intent = intent;
	zone_start(z, intent == ZONE_INTENT_START_HELD, NULL);
	zone_forget_once(z);
	if (z->state == ZONE_DEFINED) {
		z->intent = ZONE_INTENT_NONE;
		zone_answer_state(z, WAIT_START,
				  z->def ? z->reason
					 : "its definition was removed "
					   "meanwhile");
	}
}

static void gone(struct zone *z)
{
	enum zone_intent intent = z->intent;

	close_fds(z);
	if (zone_is_to_start(intent) && !z->def) {
		z->once = z->running_def; /* transient, and not over yet */
	} else {
		zone_def_destroy(z->running_def);
	}
	z->running_def = NULL;
	z->id = -1;
	z->held = false;
	z->intent = z->recorded = ZONE_INTENT_NONE;
	z->step = ZONE_STEP_NONE;
	zone_enter(z, ZONE_EVENT_GONE);
	zone_publish(z, "stopped", z->reason[0] ? z->reason : NULL);
	zone_answer(z, WAIT_DESTROY | WAIT_SHUTDOWN, NULL);
	if (z->failure.code) {
		zone_answer(z, WAIT_START, &z->failure);
		z->failure = (struct zerror){ 0 };
	}
	if (intent != ZONE_INTENT_NONE) {
		zone_start_anew(z, intent);
	}
	zone_reap(z);
}

static void on_retry(uv_timer_t *timer)
{
	zone_next_destroy(timer->data);
}

/* The callers need not wait for what may take as long as it likes. */
static void explain(struct zone *z, int err)
{
	struct zerror error;

	zerror_set(&error, ZERROR_BUSY, NULL,
		   "it goes on in the background (hvsh info)",
		   "%s: I/O in flight still uses its memory (%s)", z->name,
		   strerror(err));
	zone_answer_early(z, WAIT_DESTROY | WAIT_SHUTDOWN, &error);
	zone_answer_early(z, WAIT_START,
			  z->failure.code ? &z->failure : &error);
}

static void retry_later(struct zone *z, int err)
{
	uint64_t delay = RETRY_MS;

	if (z->destroy_tries++ == 0) {
		z->destroy_since = uv_now(&z->daemon->loop);
		log_info("%s: memory still in use (%s); trying again", z->name,
			 strerror(err));
	}
	delay <<= z->destroy_tries < 6 ? z->destroy_tries : 6;
	if (delay > RETRY_MAX_MS) {
		delay = RETRY_MAX_MS;
	}
	if (uv_now(&z->daemon->loop) - z->destroy_since > PATIENCE_MS) {
		explain(z, err);
	}
	z->step = ZONE_STEP_DESTROY_WAIT;
	uv_timer_start(&z->timer, on_retry, delay, 0);
}

void zone_next_destroy(struct zone *z)
{
	if (!zone_step_job(z, ZONE_STEP_DESTROY)) {
		retry_later(z, ENOMEM);
	}
}

void zone_after_destroy(struct zone *z, const struct zone_job *job)
{
	if (job->rc < 0) {
		retry_later(z, -job->rc);
	} else if (job->record && !restarts(z)) {
		/* not wanted any more: this time the record goes, too */
		zone_next_destroy(z);
	} else {
		gone(z);
	}
}

void zone_begin_destroy(struct zone *z)
{
	z->destroy_wanted = false;
	z->cancel_wanted = false;
	z->press_due = false;
	z->destroy_tries = 0;
	uv_timer_stop(&z->timer);
	uv_timer_stop(&z->grace);
	zone_answer_state(z, WAIT_PAUSE | WAIT_RESUME | WAIT_RESET | WAIT_PRESS,
			  "it was destroyed");
	if (!restarts(z)) {
		z->intent = ZONE_INTENT_NONE;
		if (!z->failure.code) {
			zone_answer_state(z, WAIT_START, "it was destroyed");
		}
	}
	zone_devices_gone(&z->io);
	display_process_stop(&z->display);
	z->step = ZONE_STEP_IO_STOP;
	if (z->io.state == IO_NONE) {
		zone_next_destroy(z);
	} else {
		io_process_stop(&z->io);
	}
}

void zone_destroy(struct zone *z, struct rpc_call *call)
{
	if (!zone_allowed(z, ZONE_EVENT_DESTROY, call)) {
		return;
	}
	job_begin(z, JOB_DESTROY, call);
	zone_wait(z, WAIT_DESTROY, call);
	if (restarts(z)) {
		z->intent = ZONE_INTENT_NONE;
		zone_answer_state(z, WAIT_START, "it was destroyed");
	}
	if (z->state == ZONE_DYING) {
		return;
	}
	zone_set_reason(z, "destroyed");
	if (z->job) {
		z->destroy_wanted = true;
		zone_cancel_job(z);
		return;
	}
	zone_enter(z, ZONE_EVENT_DESTROY);
	zone_begin_destroy(z);
}

void zone_fail(struct zone *z, const struct zerror *error)
{
	char text[sizeof(z->reason)];

	zerror_set(&z->failure, error->code, error->path, error->hint,
		   "%.64s did not start: %.300s", z->name, error->message);
	snprintf(text, sizeof(text), "start failed: %.140s", error->message);
	zone_set_reason(z, text);
	log_warning("%s", z->failure.message);
	z->intent = ZONE_INTENT_NONE; /* it has been tried */
	if (z->state == ZONE_PAUSED) { /* held, and could not be let go */
		zone_answer(z, WAIT_RESUME, error);
		zone_enter(z, ZONE_EVENT_DESTROY);
	} else {
		zone_answer(z, WAIT_RESET, error);
		zone_enter(z, ZONE_EVENT_FAILED);
	}
	zone_begin_destroy(z);
}

void zone_fail_memory(struct zone *z)
{
	struct zerror error;

	zerror_set(&error, ZERROR_INTERNAL, NULL, NULL, "hvd: out of memory");
	zone_fail(z, &error);
}
