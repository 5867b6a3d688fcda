/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shutdown and reboot by the guest's power key.  What is to follow when the
 * guest is off is recorded before the key goes down: a daemon that is killed
 * meanwhile leaves the intent to its successor.
 */
#include <errno.h>
#include <stdio.h>

#include "log.h"
#include "rpc.h"
#include "zone_internal.h"

#define GRACE_MS 60000u /* for a guest to react, if nobody says how long */
/*
 * A guest that boots may not listen yet, and one that reacts ignores the next
 * press.  Longer than gpio.h holds the key down.
 */
#define PRESS_EVERY_MS 5000u

static void on_grace_over(uv_timer_t *timer);

static void press(struct zone *z)
{
	/* one that is just being started hears of it when it is ready */
	z->press_due = io_process_command(&z->io, "powerkey") < 0;
	z->press_again = uv_now(&z->daemon->loop) + PRESS_EVERY_MS;
}

void zone_power_io_ready(struct zone *z)
{
	if (z->press_due) {
		press(z);
	}
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void set_too_slow(const struct zone *z, struct zerror *ret_error)
{
	zerror_set(ret_error, ZERROR_TIMEOUT, NULL,
		   "it may still be at it, or not listen to its power key",
		   "%s did not shut down in time", z->name);
}

/*
 * Presses the key again if it is time, answers who has waited long enough and
 * waits on for the rest.
 */
static void wait_on(struct zone *z)
{
	uint64_t now = uv_now(&z->daemon->loop);
	struct zerror error;
	uint64_t next;

	if (z->force_at && now >= z->force_at) {
		log_info("%s: does not react to its power key: destroyed",
			 z->name);
		/* Who waits for it to be off does so still. */
		zone_destroy(z, NULL);
		return;
	}
	if (now >= z->press_again && now < z->off_deadline) {
		press(z);
	}
	set_too_slow(z, &error);
	next = zone_answer_late(z, now, &error);
	next = earlier(next, earlier(z->press_again, z->off_deadline));
	next = z->force_at ? earlier(next, z->force_at) : next;
	uv_timer_start(&z->grace, on_grace_over, next > now ? next - now : 0,
		       0);
}

/* Who asked may not have waited: it is shown until something else happens. */
static void set_ignored(struct zone *z)
{
	bool reboot = z->intent == ZONE_INTENT_REBOOT;
	char reason[sizeof(z->reason)];
	char at[32];
	struct tm tm;

	if (!localtime_r(&z->asked_at, &tm) ||
	    strftime(at, sizeof(at), "%F %T", &tm) == 0) {
		snprintf(at, sizeof(at), "a time unknown");
	}
	snprintf(reason, sizeof(reason),
		 "power key ignored: asked to %s at %s, guest did not react",
		 reboot ? "reboot" : "shut down", at);
	zone_set_reason(z, reason);
}

static void on_grace_over(uv_timer_t *timer)
{
	struct zone *z = timer->data;
	struct zerror error;

	if (z->step != ZONE_STEP_WAIT_OFF) {
		return;
	}
	wait_on(z);
	if (z->step != ZONE_STEP_WAIT_OFF ||
	    uv_now(&z->daemon->loop) < z->off_deadline) {
		return;
	}
	log_info("%s: does not react to its power key", z->name);
	set_too_slow(z, &error);
	zone_power_give_up(z, "it did not power off in time", &error);
	if (z->state == ZONE_RUNNING) {
		set_ignored(z);
	}
}

void zone_power_give_up(struct zone *z, const char *why,
			const struct zerror *error)
{
	uv_timer_stop(&z->grace);
	z->step = ZONE_STEP_NONE;
	z->press_due = false;
	z->force_at = 0;
	z->cancel_wanted = false;
	zone_enter(z, ZONE_EVENT_EXPIRED);
	zone_publish(z, "power-key-ignored", why);
	job_end(z, JOB_REBOOT, error);
	zone_answer(z, WAIT_SHUTDOWN, error);
	zone_check(z);
}

/* Is there a process that can press the key, now or soon? */
static bool has_key(struct zone *z, struct rpc_call *call)
{
	struct zerror error;

	if (z->io.state != IO_NONE && z->io.state != IO_STOPPING) {
		return true;
	}
	zerror_set(&error, ZERROR_UNSUPPORTED, NULL,
		   z->running_def ? "reset it: that starts one"
				  : "destroy it, then start it again",
		   "%s has no I/O process to press its power key", z->name);
	rpc_fail(call, &error);
	return false;
}

static void ask(struct zone *z, enum zone_intent intent, uint64_t limit_ms,
		bool force, struct rpc_call *call)
{
	job_begin(z, intent == ZONE_INTENT_REBOOT ? JOB_REBOOT : JOB_SHUTDOWN,
		  call);
	z->asked = intent;
	z->asked_at = time(NULL);
	z->asked_ms = limit_ms;
	z->asked_force = force;
	z->cancel_wanted = false;
	zone_wait(z, WAIT_PRESS, call);
	uv_timer_stop(&z->grace);
	if (!zone_step_job(z, ZONE_STEP_PRESS)) {
		struct zone_job job = { .zone = z, .rc = -ENOMEM };

		zone_after_press(z, &job);
	}
}

void zone_shutdown(struct zone *z, unsigned int timeout_s, bool force,
		   struct rpc_call *call)
{
	if (zone_allowed(z, ZONE_EVENT_SHUTDOWN, call) && has_key(z, call)) {
		ask(z, ZONE_INTENT_STAY_OFF, timeout_s * 1000ull, force, call);
	}
}

void zone_reboot(struct zone *z, struct rpc_call *call)
{
	if (zone_allowed(z, ZONE_EVENT_REBOOT, call) &&
	    zone_can_reload(z, call) && has_key(z, call)) {
		ask(z, ZONE_INTENT_REBOOT, 0, false, call);
	}
}

/* The last request says what follows; of two that force, the earlier one does. */
static uint64_t force_time(const struct zone *z, bool waiting,
			   uint64_t deadline)
{
	uint64_t before = waiting ? z->force_at : 0;

	if (z->intent == ZONE_INTENT_REBOOT || !z->asked_force) {
		return z->intent == ZONE_INTENT_REBOOT ? 0 : before;
	}
	return before ? earlier(before, deadline) : deadline;
}

void zone_after_press(struct zone *z, struct zone_job *job)
{
	struct zerror *error = zone_job_error(job, "recording the request");
	uint64_t now = uv_now(&z->daemon->loop);
	uint64_t deadline = now + (z->asked_ms ? z->asked_ms : GRACE_MS);
	bool waiting = z->state != ZONE_RUNNING;
	bool replaces = waiting && z->asked != z->intent;
	struct zerror cancelled;

	if (error) {
		job_end(z, JOB_SHUTDOWN, error);
		job_end(z, JOB_REBOOT, error);
		zone_answer(z, WAIT_PRESS, error);
		z->cancel_wanted = false;
		z->step = waiting ? ZONE_STEP_WAIT_OFF : ZONE_STEP_NONE;
		if (waiting) {
			/* it may have become ready behind our back */
			zone_power_io_ready(z);
			wait_on(z);
		}
		return;
	}
	/* No key has been pressed for it: it is forgotten, on disk, too. */
	if (z->cancel_wanted && !waiting && z->asked != z->intent) {
		z->recorded = z->asked;
		z->asked = z->intent;
		if (zone_step_job(z, ZONE_STEP_PRESS)) {
			return;
		}
	}
	z->intent = z->recorded = z->asked;
	z->off_deadline = waiting && z->off_deadline > deadline
				  ? z->off_deadline
				  : deadline;
	z->step = ZONE_STEP_WAIT_OFF;
	z->force_at = force_time(z, waiting, deadline);
	if (z->intent == ZONE_INTENT_REBOOT) {
		zone_answer_state(z, WAIT_SHUTDOWN,
				  "a reboot was asked for meanwhile");
		zone_enter(z, ZONE_EVENT_REBOOT);
	} else {
		zone_enter(z, ZONE_EVENT_SHUTDOWN);
	}
	if (replaces) {
		zone_set_reason(z, z->intent == ZONE_INTENT_REBOOT
					   ? "shutdown replaced by reboot"
					   : "reboot replaced by shutdown");
	}
	if (z->cancel_wanted) {
		zone_cancelled(NULL, &cancelled);
		zone_answer(z, WAIT_PRESS, &cancelled);
		zone_power_give_up(z, "the wait for it was cancelled",
				   &cancelled);
		return;
	}
	press(z);
	if (z->asked_ms) {
		zone_wait_on(z, WAIT_PRESS, WAIT_SHUTDOWN, deadline);
	} else {
		zone_answer(z, WAIT_PRESS, NULL);
	}
	wait_on(z);
}
